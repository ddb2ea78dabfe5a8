//! Invariants checked at every append: journals are read by the validity rule, and sent messages are compared with the
//! decisions.

use std::collections::BTreeMap;

use common::blob::{Blob, Json};
use common::journal::{Positions, Record, Verdict, Write};
use common::messages::{Message, Outgoing, header};
use common::topics;
use inventory_service::entity::{Inventory, Reservation, ReservationStatus as Reserved};
use orchestrator::entity::Entity;
use order_service::order;
use order_service::order::entity::OrderEntity as Ordering;
use payment_service::messages::{PROVIDER_ANSWERED, PaymentResult};

use crate::injected_bug::InjectedBug;
use crate::invoices::{self, Numbering};
use crate::kafka::{EVENT_TOPICS, JournalRecord, Kafka, TopicPartition};
use crate::topic_facts::approvals;
use crate::view::View;

/// The reason of an order whose payment timed out.
const TIMED_OUT: &str = "payment_timed_out";

/// Topic and id of a message. A message without an id is identified by its key and value.
type Id = (String, String);

/// Key and value of a message.
type Content = (Option<Blob>, Option<Vec<u8>>);

/// Checks the invariants during a run.
#[derive(Default)]
pub struct InvariantChecker {
    journals: BTreeMap<TopicPartition, View>,
    /// By partition of the orders' journal.
    numbering: BTreeMap<i32, Numbering>,
    decided: BTreeMap<Id, Vec<Content>>,
    sent: BTreeMap<Id, Content>,
    /// The end offsets of the inputs when a claim was loaded, by journal partition and the claim's offset.
    ends: BTreeMap<(TopicPartition, i64), Positions>,
    /// True if only results that payment-service wrote count.
    pub only_marked_results: bool,
    pub void: u64,
    pub repeated: u64,
    pub violations: Vec<String>,
}

impl InvariantChecker {
    /// Checks a journal record that was appended.
    pub fn journal(&mut self, place: &TopicPartition, record: &JournalRecord, kafka: &Kafka) -> Verdict {
        let journal = self.journals.entry(place.clone()).or_default();
        let before = record.record.as_ref().map_or_else(View::default, |record| journal.before(record));
        let verdict = journal.apply(record, InjectedBug::None);
        match (verdict, &record.record) {
            (Verdict::Claim, _) => {}
            (Verdict::Valid, Some(Record::Entry(entry))) => {
                for (topic, next) in &entry.positions {
                    if before.positions.get(topic).is_some_and(|known| known >= next) {
                        self.violations.push(format!("{place:?} processed {topic} again, up to {next}: {before:?}"));
                    }
                }
                for message in entry.outbox.iter() {
                    let id = id_of(message);
                    let all = self.decided.entry(id.clone()).or_default();
                    all.push(content(message));
                    if EVENT_TOPICS.contains(&&*message.topic) && all.len() > 1 {
                        self.violations.push(format!("{id:?} is published by two decisions"));
                    }
                }
                self.business((place.clone(), entry.owner), &before, &entry.entities, kafka);
            }
            (Verdict::Valid | Verdict::Void | Verdict::Acceptance, _) => self.void += 1,
        }
        verdict
    }

    /// Checks a message that was appended, from an outbox or from an external producer.
    pub fn message(&mut self, message: &Message, decided: bool) {
        let id = id_of_read(message);
        let sent = (message.key.clone(), message.value.clone());
        if decided && !self.decided.get(&id).is_some_and(|all| all.contains(&sent)) {
            self.violations.push(format!("{id:?} was sent, and no valid entry decided it"));
        }
        match self.sent.get(&id) {
            None => _ = self.sent.insert(id, sent),
            Some(first) => {
                self.repeated += 1;
                // A repeated command gets another reply, and the state may have changed in between. A repeated provider
                // call may also return another result.
                let may_differ = id.0 == topics::SAGA_REPLIES || message.kind() == Some(PROVIDER_ANSWERED);
                if *first != sent && !may_differ {
                    self.violations.push(format!("{id:?} was sent twice with different content"));
                }
            }
        }
    }

    /// Decided messages that were never sent.
    pub fn never_sent(&self) -> impl Iterator<Item = &Id> {
        self.decided.keys().filter(|id| !self.sent.contains_key(*id))
    }

    /// The valid state of a journal partition.
    pub fn view(&self, journal: &str, partition: i32) -> Option<&View> {
        self.journals.get(&(journal.into(), partition))
    }

    /// The states of all partitions of a journal.
    pub fn states(&self, journal: &str) -> impl Iterator<Item = (&String, &Json)> {
        self.journals.iter().filter(move |((name, _), _)| **name == *journal).flat_map(|(_, view)| &view.states)
    }

    /// Notes the input ends of a loaded claim, which are read before any timer fires.
    pub fn loaded(&mut self, claim: (TopicPartition, i64), ends: &Positions) {
        self.ends.insert(claim, ends.clone());
    }

