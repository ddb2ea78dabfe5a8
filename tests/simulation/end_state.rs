//! Checks the final state of a run: every order ended, its payment, stock and saga agree with the end, and exactly the
//! decided messages were sent.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::OrderId;
use common::journal::Entity;
use common::messages::{Message, header};
use common::shipments::DeliveryStatus;
use common::topics;
use inventory_service::entity::shipment::SHIPMENT_PREFIX;
use inventory_service::entity::{Inventory, Shipment, ShipmentStatus, Stock, reservation_key, shipment_key, stock_key};
use orchestrator::entity::{DEPLOYED, Entity as SagaEntity, saga_key};
use order_service::order::entity::OrderEntity as Ordering;
use order_service::order::notice::NoticeKind;
use order_service::order::{self, Order, Status};
use payment_service::entity::{self as payment, Payment};
use saga::Saga;

use crate::events;
use crate::invariants::InvariantChecker;
use crate::kafka::{Kafka, partitions};
use crate::provider::ProviderLog;
use crate::run::Run;
use crate::topic_facts::{accepted, approvals, misplaced};
use crate::workload::{Ordered, WAREHOUSE, stock};

/// The allowed payment and reservation statuses for each final order status.
const ENDS: [(Status, &[&str], &[&str]); 6] = [
    (Status::Confirmed, &["approved"], &["confirmed"]),
    (Status::Shipped, &["approved"], &["confirmed"]),
    // No payment was requested; an operator may have published an approval after a decline.
    // A reserve that is repeated after its reservation expired is refused too, and the reservation released.
    (Status::Rejected, &["none", "refunded"], &["refused", "released"]),
    (Status::PaymentNotCompleted, &["declined", "cancelled", "refunded"], &["released"]),
    (Status::Cancelled, &["none", "declined", "cancelled", "refunded"], &["none", "released", "refused"]),
    (Status::Refunded, &["refunded"], &["released"]),
];

/// All violations at the end of a run.
pub fn check(run: &Run) -> Vec<String> {
    let mut violations: Vec<String> = run.services.iter().flat_map(|service| service.violations(&run.sim)).collect();
    let log = run.provider.log.lock().unwrap();
    violations.extend(log.violations.iter().cloned());
    let mut left: BTreeMap<String, u64> = stock().into_iter().map(|stock| (stock.item_id, stock.on_hand)).collect();
    for ordered in &run.workload.orders {
        let id = ordered.placed.order_id;
        let found = check_order(ordered, run, &log);
        violations.extend(found.into_iter().map(|what| format!("order {id}: {what}")));
        if status(run, id).is_some_and(Status::is_fulfilled) {
            for item in &ordered.placed.items {
                let left = left.entry(item.id.clone()).or_default();
                *left = left.saturating_sub(item.quantity.get().into());
            }
        }
    }
    for (item, expected) in left {
        let key = stock_key(WAREHOUSE, &item);
        let found = entity::<Inventory>(&run.sim.invariants, "inventory-journal", &key);
        let right = |stock: &Stock| stock.on_hand == expected && stock.reserved == 0;
        if !found.as_ref().and_then(Inventory::stock).is_some_and(right) {
            violations.push(format!("{found:?}, expected {expected} on hand and none reserved"));
        }
    }
    violations.extend(run.sim.invariants.never_sent().map(|id| format!("{id:?} was decided and never sent")));
    violations.extend(unknown_entities(run));
    violations.extend(not_moved(&run.sim.kafka));
    violations.extend(if run.events { Vec::new() } else { events::unexpected(&run.sim.kafka) });
    violations.extend(still_open::<Ordering>(run, "order-journal"));
    violations.extend(still_open::<Inventory>(run, "inventory-journal"));
    violations.extend(still_open::<Payment>(run, "payment-journal"));
    violations.extend(still_open::<SagaEntity>(run, "saga-journal"));
    violations
}

/// Orders that were not placed, and unreadable messages. Only operators publish unreadable messages.
fn unknown_entities(run: &Run) -> Vec<String> {
    let mut violations = Vec::new();
    let placed = run.workload.orders.len();
    let orders = run.sim.invariants.states("order-journal").filter(|(key, _)| key.starts_with("order/")).count();
    violations.extend((orders != placed).then(|| format!("order-journal has {orders} of {placed} orders")));
    let sagas = run.sim.invariants.states("saga-journal").filter(|(key, _)| key.starts_with("saga/"));
    let sagas: Vec<_> = sagas.filter_map(|(_, state)| state.read::<SagaEntity>().unwrap().into_saga()).collect();
    let of_orders = sagas.iter().filter(|saga| saga.definition == "order").count();
    violations.extend((of_orders != placed).then(|| format!("saga-journal has {of_orders} of {placed} orders")));
    violations.extend(cases_unlike_sagas(run, &sagas));
    violations.extend(unexpected_letters(run));
    violations
}

