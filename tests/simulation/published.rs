//! An account of the events that a change of an entity must have, independent of the rules that send them: the tests of
//! the handlers compare both for every decision.

use std::collections::{BTreeMap, BTreeSet};

use common::events::published_id;
use common::ids;
use common::journal::Entity;
use common::messages::{Outgoing, header};
use common::topics;
use inventory_service::entity::{Inventory, Shipment, ShipmentStatus};
use order_service::order::entity::OrderEntity;
use order_service::order::parts::ReturnStatus;
use order_service::order::{Order, Status};
use payment_service::entity::Payment;
use payment_service::entity::approval::Settling;
use payment_service::entity::partial_refund::{PartState, PartialRefund};
use payment_service::entity::status::Status as PaymentStatus;
use saga::{Saga, Status as SagaStatus, StepStatus};
use serde_json::Value;

/// An event: the entity, the type, what it is about besides the entity, and the amount of a refund.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    subject: String,
    kind: String,
    about: String,
    amount: Option<i64>,
}

impl Event {
    fn new(subject: &str, kind: &str, about: &str) -> Self {
        Self { subject: subject.to_owned(), kind: kind.to_owned(), about: about.to_owned(), amount: None }
    }

    /// The event of a message.
    pub fn of(message: &Outgoing) -> Self {
        let header = |name| message.headers.get(name).unwrap();
        let kind = header(header::TYPE);
        let value: Value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
        let names: &[&str] = if kind == "saga.incident-opened" {
            &[]
        } else {
            &["returnId", "refundId", "chargeId", "disputeId", "step"]
        };
        let parcel = value["parcel"].as_u64().map(|number| number.to_string());
        let about = names.iter().find_map(|name| value[name].as_str()).or(parcel.as_deref()).unwrap_or_default();
        let amount = value["amountMinor"].as_i64().filter(|_| is_refund(kind));
        Self { amount, ..Self::new(header(header::SUBJECT), kind, about) }
    }
}

/// Returns true if it is the type of an event of a refund of a payment.
fn is_refund(kind: &str) -> bool {
    kind.starts_with("payment.") && kind.contains("refund")
}

/// An entity whose changes are published.
pub trait Published: Entity {
    /// The topic of its events.
    const TOPIC: &'static str;

    /// The events of a change, given those that were published before.
    fn expected(before: Option<&Self>, after: &Self, published: &BTreeSet<Event>) -> Vec<Event>;

    /// Checks the sums of all events, in order, against the entity.
    fn check_sums(&self, _events: &[Event]) {}
}

impl Published for OrderEntity {
    const TOPIC: &'static str = topics::ORDER_EVENTS;

    fn expected(before: Option<&Self>, after: &Self, published: &BTreeSet<Event>) -> Vec<Event> {
        let implied = after.order().map(of_order).unwrap_or_default();
        let returns = before.and_then(Self::order).map(|order| order.returns.as_slice()).unwrap_or_default();
        // A return that was refused at once and has been forgotten is refused again, by an event with the same id.
        let is_forgotten = |event: &Event| {
            event.kind == "order.return-refused" && !returns.iter().any(|known| known.id.to_string() == event.about)
        };
        implied.into_iter().filter(|event| !published.contains(event) || is_forgotten(event)).collect()
    }
}

