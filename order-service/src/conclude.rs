//! What the saga tells an order: how far it is, and how it ends.

use common::ids::OrderId;
use common::messages::{Message, Reply, Unreadable};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::notices::{Kind, tell};
use crate::order::{Decision, Order, Orders, Status, answer, change, known};

/// `ce_type` of the message by which the orchestrator tells how far an order is. It is not answered.
pub const PROGRESS: &str = "order.progress";
/// `ce_type` of the command by which the orchestrator tells how an order ended.
pub const CONCLUDE: &str = "order.conclude";

/// Value of `order.progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub order_id: OrderId,
    pub status: Status,
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// Value of `order.conclude`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conclude {
    pub order_id: OrderId,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The result of its payment, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// Its shipment, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
}

/// What one step of the saga came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How its payment ended: the message on `payment-results`, as far as it says so. A person's may say no more than a
/// status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderPayment)]
pub struct Payment {
    /// `approved` or `declined`.
    #[serde(default)]
    pub status: String,
    /// Its id at payment-service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The provider's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Payment {
    /// Whether it was paid.
    pub fn is_approved(&self) -> bool {
        self.status.trim().eq_ignore_ascii_case("approved")
    }
}

/// How it gets to the customer: what `inventory.ship` answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderShipment)]
pub struct Shipment {
    /// Its id at inventory-service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment_id: Option<String>,
    /// Who brings it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// `standard`, `express` or `pickup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The day it is expected, such as `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
}

/// Takes in how far the saga is. What comes late, behind its end or behind a later status, changes nothing.
pub(crate) fn progress(tx: Decision<'_, '_>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let told: Progress = message.json()?;
    if !told.status.is_underway() {
        let status = told.status;
        return Err(Unreadable::Malformed(format!("status: an order is not on its way as {status}")));
    }
    let order = known(tx, told.order_id)?;
    if order.is_underway() && order.status < told.status {
        order.becomes(told.status, None, now);
        order.steps = told.steps;
    }
    Ok(())
}

/// The order ends, once. The same ending again is answered as before.
pub(crate) fn conclude(
    rules: &Orders,
    tx: Decision<'_, '_>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let ending: Conclude = message.json()?;
    if ending.status.is_underway() {
        return Err(Unreadable::Malformed(format!("status: an order cannot end as {}", ending.status)));
    }
    let look = |order: &Order| (order.is_underway(), order.status);
    answer(tx, message, ending.order_id, now, look, |tx, key, (underway, known)| {
        let last = last_status(&ending);
        if !underway && (known == last || known == Status::Returned && last.is_fulfilled()) {
            return Reply::done();
        }
        if !underway {
            return Reply::refused("already_ended", format!("the order is {known} and cannot become {last}"));
        }
        change(tx, key, |order| end(order, ending, last, now));
        if let Some(kind) = Kind::of_ending(last) {
            tell(rules, tx, key, kind, None, now);
        }
        Reply::done()
    })
}

/// What the ending is to the order: one that is shipped is not only confirmed, one that was paid is not only cancelled.
fn last_status(ending: &Conclude) -> Status {
    let paid = ending.payment.as_ref().is_some_and(Payment::is_approved);
    match ending.status {
        Status::Confirmed if ending.shipment.is_some() => Status::Shipped,
        Status::Cancelled if paid => Status::Refunded,
        Status::Pending
        | Status::Reserved
        | Status::AwaitingPayment
        | Status::Paid
        | Status::Confirmed
        | Status::Shipped
        | Status::Returned
        | Status::Rejected
        | Status::PaymentNotCompleted
        | Status::Cancelled
        | Status::Refunded => ending.status,
    }
}

fn end(order: &mut Order, ending: Conclude, last: Status, now: Timestamp) {
    order.becomes(last, ending.reason, now);
    order.concluded_at = Some(now);
    order.to_be_shipped = false;
    order.steps = ending.steps;
    order.payment = ending.payment.or_else(|| order.payment.take());
    // What was undone is not on its way.
    order.shipment = ending.shipment.filter(|_| last == Status::Shipped);
}
