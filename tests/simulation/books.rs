//! The books of a run that came to rest: every order ended, every end is consistent, and what was said is what was
//! decided.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::OrderId;
use common::journal::Entity;
use common::topics;
use inventory_service::entity::{Inventory, Stock, reservation_key, stock_key};
use orchestrator::entity::{Entity as SagaEntity, saga_key};
use order_service::order::entity::OrderEntity as Ordering;
use order_service::order::{self, Status};
use payment_service::entity::{self as payment, Payment};

use crate::bank::Book;
use crate::kafka::Kafka;
use crate::ledger::{Ledger, accepted, approvals, misplaced};
use crate::run::Run;
use crate::workload::{Ordered, WAREHOUSE, stock};

/// How payment and reservation may stand when an order ended so.
const ENDS: [(Status, &[&str], &[&str]); 6] = [
    (Status::Confirmed, &["approved"], &["confirmed"]),
    (Status::Shipped, &["approved"], &["confirmed"]),
    // Nobody asked for a payment; what people typed may have been an approval of one that had been declined.
    (Status::Rejected, &["none", "refunded"], &["refused"]),
    (Status::PaymentNotCompleted, &["declined", "cancelled", "refunded"], &["released"]),
    (Status::Cancelled, &["none", "declined", "cancelled", "refunded"], &["none", "released", "refused"]),
    (Status::Refunded, &["refunded"], &["released"]),
];

/// Everything that is wrong at the end of a run.
pub fn check(run: &Run) -> Vec<String> {
    let mut wrong: Vec<String> = run.services.iter().flat_map(|service| service.not_at_rest(&run.world)).collect();
    let book = run.bank.book.lock().unwrap();
    wrong.extend(book.wrong.iter().cloned());
    let mut left: BTreeMap<String, u64> = stock().into_iter().map(|stock| (stock.item_id, stock.on_hand)).collect();
    for ordered in &run.workload.orders {
        let id = ordered.placed.order_id;
        let said = check_order(ordered, run, &book);
        wrong.extend(said.into_iter().map(|what| format!("order {id}: {what}")));
        if status(run, id).is_some_and(Status::is_fulfilled) {
            for item in &ordered.placed.items {
                let left = left.entry(item.id.clone()).or_default();
                *left = left.saturating_sub(item.quantity.get().into());
            }
        }
    }
    for (item, expected) in left {
        let key = stock_key(WAREHOUSE, &item);
        let found = entity::<Inventory>(&run.world.ledger, "inventory-journal", &key);
        let right = |stock: &Stock| stock.on_hand == expected && stock.reserved == 0;
        if !found.as_ref().and_then(Inventory::stock).is_some_and(right) {
            wrong.push(format!("{found:?}, but first minus confirmed is {expected}, and none is reserved"));
        }
    }
    wrong.extend(run.world.ledger.never_said().map(|id| format!("{id:?} was decided and never sent")));
    wrong.extend(strangers(run));
    wrong.extend(not_put_back(&run.world.kafka));
    wrong.extend(still_open::<Ordering>(run, "order-journal"));
    wrong.extend(still_open::<Inventory>(run, "inventory-journal"));
    wrong.extend(still_open::<Payment>(run, "payment-journal"));
    wrong.extend(still_open::<SagaEntity>(run, "saga-journal"));
    wrong
}

/// What nobody placed, and what services could not read of each other. Only people write what can't be read.
fn strangers(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    let placed = run.workload.orders.len();
    for (journal, prefix) in [("order-journal", "order/"), ("saga-journal", "saga/")] {
        let known = run.world.ledger.states(journal).filter(|(key, _)| key.starts_with(prefix)).count();
        wrong.extend((known != placed).then(|| format!("{journal} knows {known} of {placed} orders")));
    }
    let typed = topics::dead_letters(topics::PAYMENT_RESULTS);
    let letters = run.world.kafka.topics().filter(|topic| topic.ends_with(".dlq") && ***topic != *typed);
    wrong.extend(letters.map(|topic| format!("something could not be read: {topic}")));
    wrong
}

/// Results that lie where their order's messages don't, and that nobody put where they do.
fn not_put_back(kafka: &Kafka) -> impl Iterator<Item = String> {
    misplaced(kafka).into_iter().map(|place| format!("{place} was not put back"))
}