/// The events that an order in this state must have had, each once.
fn of_order(order: &Order) -> Vec<Event> {
    let subject = order.placed.order_id.to_string();
    let mut kinds = vec!["order.placed"];
    let is_reserved = match order.status {
        Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Confirmed | Status::Shipped => true,
        Status::Pending
        | Status::Cancelling
        | Status::Returned
        | Status::Rejected
        | Status::PaymentNotCompleted
        | Status::Cancelled
        | Status::Refunded => order.invoice.is_some(),
    };
    kinds.extend(is_reserved.then_some("order.reserved"));
    kinds.extend(order.invoice.is_some().then_some("order.invoiced"));
    let is_paid = order.payment.as_ref().is_some_and(|payment| payment.is_approved());
    kinds.extend((is_paid || order.status == Status::Paid).then_some("order.paid"));
    kinds.extend(match order.status {
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Cancelling => None,
        Status::Confirmed => Some("order.confirmed"),
        Status::Shipped => Some("order.shipped"),
        Status::Returned => Some("order.returned"),
        Status::Rejected => Some("order.rejected"),
        Status::PaymentNotCompleted => Some("order.not-paid"),
        Status::Cancelled => Some("order.cancelled"),
        Status::Refunded => Some("order.refunded"),
    });
    kinds.extend((order.status == Status::Shipped).then_some("order.confirmed"));
    let has_left = match order.status {
        Status::Shipped | Status::Returned => true,
        Status::Confirmed => !order.to_be_shipped,
        Status::Refunded => order.was_not_delivered(),
        Status::Pending
        | Status::Reserved
        | Status::AwaitingPayment
        | Status::Paid
        | Status::Cancelling
        | Status::Rejected
        | Status::PaymentNotCompleted
        | Status::Cancelled => false,
    };
    let is_delivered = order.tracking.as_ref().is_some_and(|tracking| tracking.delivered_at.is_some());
    kinds.extend((has_left && is_delivered).then_some("order.delivered"));
    let of_return = |status| match status {
        ReturnStatus::Requested => "order.return-requested",
        ReturnStatus::Returned => "order.return-completed",
        ReturnStatus::Refused => "order.return-refused",
    };
    let returns =
        order.returns.iter().map(|known| Event::new(&subject, of_return(known.status), &known.id.to_string()));
    kinds.into_iter().map(|kind| Event::new(&subject, kind, "")).chain(returns).collect()
}

impl Published for Inventory {
    const TOPIC: &'static str = topics::SHIPMENT_EVENTS;

    fn expected(_: Option<&Self>, after: &Self, published: &BTreeSet<Event>) -> Vec<Event> {
        let implied = after.shipment().map(of_shipment).unwrap_or_default();
        implied.into_iter().filter(|event| !published.contains(event)).collect()
    }
}

/// The events that a shipment in this state must have had, each once.
fn of_shipment(shipment: &Shipment) -> BTreeSet<Event> {
    let kind = |status: ShipmentStatus| match status {
        ShipmentStatus::Requested | ShipmentStatus::Failed => None,
        ShipmentStatus::Created => Some("shipment.created"),
        ShipmentStatus::PickupBooked => Some("shipment.pickup-booked"),
        ShipmentStatus::Picked => Some("shipment.picked"),
        ShipmentStatus::HandedOver => Some("shipment.handed-over"),
        ShipmentStatus::InTransit => Some("shipment.in-transit"),
        ShipmentStatus::Delivered => Some("shipment.delivered"),
        ShipmentStatus::ReturnedToSender => Some("shipment.returned-to-sender"),
        ShipmentStatus::Lost => Some("shipment.lost"),
        ShipmentStatus::Cancelled => shipment.method.map(|_| "shipment.cancelled"),
        ShipmentStatus::Refused => Some("shipment.refused"),
    };
    let all = shipment.history.iter().map(|entry| entry.status).chain([shipment.status]);
    let late = shipment.late_since.map(|_| "shipment.late");
    let mut kinds: Vec<(usize, &str)> = Vec::new();
    kinds.extend(all.filter_map(kind).chain(late).map(|kind| (shipment.parcels.len(), kind)));
    for (index, parcel) in shipment.parcels.iter().enumerate() {
        let all = parcel.history.iter().map(|entry| entry.status).chain([parcel.status]);
        let late = parcel.late_since.map(|_| "shipment.late");
        kinds.extend(all.filter_map(kind).chain(late).map(|kind| (index, kind)));
    }
    // The first parcel has no number.
    let about = |before: usize| if before == 0 { String::new() } else { (before + 1).to_string() };
    kinds.into_iter().map(|(before, kind)| Event::new(&shipment.order_id, kind, &about(before))).collect()
}

/// A part of an entity: its state, and the event with which it enters this state.
#[derive(PartialEq, Eq)]
struct Fact {
    state: String,
    kind: Option<&'static str>,
    about: String,
    amount: Option<i64>,
}

impl Fact {
    fn new(state: impl Into<String>, kind: Option<&'static str>) -> Self {
        Self { state: state.into(), kind, about: String::new(), amount: None }
    }

    fn about(self, about: &str) -> Self {
        Self { about: about.to_owned(), ..self }
    }

    fn of(self, amount: Option<i64>) -> Self {
        Self { amount, ..self }
    }
}

