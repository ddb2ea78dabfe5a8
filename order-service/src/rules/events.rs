//! Events for external systems: what a decision changed, as the difference between two states of an order. They are
//! in the outbox of the decision, so a change is published exactly if it is made.

use common::events::reason_code;
use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;

use crate::messages::events::{OrderChanged, OrderEvent};
use crate::order::parts::{Return, ReturnStatus};
use crate::order::{Order, Status};

/// The events of what changed from `before` to `after`, in the order in which it happens to an order; a new order has
/// no state before. They continue the trace of the message.
pub(super) fn of_change(before: Option<&Order>, after: &Order, now: Timestamp, trace: Option<&str>) -> Vec<Outgoing> {
    let is_new =
        |event: &OrderEvent| has_happened(*event, after) && !before.is_some_and(|order| has_happened(*event, order));
    let event = |event: OrderEvent, about: Option<&Return>| message(event, after, about, now).caused_by(trace);
    let mut all: Vec<Outgoing> =
        OrderEvent::OF_ORDER.into_iter().filter(is_new).map(|happened| event(happened, None)).collect();
    for new in &after.returns {
        let known = before.and_then(|order| order.returns.iter().find(|known| known.id == new.id));
        if known.is_none_or(|known| known.status != new.status) {
            all.push(event(of_return(new.status), Some(new)));
        }
    }
    if is_new(&OrderEvent::Returned) {
        all.push(event(OrderEvent::Returned, None));
    }
    all
}

/// Returns true if the event has happened to the order; then it has happened in all its later states.
fn has_happened(event: OrderEvent, order: &Order) -> bool {
    let was =
        |all: &[Status]| all.contains(&order.status) || order.changes.iter().any(|change| all.contains(&change.status));
    match event {
        OrderEvent::Placed => true,
        OrderEvent::Reserved => {
            order.invoice.is_some()
                || was(&[Status::Reserved, Status::AwaitingPayment, Status::Paid, Status::Confirmed, Status::Shipped])
        }
        OrderEvent::Invoiced => order.invoice.is_some(),
        OrderEvent::Paid => was(&[Status::Paid]) || order.was_paid(),
        OrderEvent::Confirmed => was(&[Status::Confirmed, Status::Shipped]),
        OrderEvent::Shipped => was(&[Status::Shipped]),
        OrderEvent::Rejected => was(&[Status::Rejected]),
        OrderEvent::NotPaid => was(&[Status::PaymentNotCompleted]),
        OrderEvent::Cancelled => was(&[Status::Cancelled]),
        OrderEvent::Refunded => was(&[Status::Refunded]),
        OrderEvent::Returned => was(&[Status::Returned]),
        // They are compared return by return.
        OrderEvent::ReturnRequested | OrderEvent::ReturnCompleted | OrderEvent::ReturnRefused => false,
    }
}

const fn of_return(status: ReturnStatus) -> OrderEvent {
    match status {
        ReturnStatus::Requested => OrderEvent::ReturnRequested,
        ReturnStatus::Returned => OrderEvent::ReturnCompleted,
        ReturnStatus::Refused => OrderEvent::ReturnRefused,
    }
}

fn message(event: OrderEvent, order: &Order, about: Option<&Return>, now: Timestamp) -> Outgoing {
    let kind = event.kind();
    let key = order.placed.order_id.to_string();
    let return_name = about.map(|known| known.id.to_string()).unwrap_or_default();
    let id = ids::derive(&[topics::ORDER_EVENTS, kind, &key, &return_name]).to_string();
    let reason = about.map_or(order.reason.as_deref(), |known| known.outcome_reason.as_deref());
    let value = OrderChanged {
        order_id: order.placed.order_id,
        customer_id: order.placed.customer_id,
        status: order.status,
        amount_minor: order.placed.amount_minor,
        currency: order.placed.currency.clone(),
        at: now,
        reason: reason_code(reason),
        invoice_number: order.invoice.as_ref().map(|invoice| invoice.number.clone()),
        return_id: about.map(|known| known.id),
        refund_minor: about.map(|known| known.refund_minor),
    };
    Outgoing::event(topics::ORDER_EVENTS, &key, kind, id, &key, now, &value)
}

#[cfg(test)]
mod tests;
