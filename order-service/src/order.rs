//! What the order service decides: an order is placed once, goes on as its saga tells, and ends once. Pure; which step
//! comes next is the orchestrator's business. What a decision on an invoice, a notice or a return is stands beside
//! this.

use std::num::NonZeroU32;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cancel::{CANCEL, Cancellation, cancel};
use crate::conclude::{CONCLUDE, PROGRESS, Payment, Shipment, Step, conclude, progress};
use crate::delivery::{Customer, Delivery};
use crate::invoice::{CONFIRM, Invoice, UNCONFIRM, confirm, unconfirm};
use crate::kept::Kept;
use crate::mail::{MAILED, Mail, mailed};
use crate::notices::{NOTIFY, Noticed, notify_step};
use crate::returns::{CONCLUDE_RETURN, RETURN, Return, ask_for_return, conclude_return};
pub use crate::status::Status;

/// `ce_type` of the message that places an order (from the HTTP API).
pub const PLACE: &str = "order.place";
/// `ce_type` of the event that an order is there.
pub const CREATED: &str = "order.created";

/// Value of `order.place` and of `order.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    pub order_id: OrderId,
    pub customer_id: Uuid,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// What the customer pays, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217, such as `BRL`.
    pub currency: String,
    pub items: Vec<Item>,
    /// How it gets to the customer; none: it is not shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// The warehouse it is taken from; none: the shop's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    pub created_at: Timestamp,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: String,
    pub name: String,
    /// The price of one, in minor units.
    pub amount_minor: i64,
    pub quantity: NonZeroU32,
}

/// A move of an order's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// To which.
    pub status: Status,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An order, as it was placed and what became of it. What is empty is left out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub placed: Placed,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub updated_at: Timestamp,
    /// Confirmed, and its saga still has something to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_be_shipped: bool,
    /// When its saga ended; of an order of an earlier release it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
    /// Every status it had behind `pending`, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The customer wants it taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// The saga's steps, as far as it has told of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// Its invoice is void, or must not be made any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
    /// What the customer was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Noticed>,
}

impl Order {
    /// An order as it begins.
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
            invoice: None,
            unconfirmed: false,
            shipment: None,
            returns: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Whether its saga still has to say how it ends.
    pub fn is_underway(&self) -> bool {
        self.status.is_underway() || self.to_be_shipped
    }

    /// Its status from now on.
    pub(crate) fn becomes(&mut self, status: Status, reason: Option<String>, now: Timestamp) {
        self.updated_at = now;
        if self.status != status {
            self.changes.push(Change { at: now, status, reason: reason.clone() });
        }
        (self.status, self.reason) = (status, reason);
    }

    /// The sum of its lines in minor units; none where it is beyond what an amount can be.
    pub fn sum_minor(&self) -> Option<i64> {
        let of_line = |item: &Item| item.amount_minor.checked_mul(i64::from(item.quantity.get()));
        self.placed.items.iter().try_fold(0_i64, |sum, item| sum.checked_add(of_line(item)?))
    }
}

/// The entity key of an order.
pub fn key(id: &str) -> String {
    format!("order/{id}")
}

/// The order service's decisions, and what of them is a matter of settings.
#[derive(Clone, Debug)]
pub struct Orders {
    /// How long after its end an order may be returned.
    pub return_window: Duration,
    /// The name of the series of invoices.
    pub series: String,
    /// The language of notices to customers who name none.
    pub language: crate::delivery::Language,
    /// Whether notices are mailed.
    pub mails: bool,
}

impl Default for Orders {
    fn default() -> Self {
        let (return_window, series) = (Duration::from_secs(30 * 24 * 3600), "A".to_owned());
        Self { return_window, series, language: crate::delivery::Language::En, mails: false }
    }
}

pub(crate) type Decision<'w, 'a> = &'w mut Transaction<'a, Kept>;

impl Handler for Orders {
    type Entity = Kept;
    type SideEffect = Mail;

    fn decide(&self, tx: &mut Transaction<'_, Kept>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let message = match trigger {
            Trigger::Message(message) => message,
            Trigger::Claimed | Trigger::Timer(_) => return Ok(()),
        };
        match message.kind() {
            Some(PLACE) => place(tx, message, now),
            Some(PROGRESS) => progress(tx, message, now),
            Some(CONFIRM) => confirm(self, tx, message, now),
            Some(UNCONFIRM) => unconfirm(tx, message, now),
            Some(NOTIFY) => notify_step(self, tx, message, now),
            Some(CONCLUDE) => conclude(self, tx, message, now),
            Some(CANCEL) => cancel(tx, message, now),
            Some(RETURN) => ask_for_return(self, tx, message, now),
            Some(CONCLUDE_RETURN) => conclude_return(self, tx, message, now),
            Some(MAILED) => mailed(tx, message, now),
            other => Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
        }
    }

    fn intents(&self, _: &Key, kept: &Kept) -> Vec<Intent<Mail>> {
        match kept {
            Kept::Mailing(mailing) => mailing.intent().into_iter().collect(),
            Kept::Order(_) | Kept::Series(_) => Vec::new(),
        }
    }
}

/// A new order begins pending and is announced. A known one stays as it is, and nothing is announced again.
fn place(tx: Decision<'_, '_>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let placed: Placed = message.json()?;
    let id = placed.order_id.to_string();
    tx.check_home("order", &id)?;
    let key = key(&id);
    if tx.get(&key).is_some() {
        return Ok(());
    }
    let event_id = ids::derive(&[&message.id(), "created"]).to_string();
    let created = Outgoing::event(topics::CREATED_ORDERS, &id, CREATED, event_id, &id, now, &placed);
    tx.send(created.caused_by(message.header(header::TRACEPARENT)));
    tx.put(key, Order::new(placed).into());
    Ok(())
}

/// The order of a message, to be changed. One that nobody placed is an error of whoever asks.
pub(crate) fn known<'w>(tx: &'w mut Transaction<'_, Kept>, id: OrderId) -> Result<&'w mut Order, Unreadable> {
    let id = id.to_string();
    tx.check_home("order", &id)?;
    let kept = tx.update(&key(&id)).and_then(Kept::order_mut);
    kept.ok_or_else(|| Unreadable::Malformed(format!("orderId: there is no order {id}")))
}

/// Carries out a saga's command on an order, with what is first looked at of it, and answers it; an order that is not
/// known refuses. Who only looks writes nothing.
pub(crate) fn answer<T>(
    tx: Decision<'_, '_>,
    message: &Message,
    id: OrderId,
    now: Timestamp,
    look: impl FnOnce(&Order) -> T,
    carry_out: impl FnOnce(Decision<'_, '_>, &str, T) -> Reply,
) -> Result<(), Unreadable> {
    let id = id.to_string();
    tx.check_home("order", &id)?;
    let key = key(&id);
    let reply = match tx.get(&key).and_then(Kept::order).map(look) {
        Some(seen) => carry_out(tx, &key, seen),
        None => Reply::refused("unknown_order", format!("there is no order {id}")),
    };
    tx.send(Outgoing::reply(&message.reply_headers(), &id, now, &reply));
    Ok(())
}

/// The order behind a key that is known to have one, changed.
pub(crate) fn change<T: Default>(tx: Decision<'_, '_>, key: &str, how: impl FnOnce(&mut Order) -> T) -> T {
    tx.update(key).and_then(Kept::order_mut).map(how).unwrap_or_default()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