type Facts = BTreeMap<String, Fact>;

/// The events of the facts that changed.
fn changes(subject: &str, before: &Facts, after: Facts) -> Vec<Event> {
    let is_new = |(part, fact): &(String, Fact)| before.get(part).is_none_or(|known| known.state != fact.state);
    let event = |(_, fact): (String, Fact)| {
        fact.kind.map(|kind| Event { amount: fact.amount, ..Event::new(subject, kind, &fact.about) })
    };
    after.into_iter().filter(is_new).filter_map(event).collect()
}

impl Published for Payment {
    const TOPIC: &'static str = topics::PAYMENT_EVENTS;

    fn expected(before: Option<&Self>, after: &Self, _: &BTreeSet<Event>) -> Vec<Event> {
        let subject = after.order.to_string();
        changes(&subject, &before.map(|before| of_payment(before, None)).unwrap_or_default(), of_payment(after, before))
    }

    /// A system that adds up the refunds that were made, and takes back those that failed later, gets what was paid
    /// back.
    fn check_sums(&self, events: &[Event]) {
        let subject = self.order.to_string();
        let mut made = BTreeMap::new();
        for event in events.iter().filter(|event| event.subject == subject) {
            match event.kind.as_str() {
                "payment.part-refunded" | "payment.refunded" => _ = made.insert(&event.about, event.amount),
                "payment.refund-failed" => _ = made.remove(&event.about),
                _ => {}
            }
        }
        // The amount of a refund before the request is not known.
        if let Some(amounts) = made.into_values().collect::<Option<Vec<i64>>>() {
            assert_eq!(amounts.iter().sum::<i64>(), self.refunded_minor(), "{events:#?}");
        }
    }
}

fn of_payment(payment: &Payment, before: Option<&Payment>) -> Facts {
    let mut facts = Facts::new();
    let is_requested = payment.terms.is_some();
    if is_requested {
        facts.insert("request".to_owned(), Fact::new("requested", Some("payment.requested")));
    }
    let was_refunded =
        before.is_some_and(|was| matches!(was.status, PaymentStatus::Refunding { .. } | PaymentStatus::Refunded));
    let was_capturing = before.is_some_and(|was| matches!(was.status, PaymentStatus::Capturing { .. }));
    let kind = match payment.status {
        PaymentStatus::Authorized => (!was_capturing).then_some("payment.authorized"),
        PaymentStatus::Approved => (!was_refunded).then_some("payment.approved"),
        PaymentStatus::Declined => is_requested.then_some("payment.declined"),
        PaymentStatus::Cancelled => is_requested.then_some("payment.cancelled"),
        PaymentStatus::New
        | PaymentStatus::Unrequested { .. }
        | PaymentStatus::Requested { .. }
        | PaymentStatus::Failed
        | PaymentStatus::Pending { .. }
        | PaymentStatus::Capturing { .. }
        | PaymentStatus::Refunding { .. }
        | PaymentStatus::Refunded => None,
    };
    facts.insert("status".to_owned(), Fact::new(payment.status.name(), kind));
    for (index, approval) in payment.approvals.list.iter().enumerate() {
        facts.insert(format!("charge {}", approval.message), of_approval(payment, index, &approval.message));
    }
    for charge in &payment.surplus.0 {
        let is_refunded = charge.approval.refunded_at.is_some();
        let kind = if is_refunded { "payment.refunded" } else { "payment.refund-started" };
        let message = &charge.approval.message;
        let price = payment.price().map(|price| price.amount_minor);
        let fact = Fact::new(kind, Some(kind)).about(&charge_id(payment, message)).of(price);
        facts.insert(format!("charge {message}"), fact);
    }
    if let Some(action) = &payment.action.required {
        let state = serde_json::to_string(action).unwrap();
        facts.insert("action".to_owned(), Fact::new(state, Some("payment.action-required")));
    }
    for part in &payment.partial_refunds.list {
        facts.insert(format!("part {} {}", part.external, part.id), of_part(part));
    }
    for dispute in &payment.disputes {
        let kind = if dispute.is_closed() { "payment.dispute-closed" } else { "payment.dispute-opened" };
        let state = format!("{} {}", dispute.status.name(), dispute.amount_minor);
        facts.insert(format!("dispute {}", dispute.id), Fact::new(state, Some(kind)).about(&dispute.id));
    }
    facts
}