    /// The payment results on the topic when the partition was claimed.
    fn waiting<'k>(&self, claim: &(TopicPartition, i64), kafka: &'k Kafka) -> Vec<&'k Message> {
        let end = self.ends.get(claim).and_then(|ends| ends.get(topics::PAYMENT_RESULTS)).copied().unwrap_or(0);
        let log = kafka.messages(topics::PAYMENT_RESULTS, claim.0.1);
        let before = log.split_at(log.partition_point(|message| message.offset < end)).0;
        let counts = |message: &&Message| !self.only_marked_results || message.header(header::MAC).is_some();
        before.iter().filter(counts).collect()
    }

    fn business(&mut self, claim: (TopicPartition, i64), before: &View, changes: &[Write], kafka: &Kafka) {
        for Write { key, state } in changes {
            let violation = match (&*claim.0.0, state) {
                ("order-journal", Some(state)) => order_violation(key, state, before, kafka),
                ("inventory-journal", Some(state)) => stock_violation(state),
                ("saga-journal", Some(state)) => saga_violation(key, state, before, &self.waiting(&claim, kafka)),
                _ => None,
            };
            self.violations.extend(violation.map(|why| format!("{key}: {why}")));
        }
        if &*claim.0.0 == "order-journal" {
            let numbering = self.numbering.entry(claim.0.1).or_default();
            changes.iter().for_each(|change| numbering.apply(change));
            self.violations.extend(numbering.violation());
        }
    }
}

/// An order ends once (a return follows the end), and is confirmed only if it was paid. Its invoice follows it.
fn order_violation(key: &str, state: &Json, before: &View, kafka: &Kafka) -> Option<String> {
    let entity: Ordering = state.read().unwrap();
    let order = entity.order()?;
    let was = before.entity::<Ordering>(key).unwrap();
    let was = was.as_ref().and_then(Ordering::order);
    let ended = was.filter(|was| !was.is_underway()).map(|was| was.status);
    if let Some(was) = ended.filter(|was| *was != order.status && order.status != order::Status::Returned) {
        return Some(format!("it was {was} and becomes {}", order.status));
    }
    let unpaid = order.status.is_fulfilled() && approvals(kafka, order.placed.order_id) == 0;
    if unpaid {
        return Some("it is confirmed without an approval on payment-results".to_owned());
    }
    invoices::violation(was, order, kafka)
}

/// Reserved stock never exceeds the stock on hand.
fn stock_violation(state: &Json) -> Option<String> {
    let state: Inventory = state.read().unwrap();
    let stock = state.stock().filter(|stock| stock.reserved > stock.on_hand);
    let empty = |known: &&Reservation| known.status == Reserved::Confirmed && known.items.is_empty();
    let confirmed = state.reservation().filter(empty);
    let stock = stock.map(|stock| format!("reserved exceeds on hand: {stock:?}"));
    stock.or_else(|| confirmed.map(|_| "a confirmed reservation has no items".to_owned()))
}

/// No fault of this simulation needs an operator, and no saga times out whose result was on the topic at the claim.
fn saga_violation(key: &str, state: &Json, before: &View, waiting: &[&Message]) -> Option<String> {
    // A state with neither word is not parsed.
    if ![saga::Status::Incident.as_str(), TIMED_OUT].iter().any(|word| state.text().contains(word)) {
        return None;
    }
    let Entity::Saga(saga) = state.read().unwrap() else { return None };
    if saga.status == saga::Status::Incident {
        return Some(format!("an incident: {}", state.text()));
    }
    let late = |kept: &Entity| {
        let ending = kept.saga().and_then(|saga| saga.ending.as_ref());
        ending.and_then(|ending| ending.reason.as_deref()) == Some(TIMED_OUT)
    };
    let before = before.entity::<Entity>(key).unwrap();
    let of_saga = |message: &&&Message| PaymentResult::read(message).is_ok_and(|result| result.order_id.0 == saga.id);
    let found = waiting.iter().find(of_saga).map(|message| message.offset);
    let newly = !before.is_some_and(|kept| late(&kept)) && late(&Entity::Saga(saga.clone()));
    found
        .filter(|_| newly)
        .map(|offset| format!("its payment timed out although the result was on the topic at {offset}"))
}

fn content(message: &Outgoing) -> Content {
    (message.key.clone(), message.value.bytes().map(<[u8]>::to_vec))
}

fn id_of(message: &Outgoing) -> Id {
    let id = message.headers.get(header::ID).map_or_else(|| format!("{:?}", content(message)), str::to_owned);
    (message.topic.to_string(), id)
}

fn id_of_read(message: &Message) -> Id {
    let content = || format!("{:?}", (message.key.clone(), message.value.clone()));
    (message.topic.to_string(), message.header(header::ID).map_or_else(content, str::to_owned))
}