/// How an order ended.
pub fn status(run: &Run, id: OrderId) -> Option<Status> {
    let kept = entity::<Ordering>(&run.world.ledger, "order-journal", &order::key(id));
    kept.as_ref().and_then(Ordering::order).map(|order| order.status)
}

fn entity<E: Entity>(ledger: &Ledger, journal: &str, key: &str) -> Option<E> {
    ledger.states(journal).find(|(known, _)| *known == key).map(|(_, state)| state.read().unwrap())
}

fn still_open<E: Entity>(run: &Run, journal: &str) -> Vec<String> {
    let open = run.world.ledger.states(journal).filter(|(_, state)| state.read::<E>().unwrap().is_open());
    open.map(|(key, state)| format!("{key} is still open: {}", state.text())).collect()
}

fn check_order(ordered: &Ordered, run: &Run, book: &Book) -> Vec<String> {
    let id = ordered.placed.order_id;
    let ledger = &run.world.ledger;
    let Some(status) = status(run, id) else { return vec!["it was placed and is not known".to_owned()] };
    let Some((_, payments, reservations)) = ENDS.iter().find(|(end, ..)| *end == status) else {
        return vec![format!("{status} is not an end")];
    };
    let payment = entity::<Payment>(ledger, "payment-journal", &payment::key(id));
    let payment = payment.as_ref().map_or("none", |payment| payment.status.name());
    let reservation = entity::<Inventory>(ledger, "inventory-journal", &reservation_key(&id.to_string()));
    let reservation = reservation.as_ref().and_then(Inventory::reservation);
    let reservation = reservation.map_or("none".to_owned(), |known| format!("{:?}", known.status).to_lowercase());
    let mut wrong = Vec::new();
    let mut check = |good: bool, what: String| wrong.extend((!good).then_some(what));
    let fits = payments.contains(&payment) && reservations.contains(&&*reservation);
    check(fits, format!("it is {status}, its payment {payment}, its reservation {reservation}"));
    let told = match entity::<SagaEntity>(ledger, "saga-journal", &saga_key(id.0)) {
        Some(SagaEntity::Saga(saga)) => saga.ending.map(|ending| ending.status),
        Some(SagaEntity::Early { .. } | SagaEntity::Definition(_) | SagaEntity::Rollout(_) | SagaEntity::Letter(_))
        | None => None,
    };
    // An order knows more of its end than its saga tells: that it was paid, or is shipped.
    let known = [(Status::Refunded, Status::Cancelled), (Status::Shipped, Status::Confirmed)];
    let means = known.iter().find(|(end, _)| *end == status).map_or(status, |(_, told)| *told);
    check(told.as_deref() == Some(means.as_str()), format!("it is {status}, its saga says {told:?}"));
    let approved = approvals(&run.world.kafka, id);
    let given_back = book.refunds.get(&id).map_or(0, BTreeSet::len);
    match payment {
        "approved" => check(approved > 0 && given_back == 0, format!("approved {approved}, given back {given_back}")),
        "refunded" => check(
            given_back > 0 && given_back <= approved,
            format!("it was approved {approved} times and given back {given_back} times"),
        ),
        "declined" | "cancelled" => check(approved == 0, format!("{payment}, and approved {approved} times")),
        _ => {}
    }
    let charged = book.charges.values().filter(|charge| charge.order == id).collect::<Vec<_>>();
    check(charged.len() <= 1, format!("the provider was asked to take it as {charged:?}"));
    let price = charged.iter().all(|charge| charge.amount.0 == ordered.placed.amount_minor);
    check(price, format!("{charged:?} is not its price"));
    // What nobody but the provider decided is asked of the provider, however late.
    if payment == "cancelled" && accepted(&run.world.kafka, id) {
        let kept = charged.iter().any(|charge| book.takes(charge));
        check(!kept, "it was cancelled, the provider had taken it, and nobody gives the money back".to_owned());
    }
    if run.punctual && ordered.expected.is_some_and(|expected| expected != status) {
        wrong.push(format!("it is {status}, and nothing was late: {:?} was expected", ordered.expected));
    }
    wrong
}
