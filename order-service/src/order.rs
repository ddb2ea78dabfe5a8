//! An order: how it was placed and its state since.

pub mod bounds;
pub mod delivery;
pub mod entity;
pub mod limits;
pub mod mailing;
pub mod notice;
pub mod parts;
pub mod policy;
pub mod status;
pub mod terms;

use std::num::NonZeroU32;

use common::ids::OrderId;
use common::money::{Currency, Decimal};
use common::payments::{Action, PaymentChoice};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::delivery::{Customer, Delivery};
use self::notice::NoticeRecord;
use self::parts::{
    Cancellation, Change, CreditNote, Invoice, MOST_ACTION_CHANGES, MOST_DELIVERY_CHANGES, Payment, Return, Shipment,
    Step, Tracking,
};
pub use self::status::Status;

/// Value of `order.place` and of `order.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    pub order_id: OrderId,
    pub customer_id: Uuid,
    /// The recipient of notices; without one no notice is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// The price of the order, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217, such as `BRL`.
    pub currency: String,
    pub items: Vec<Item>,
    /// Without one the order is not shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The warehouse of all items; without one it is the default warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    /// How the customer pays; without one the provider's settings decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentChoice>,
    /// The prices that the items must have; without one any are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_check: Option<PriceCheck>,
    pub created_at: Timestamp,
}

impl Placed {
    /// An amount of the order, with the digits of its currency.
    pub fn money(&self, minor: i64) -> Decimal {
        Decimal::new(minor, Currency::digits_of(&self.currency))
    }
}

/// The prices that the items of an order must have to be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PriceCheck {
    /// Those of the warehouse's items.
    Catalogue,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: String,
    pub name: String,
    /// The unit price, in minor units.
    pub amount_minor: i64,
    pub quantity: NonZeroU32,
}

/// An order. Empty fields are left out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub placed: Placed,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub updated_at: Timestamp,
    /// Confirmed, while its saga still has steps to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_be_shipped: bool,
    /// When its saga ended; `None` also for orders that an earlier release concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
    /// Every status after `pending`, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The customer's request to cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// The saga's steps, as last reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// True once an approved payment was reported. A later report may replace `payment`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_paid: bool,
    /// What the customer must do before the payment can be completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The number of the last report about `action`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub action_number: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credit_notes: Vec<CreditNote>,
    /// A saga of version 3 or 4 undid the confirmation: the invoice is void, or is never issued.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
    /// Where the shipment is; `None` until it leaves the warehouse or is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
    /// The notices sent to the customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeRecord>,
}

impl Order {
    /// A pending order.
    pub fn new(placed: Placed) -> Self {
        Self {
            updated_at: placed.created_at,
            placed,
            status: Status::Pending,
            reason: None,
            to_be_shipped: false,
            concluded_at: None,
            changes: Vec::new(),
            cancellation: None,
            steps: Vec::new(),
            payment: None,
            was_paid: false,
            action: None,
            action_number: 0,
            invoice: None,
            credit_notes: Vec::new(),
            unconfirmed: false,
            shipment: None,
            tracking: None,
            returns: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Returns true until its saga reports its end.
    pub fn is_underway(&self) -> bool {
        self.status.is_underway() || self.to_be_shipped
    }

    /// Sets the status, and records the change if it is another one.
    pub(crate) fn set_status(&mut self, status: Status, reason: Option<String>, now: Timestamp) {
        self.updated_at = now;
        if self.status != status {
            self.changes.push(Change::of_status(status, reason.clone(), now));
        }
        self.status = status;
        self.reason = reason;
        if !self.awaits_payment() {
            self.action = None;
        }
    }

    /// Returns true if a payment was ever reported as approved, also in records of earlier releases.
    pub fn was_paid(&self) -> bool {
        self.was_paid || self.payment.as_ref().is_some_and(Payment::is_approved)
    }

    /// Returns true if it was shipped, did not arrive, and is refunded. An order that was refunded because it was
    /// cancelled has no shipment any more.
    pub fn was_not_delivered(&self) -> bool {
        self.status == Status::Refunded && self.shipment.is_some()
    }

    /// Returns true while it is not paid, but may be.
    pub fn awaits_payment(&self) -> bool {
        self.status.is_underway() && !matches!(self.status, Status::Paid | Status::Cancelling)
    }

    /// Sets what the customer must do, and records the change unless there are too many.
    pub(crate) fn set_action(&mut self, action: Option<Action>, now: Timestamp) {
        self.action = action;
        self.updated_at = now;
        if self.changes.iter().filter(|change| change.action).count() < MOST_ACTION_CHANGES {
            self.changes.push(Change { action: true, ..Change::of_status(self.status, None, now) });
        }
    }

    /// Sets where the shipment is, and records the change unless there are too many. `is_delay` if only the estimated
    /// date has passed.
    pub(crate) fn set_tracking(&mut self, tracking: Tracking, is_delay: bool, now: Timestamp) {
        self.updated_at = now;
        if self.changes.iter().filter(|change| change.delivery.is_some()).count() < MOST_DELIVERY_CHANGES {
            let change = Change::of_status(self.status, None, tracking.at);
            self.changes.push(Change { delivery: Some(tracking.status), late: is_delay, ..change });
        }
        self.tracking = Some(tracking);
    }

    /// Returns true once its delivery was reported.
    pub fn is_delivered(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.delivered_at.is_some())
    }

    /// Returns true while its delivery is expected to be reported.
    pub fn awaits_delivery(&self) -> bool {
        let is_shipped = self.status == Status::Shipped && self.shipment.as_ref().is_some_and(|known| known.tracked);
        is_shipped && self.tracking.as_ref().is_none_or(|tracking| tracking.status.is_underway())
    }

    /// An amount of the order, with the digits of its currency.
    pub fn money(&self, minor: i64) -> Decimal {
        self.placed.money(minor)
    }

    /// The sum of its lines, in minor units; `None` on overflow.
    pub fn sum_minor(&self) -> Option<i64> {
        sum_minor(&self.placed.items)
    }
}

/// The sum of lines, in minor units; `None` on overflow.
pub fn sum_minor(items: &[Item]) -> Option<i64> {
    let of_line = |item: &Item| item.amount_minor.checked_mul(i64::from(item.quantity.get()));
    items.iter().try_fold(0_i64, |sum, item| sum.checked_add(of_line(item)?))
}

/// The entity key of an order.
pub fn key(id: OrderId) -> String {
    format!("order/{id}")
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
