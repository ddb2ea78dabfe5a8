//! An account of the events that a change of an entity must have, independent of the rules that send them: the tests of
//! the handlers compare both for every decision.

use std::collections::{BTreeMap, BTreeSet};

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

/// An event: the entity, the type, and what it is about besides the entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    subject: String,
    kind: String,
    about: String,
}

impl Event {
    fn new(subject: &str, kind: &str, about: &str) -> Self {
        Self { subject: subject.to_owned(), kind: kind.to_owned(), about: about.to_owned() }
    }

    /// The event of a message.
    pub fn of(message: &Outgoing) -> Self {
        let header = |name| message.headers.get(name).unwrap();
        let kind = header(header::TYPE);
        let value: Value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
        let names: &[&str] =
            if kind == "saga.incident-opened" { &[] } else { &["returnId", "refundId", "disputeId", "step"] };
        let about = names.iter().find_map(|name| value[name].as_str()).unwrap_or_default();
        Self::new(header(header::SUBJECT), kind, about)
    }
}

/// An entity whose changes are published.
pub trait Published: Entity {
    /// The topic of its events.
    const TOPIC: &'static str;

    /// The events of a change, given those that were published before.
    fn expected(before: Option<&Self>, after: &Self, published: &BTreeSet<Event>) -> Vec<Event>;
}

impl Published for OrderEntity {
    const TOPIC: &'static str = topics::ORDER_EVENTS;

    fn expected(_: Option<&Self>, after: &Self, published: &BTreeSet<Event>) -> Vec<Event> {
        let implied = after.order().map(of_order).unwrap_or_default();
        implied.into_iter().filter(|event| !published.contains(event)).collect()
    }
}

/// The events that an order in this state must have had, each once.
fn of_order(order: &Order) -> Vec<Event> {
    let subject = order.placed.order_id.to_string();
    let mut kinds = vec!["order.placed"];
    let is_reserved = match order.status {
        Status::Reserved | Status::AwaitingPayment | Status::Paid | Status::Confirmed | Status::Shipped => true,
        Status::Pending
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
        Status::Pending | Status::Reserved | Status::AwaitingPayment | Status::Paid => None,
        Status::Confirmed => Some("order.confirmed"),
        Status::Shipped => Some("order.shipped"),
        Status::Returned => Some("order.returned"),
        Status::Rejected => Some("order.rejected"),
        Status::PaymentNotCompleted => Some("order.not-paid"),
        Status::Cancelled => Some("order.cancelled"),
        Status::Refunded => Some("order.refunded"),
    });
    kinds.extend((order.status == Status::Shipped).then_some("order.confirmed"));
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
        ShipmentStatus::Picked => Some("shipment.picked"),
        ShipmentStatus::HandedOver => Some("shipment.handed-over"),
        ShipmentStatus::Delivered => Some("shipment.delivered"),
        ShipmentStatus::Cancelled => shipment.method.map(|_| "shipment.cancelled"),
        ShipmentStatus::Refused => Some("shipment.refused"),
    };
    let all = shipment.history.iter().map(|entry| entry.status).chain([shipment.status]);
    all.filter_map(kind).map(|kind| Event::new(&shipment.order_id, kind, "")).collect()
}

/// A part of an entity: its state, and the event with which it enters this state.
#[derive(PartialEq, Eq)]
struct Fact {
    state: String,
    kind: Option<&'static str>,
    about: String,
}

impl Fact {
    fn new(state: impl Into<String>, kind: Option<&'static str>) -> Self {
        Self { state: state.into(), kind, about: String::new() }
    }

    fn about(self, about: &str) -> Self {
        Self { about: about.to_owned(), ..self }
    }
}

type Facts = BTreeMap<String, Fact>;

/// The events of the facts that changed.
fn changes(subject: &str, before: &Facts, after: Facts) -> Vec<Event> {
    let is_new = |(part, fact): &(String, Fact)| before.get(part).is_none_or(|known| known.state != fact.state);
    let event = |(_, fact): (String, Fact)| fact.kind.map(|kind| Event::new(subject, kind, &fact.about));
    after.into_iter().filter(is_new).filter_map(event).collect()
}

impl Published for Payment {
    const TOPIC: &'static str = topics::PAYMENT_EVENTS;

    fn expected(before: Option<&Self>, after: &Self, _: &BTreeSet<Event>) -> Vec<Event> {
        let subject = after.order.to_string();
        changes(&subject, &before.map(|before| of_payment(before, None)).unwrap_or_default(), of_payment(after, before))
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
    let refund = match (&payment.status, &payment.approvals.settling) {
        (PaymentStatus::Refunded, _) => Some("payment.refunded"),
        (PaymentStatus::Refunding { .. }, Settling::None) => Some("payment.refund-started"),
        (PaymentStatus::Refunding { .. }, Settling::Pending { .. }) => Some("payment.refund-pending"),
        (PaymentStatus::Refunding { .. }, Settling::Failed { .. }) => Some("payment.refund-failed"),
        (_, _) => None,
    };
    facts.insert("refund".to_owned(), Fact::new(refund.unwrap_or_default(), refund));
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

fn of_part(part: &PartialRefund) -> Fact {
    let kind = match part.state {
        PartState::Refunding { .. } => "payment.refund-started",
        PartState::Pending { .. } => "payment.refund-pending",
        PartState::Failed { .. } => "payment.refund-failed",
        PartState::Refunded { .. } => "payment.part-refunded",
        PartState::Refused { .. } => "payment.refund-refused",
        PartState::Dismissed { .. } => "payment.refund-dismissed",
    };
    Fact::new(kind, Some(kind)).about(&part.id)
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
