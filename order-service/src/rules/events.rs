//! Events for external systems: the changes of a decision, as the difference between two states of an order. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

use common::events::reason_code;
use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;

use crate::messages::events::{OrderChanged, OrderEvent};
use crate::order::parts::{Return, ReturnStatus, Step};
use crate::order::{Order, Status};

const CANCELLED_BY_CUSTOMER: &str = "cancelled_by_customer";
const CANCELLED_BY_OPERATOR: &str = "cancelled_by_operator";
/// The reasons of cancellations that the saga of an order gives.
const SAGA_REASONS: [&str; 3] = [CANCELLED_BY_CUSTOMER, CANCELLED_BY_OPERATOR, "deadline_exceeded"];
/// The ends of the reasons that the saga derives from a step's name.
const STEP_OUTCOMES: [&str; 4] = ["_refused", "_failed", "_timed_out", "_abandoned"];
/// The reasons of refused returns: of this service, of inventory-service and of the saga.
const RETURN_REASONS: [&str; 12] = [
    "not_fulfilled",
    "too_late",
    "parcel_lost",
    "nothing_left",
    "too_many_returns",
    "unknown_item",
    "more_than_ordered",
    "unknown_order",
    "not_returnable",
    "goods_not_received",
    CANCELLED_BY_OPERATOR,
    "deadline_exceeded",
];

/// The events of the changes from `before` to `after`, in the order in which it happens to an order; a new order has
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
        // A delivery may be reported before the saga's end.
        OrderEvent::Delivered => {
            order.is_delivered() && (was(&[Status::Shipped, Status::Returned]) || is_confirmed(order))
        }
        OrderEvent::Rejected => was(&[Status::Rejected]),
        OrderEvent::NotPaid => was(&[Status::PaymentNotCompleted]),
        OrderEvent::Cancelled => was(&[Status::Cancelled]),
        OrderEvent::Refunded => was(&[Status::Refunded]),
        OrderEvent::Returned => was(&[Status::Returned]),
        // They are compared return by return.
        OrderEvent::ReturnRequested | OrderEvent::ReturnCompleted | OrderEvent::ReturnRefused => false,
    }
}

/// Returns true if it ended as confirmed.
fn is_confirmed(order: &Order) -> bool {
    order.status == Status::Confirmed && !order.to_be_shipped
}

const fn of_return(status: ReturnStatus) -> OrderEvent {
    match status {
        ReturnStatus::Requested => OrderEvent::ReturnRequested,
        ReturnStatus::Returned => OrderEvent::ReturnCompleted,
        ReturnStatus::Refused => OrderEvent::ReturnRefused,
    }
}

/// The reason of the order's ending. An operator chooses that of a cancellation freely, so it may contain personal
/// data: unless it is a code of the saga, a fixed code takes its place.
fn reason_of_order(order: &Order) -> Option<String> {
    let reason = order.reason.as_deref()?;
    let is_cancelled = matches!(order.status, Status::Cancelled | Status::Refunded) && !order.was_not_delivered();
    if !is_cancelled || SAGA_REASONS.contains(&reason) || order.steps.iter().any(|step| is_reason_of(step, reason)) {
        return reason_code(Some(reason));
    }
    let code = if order.cancellation.is_some() { CANCELLED_BY_CUSTOMER } else { CANCELLED_BY_OPERATOR };
    Some(code.to_owned())
}

/// Returns true if it is the reason of the step's refusal, or the step's name with its outcome.
fn is_reason_of(step: &Step, reason: &str) -> bool {
    let outcome = reason.strip_prefix(&step.step.replace('-', "_"));
    step.reason.as_deref() == Some(reason) || outcome.is_some_and(|outcome| STEP_OUTCOMES.contains(&outcome))
}

/// The reason of a return's end. The saga of a return reports those of the warehouse and of operators alike: only known
/// codes are published.
fn reason_of_return(known: &Return) -> Option<String> {
    let reason = known.outcome_reason.as_deref();
    reason.filter(|reason| RETURN_REASONS.contains(reason)).map(str::to_owned)
}

/// The credit note that was issued with the event.
fn credit_note_of(event: OrderEvent, order: &Order, about: Option<&Return>) -> Option<String> {
    if !matches!(event, OrderEvent::ReturnCompleted | OrderEvent::Refunded) {
        return None;
    }
    let return_id = about.map(|known| known.id);
    let note = order.credit_notes.iter().find(|note| note.return_id == return_id);
    note.map(|note| note.number.clone())
}

fn message(event: OrderEvent, order: &Order, about: Option<&Return>, now: Timestamp) -> Outgoing {
    let kind = event.kind();
    let key = order.placed.order_id.to_string();
    let return_name = about.map(|known| known.id.to_string()).unwrap_or_default();
    let id = ids::derive(&[topics::ORDER_EVENTS, kind, &key, &return_name]).to_string();
    let value = OrderChanged {
        order_id: order.placed.order_id,
        customer_id: order.placed.customer_id,
        status: order.status,
        amount_minor: order.placed.amount_minor,
        currency: order.placed.currency.clone(),
        at: now,
        reason: about.map_or_else(|| reason_of_order(order), reason_of_return),
        invoice_number: order.invoice.as_ref().map(|invoice| invoice.number.clone()),
        credit_note_number: credit_note_of(event, order, about),
        return_id: about.map(|known| known.id),
        refund_minor: about.map(|known| known.refund_minor),
    };
    Outgoing::event(topics::ORDER_EVENTS, &key, kind, id, &key, now, &value)
}

#[cfg(test)]
mod tests;