/// Parcels that did not arrive without the one saga of their case, and sagas of other cases. Nobody decides in a run.
fn cases_unlike_sagas(run: &Run, sagas: &[Saga]) -> Option<String> {
    let shipments = run.sim.invariants.states("inventory-journal").filter(|(key, _)| key.starts_with(SHIPMENT_PREFIX));
    let shipments = shipments.filter_map(|(_, state)| state.read::<Inventory>().unwrap().shipment().cloned());
    let expected: BTreeSet<String> = shipments
        .filter(Shipment::is_to_be_resolved)
        .map(|shipment| shipment.open_case().map_or_else(|| "none".to_owned(), |case| case.to_string()))
        .collect();
    let of_cases = sagas.iter().filter(|saga| saga.definition == "parcel");
    let found: BTreeSet<String> = of_cases.map(|saga| saga.id.to_string()).collect();
    (found != expected).then(|| format!("the cases are {expected:?}, their sagas {found:?}"))
}

/// Each hostile message has a dead letter, and no other message has one, except for results of operators.
fn unexpected_letters(run: &Run) -> Vec<String> {
    let operators = topics::dead_letters(topics::PAYMENT_RESULTS);
    let topics = run.sim.kafka.topics().filter(|topic| topic.ends_with(".dlq"));
    let letters = topics.flat_map(|topic| partitions().flat_map(move |at| run.sim.kafka.messages(topic, at)));
    let place = |letter: &Message| (letter.topic.to_string(), letter.header(header::ID).unwrap_or_default().to_owned());
    let found: BTreeSet<(String, String)> = letters.map(place).collect();
    let hostile = run.workload.hostile.iter().map(|(topic, id)| (topics::dead_letters(topic), id.clone()));
    let expected: BTreeSet<(String, String)> = hostile.collect();
    let lost = expected.difference(&found).map(|letter| format!("no dead letter {letter:?}"));
    let others = found.difference(&expected).filter(|(topic, _)| *topic != operators);
    lost.chain(others.map(|letter| format!("unexpected dead letter {letter:?}"))).collect()
}

/// Results on another partition than their order's that were not moved there.
fn not_moved(kafka: &Kafka) -> impl Iterator<Item = String> {
    misplaced(kafka).into_iter().map(|source| format!("{source} was not moved to its order's partition"))
}

/// The order's status.
pub fn status(run: &Run, id: OrderId) -> Option<Status> {
    order(run, id).map(|order| order.status)
}

/// The order.
pub fn order(run: &Run, id: OrderId) -> Option<Order> {
    let kept = entity::<Ordering>(&run.sim.invariants, "order-journal", &order::key(id));
    kept.as_ref().and_then(Ordering::order).cloned()
}

fn entity<E: Entity>(invariants: &InvariantChecker, journal: &str, key: &str) -> Option<E> {
    invariants.states(journal).find(|(known, _)| *known == key).map(|(_, state)| state.read().unwrap())
}

/// The open entities. The deployed definitions of a partition are never closed.
fn still_open<E: Entity>(run: &Run, journal: &str) -> Vec<String> {
    let states = run.sim.invariants.states(journal).filter(|(key, _)| *key != DEPLOYED);
    let open = states.filter(|(_, state)| state.read::<E>().unwrap().is_open());
    open.map(|(key, state)| format!("{key} is still open: {}", state.text())).collect()
}

/// How an order differs from its shipment. The simulated carrier has brought every parcel to its end, and the customer
/// was notified of it.
fn unlike(order: &Order, shipment: &Shipment) -> Option<String> {
    let ends = match shipment.status {
        ShipmentStatus::Delivered => Some(DeliveryStatus::Delivered),
        ShipmentStatus::ReturnedToSender => Some(DeliveryStatus::ReturnedToSender),
        ShipmentStatus::Lost => Some(DeliveryStatus::Lost),
        ShipmentStatus::Requested
        | ShipmentStatus::Failed
        | ShipmentStatus::Created
        | ShipmentStatus::PickupBooked
        | ShipmentStatus::Picked
        | ShipmentStatus::HandedOver
        | ShipmentStatus::InTransit
        | ShipmentStatus::Cancelled
        | ShipmentStatus::Refused => None,
    };
    let shown = order.tracking.as_ref();
    let is_at_its_end = ends.is_some() || shipment.carrier.is_none();
    let notified = |kind: NoticeKind| order.notices.iter().any(|notice| notice.kind == kind);
    let is_right = shown.map(|known| known.status) == ends
        && shown.map_or(0, |known| known.number) == shipment.reports
        && shown.is_some_and(|known| known.late) == shipment.late_since.is_some()
        && notified(NoticeKind::Delivered) == (ends == Some(DeliveryStatus::Delivered))
        // A report that comes late finds the parcel delivered.
        && (!notified(NoticeKind::Late) || shipment.late_since.is_some());
    let what = || format!("its shipment is {shipment:?}, it shows {shown:?} with {:?}", order.notices);
    (!is_at_its_end || !is_right).then(what)
}

