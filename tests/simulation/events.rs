//! Checks the events for external systems at the end of a run: they agree with the final states, whatever was repeated
//! or late.

use std::collections::BTreeSet;

use common::ids::OrderId;
use common::messages::header;
use common::topics;
use order_service::order::{Order, Status};
use payment_service::messages::events::PaymentEvent;
use serde_json::Value;

use crate::kafka::{EVENT_TOPICS, Kafka, partitions};
use crate::topic_facts::home;

/// The events on a topic about an order, without its prefix; each is on the order's partition.
fn names(kafka: &Kafka, topic: &str, order: OrderId) -> BTreeSet<String> {
    let id = order.to_string();
    let of_order = kafka.messages(topic, home(order)).iter().filter(|event| event.header(header::SUBJECT) == Some(&id));
    let name = |kind: &str| kind.split_once('.').map_or(kind, |(_, name)| name).to_owned();
    of_order.filter_map(|event| event.kind().map(name)).collect()
}

/// Returns true if an event reports that the payment of an order is refunded. The refunds of further charges have the
/// same event, with another status of the payment.
fn is_refunded(kafka: &Kafka, order: OrderId) -> bool {
    let id = order.to_string();
    let events = kafka.messages(topics::PAYMENT_EVENTS, home(order)).iter();
    let mut refunded = events.filter(|event| {
        event.header(header::SUBJECT) == Some(&id) && event.kind() == Some(PaymentEvent::Refunded.kind())
    });
    refunded.any(|event| {
        let value: Value = serde_json::from_slice(event.value.as_deref().unwrap()).unwrap();
        value["status"] == "refunded"
    })
}

/// The events of an order with this state, and those that it may have besides.
fn expected(order: &Order) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let fulfilled = ["placed", "reserved", "invoiced", "paid", "confirmed"];
    let unfulfilled = |ending: &'static str| (["placed", ending].into(), ["reserved", "invoiced", "paid"].into());
    match order.status {
        Status::Confirmed => (fulfilled.into(), BTreeSet::new()),
        Status::Shipped => {
            let is_delivered = order.tracking.as_ref().is_some_and(|tracking| tracking.delivered_at.is_some());
            let delivered = is_delivered.then_some("delivered");
            (fulfilled.into_iter().chain(["shipped"]).chain(delivered).collect(), BTreeSet::new())
        }
        Status::Rejected => unfulfilled("rejected"),
        Status::PaymentNotCompleted => unfulfilled("not-paid"),
        Status::Cancelled => unfulfilled("cancelled"),
        Status::Refunded => (["placed", "paid", "refunded"].into(), ["reserved", "invoiced", "confirmed"].into()),
        Status::Pending
        | Status::Reserved
        | Status::AwaitingPayment
        | Status::Paid
        | Status::Cancelling
        | Status::Returned => (BTreeSet::new(), BTreeSet::new()),
    }
}

/// The violations of an order whose payment has this status.
pub fn violations(kafka: &Kafka, order: &Order, payment: &str) -> Vec<String> {
    let id = order.placed.order_id;
    let [orders, shipments, payments, sagas] = EVENT_TOPICS.map(|topic| names(kafka, topic, id));
    let (needed, allowed) = expected(order);
    let found: BTreeSet<&str> = orders.iter().map(String::as_str).collect();
    let mut violations = Vec::new();
    let mut check = |good: bool, what: String| violations.extend((!good).then_some(what));
    let fits = found.is_superset(&needed) && found.iter().all(|name| needed.contains(name) || allowed.contains(name));
    check(fits, format!("it is {}, its events are {found:?}", order.status));
    let is_paid = payments.contains("requested") && payments.contains("approved");
    check(payment != "approved" || is_paid, format!("its payment is {payment}, with {payments:?}"));
    let is_refunded = payments.contains("refund-started") && is_refunded(kafka, id);
    check((payment == "refunded") == is_refunded, format!("its payment is {payment}, with {payments:?}"));
    check(payment != "declined" || payments.contains("declined"), format!("it was declined, with {payments:?}"));
    let is_shipped = order.status == Status::Shipped;
    check(!is_shipped || shipments.contains("created"), format!("it is shipped, with {shipments:?}"));
    let status = order.tracking.as_ref().map(|tracking| tracking.status.name().replace('_', "-"));
    let is_reported = status.as_ref().is_none_or(|status| shipments.contains(status));
    check(!is_shipped || is_reported, format!("its shipment is {status:?}, with {shipments:?}"));
    let has_ended = ["began", "ended"].iter().all(|name| sagas.contains(*name));
    check(has_ended, format!("its saga has {sagas:?}"));
    violations
}

/// The events of a run without events.
pub fn unexpected(kafka: &Kafka) -> Vec<String> {
    let all = EVENT_TOPICS.into_iter().flat_map(|topic| partitions().map(move |partition| (topic, partition)));
    let written = all.filter(|(topic, partition)| !kafka.messages(topic, *partition).is_empty());
    written.map(|(topic, _)| format!("{topic} has events although they are off")).collect()
}