/// The refund of all that is left of an approval.
fn of_approval(payment: &Payment, index: usize, message: &str) -> Fact {
    let kind = match (&payment.status, &payment.approvals.settling) {
        _ if index < payment.approvals.refunded => Some("payment.refunded"),
        _ if index > payment.approvals.refunded => None,
        (PaymentStatus::Refunding { .. }, Settling::None) => Some("payment.refund-started"),
        (PaymentStatus::Refunding { .. }, Settling::Pending { .. }) => Some("payment.refund-pending"),
        (PaymentStatus::Refunding { .. }, Settling::Failed { .. }) => Some("payment.refund-failed"),
        (_, _) => None,
    };
    let left = payment.left_of(index);
    let is_dismissed = |part: &PartialRefund| matches!(part.state, PartState::Dismissed { .. });
    let has_ended_otherwise = left == Some(0) && payment.partial_refunds.list.iter().any(is_dismissed);
    let event = kind.filter(|kind| *kind != "payment.refunded" || !has_ended_otherwise);
    Fact::new(kind.unwrap_or_default(), event).about(&charge_id(payment, message)).of(left)
}

fn charge_id(payment: &Payment, message: &str) -> String {
    ids::derive(&["charge", &payment.order.to_string(), message]).to_string()
}

fn of_part(part: &PartialRefund) -> Fact {
    let kind = match part.state {
        PartState::Refunding { .. } => "payment.refund-started",
        PartState::Pending { .. } => "payment.refund-pending",
        PartState::Failed { .. } => "payment.refund-failed",
        PartState::Refunded { .. } => "payment.part-refunded",
        PartState::Refused { .. } => "payment.refund-refused",
        PartState::Dismissed { .. } => "payment.refund-dismissed",
    };
    let about = if part.id == "whole" { String::new() } else { published_id(&part.id).into_owned() };
    Fact::new(kind, Some(kind)).about(&about).of(Some(part.amount_minor))
}

impl Published for orchestrator::entity::Entity {
    const TOPIC: &'static str = topics::SAGA_EVENTS;

    fn expected(before: Option<&Self>, after: &Self, _: &BTreeSet<Event>) -> Vec<Event> {
        let Some(saga) = after.saga() else { return Vec::new() };
        let before = before.and_then(Self::saga);
        let subject = saga.id.to_string();
        let mut all = changes(&subject, &before.map(of_saga).unwrap_or_default(), of_saga(saga));
        let ended = |status: SagaStatus, kind: &'static str| {
            (before.is_some_and(|was| was.status == status) && saga.status != status).then_some(kind)
        };
        let left = [
            ended(SagaStatus::Paused, "saga.resumed"),
            ended(SagaStatus::Incident, "saga.incident-resolved"),
            ended(SagaStatus::Compensated, "saga.compensating"),
        ];
        all.extend(left.into_iter().flatten().map(|kind| Event::new(&subject, kind, "")));
        all
    }
}

fn of_saga(saga: &Saga) -> Facts {
    let mut facts = Facts::new();
    facts.insert("saga".to_owned(), Fact::new("began", Some("saga.began")));
    let kind = match saga.status {
        SagaStatus::Running | SagaStatus::Compensating => None,
        SagaStatus::Completed | SagaStatus::Compensated => Some("saga.ended"),
        SagaStatus::Incident => Some("saga.incident-opened"),
        SagaStatus::Paused => Some("saga.paused"),
    };
    facts.insert("status".to_owned(), Fact::new(saga.status.as_str(), kind));
    if saga.is_aborted() {
        facts.insert("abort".to_owned(), Fact::new("aborted", Some("saga.compensating")));
    }
    for step in saga.all_steps() {
        if let Some((outcome, _)) = step.outcome() {
            let kind = if outcome == StepStatus::Done { "saga.step-done" } else { "saga.step-failed" };
            facts.insert(format!("outcome of {}", step.name), Fact::new("ended", Some(kind)).about(&step.name));
        }
        let is_compensated = step.status == StepStatus::Compensated;
        let kind = is_compensated.then_some("saga.step-compensated");
        let state = if is_compensated { "compensated" } else { "" };
        facts.insert(format!("compensation of {}", step.name), Fact::new(state, kind).about(&step.name));
    }
    facts
}