fn check_order(ordered: &Ordered, run: &Run, log: &ProviderLog) -> Vec<String> {
    let id = ordered.placed.order_id;
    let invariants = &run.sim.invariants;
    let Some(status) = status(run, id) else { return vec!["it was placed but does not exist".to_owned()] };
    let Some((_, payments, reservations)) = ENDS.iter().find(|(end, ..)| *end == status) else {
        return vec![format!("{status} is not final")];
    };
    let payment = entity::<Payment>(invariants, "payment-journal", &payment::key(id));
    let payment = payment.as_ref().map_or("none", |payment| payment.status.name());
    let reservation = entity::<Inventory>(invariants, "inventory-journal", &reservation_key(&id.to_string()));
    let reservation = reservation.as_ref().and_then(Inventory::reservation);
    let reservation = reservation.map_or("none".to_owned(), |known| format!("{:?}", known.status).to_lowercase());
    let mut violations = Vec::new();
    let mut check = |good: bool, what: String| violations.extend((!good).then_some(what));
    let fits = payments.contains(&payment) && reservations.contains(&&*reservation);
    check(fits, format!("it is {status}, its payment {payment}, its reservation {reservation}"));
    let invoice = order(run, id).and_then(|order| order.invoice);
    let reserved = ["confirmed", "released"].contains(&&*reservation);
    check(reserved || invoice.is_none(), format!("it has {invoice:?}, its reservation is {reservation}"));
    let saga = entity::<SagaEntity>(invariants, "saga-journal", &saga_key(id.0)).and_then(SagaEntity::into_saga);
    let saga_status = saga.and_then(|saga| saga.ending).map(|ending| ending.status);
    // The order's status is more precise than its saga's: it includes that it was paid or shipped.
    let precise = [(Status::Refunded, Status::Cancelled), (Status::Shipped, Status::Confirmed)];
    let expected = precise.iter().find(|(end, _)| *end == status).map_or(status, |(_, of_saga)| *of_saga);
    check(saga_status.as_deref() == Some(expected.as_str()), format!("it is {status}, its saga is {saga_status:?}"));
    let approved = approvals(&run.sim.kafka, id);
    let refunded = log.refunds.get(&id).map_or(0, BTreeSet::len);
    match payment {
        "approved" => {
            // Charges beyond the first are refunded.
            check(refunded < approved, format!("approved {approved} times, refunded {refunded} times"))
        }
        "refunded" => check(
            refunded > 0 && refunded <= approved,
            format!("it was approved {approved} times and refunded {refunded} times"),
        ),
        "declined" | "cancelled" => check(approved == 0, format!("{payment}, but approved {approved} times")),
        _ => {}
    }
    let charged = log.charges.values().filter(|charge| charge.order == id).collect::<Vec<_>>();
    check(charged.len() <= 1, format!("the provider has several charges: {charged:?}"));
    let price = charged.iter().all(|charge| charge.amount.0 == ordered.placed.amount_minor);
    check(price, format!("{charged:?} is not the order's amount"));
    // The service must have learned from the provider that it took the payment, however late.
    if payment == "cancelled" && accepted(&run.sim.kafka, &run.sim.direct, id) {
        let taken = charged.iter().any(|charge| log.takes(charge));
        check(!taken, "it was cancelled, but the provider took the payment and did not refund it".to_owned());
    }
    if let Some(order) = order(run, id).filter(|order| order.status == Status::Shipped) {
        let shipment = entity::<Inventory>(invariants, "inventory-journal", &shipment_key(&id.to_string()));
        violations.extend(shipment.as_ref().and_then(Inventory::shipment).and_then(|known| unlike(&order, known)));
    }
    if let Some(order) = order(run, id).filter(|_| run.events) {
        violations.extend(events::violations(&run.sim.kafka, &order, payment));
    }
    if run.punctual && ordered.expected.is_some_and(|expected| expected != status) {
        violations.push(format!("it is {status} although nothing was late: {:?} was expected", ordered.expected));
    }
    violations
}
