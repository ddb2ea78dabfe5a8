//! Kafka in memory: topics of two partitions, and producers whose records are appended in order, late, or never.
//! Journal records are encoded and decoded, as on a real topic.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use common::journal::{Head, Record};
use common::messages::{Message, Outgoing};
use common::time::Timestamp;
use common::topics;

/// Partitions of every topic.
pub const PARTITIONS: i32 = 2;

/// The topics of the system, the journals first.
pub const TOPICS: [&str; 16] = [
    "order-journal",
    "inventory-journal",
    "payment-journal",
    "saga-journal",
    topics::ORDER_COMMANDS,
    topics::CREATED_ORDERS,
    topics::INVENTORY_COMMANDS,
    topics::PAYMENT_COMMANDS,
    topics::SAGA_REPLIES,
    topics::PAYMENT_RESULTS,
    topics::CASES,
    topics::CASE_DECISIONS,
    topics::ORDER_EVENTS,
    topics::SHIPMENT_EVENTS,
    topics::PAYMENT_EVENTS,
    topics::SAGA_EVENTS,
];

/// Those of events for external systems.
pub const EVENT_TOPICS: [&str; 4] =
    [topics::ORDER_EVENTS, topics::SHIPMENT_EVENTS, topics::PAYMENT_EVENTS, topics::SAGA_EVENTS];

/// How many of them are journals.
pub const JOURNALS: usize = 4;

/// Every partition.
pub fn partitions() -> impl Iterator<Item = i32> {
    0..PARTITIONS
}

/// A topic and a partition.
pub type TopicPartition = (Arc<str>, i32);

/// A record of a journal.
pub struct JournalRecord {
    /// `None` for an unreadable record.
    pub record: Option<Record>,
    /// The part that the validity rule uses.
    pub head: Head,
}

/// A record that is not appended yet.
pub enum InFlight {
    /// The bytes of a journal record.
    Append(Vec<u8>),
    /// A message of the outbox of the journal record at `of`; `None` for other messages.
    Message { of: Option<i64>, message: Box<Outgoing> },
}

/// Records in flight. Those of one partition keep their order.
#[derive(Default)]
pub struct Producer {
    queues: BTreeMap<TopicPartition, VecDeque<InFlight>>,
    /// The value of `ce_source`.
    pub source: &'static str,
}

impl Producer {
    pub fn new(source: &'static str) -> Self {
        Self { queues: BTreeMap::new(), source }
    }

    pub fn append(&mut self, journal: &str, partition: i32, bytes: Vec<u8>) {
        self.queues.entry((journal.into(), partition)).or_default().push_back(InFlight::Append(bytes));
    }

    pub fn send(&mut self, of: Option<i64>, message: Outgoing) {
        let place = (Arc::from(&*message.topic), message.partition_of(PARTITIONS));
        self.queues.entry(place).or_default().push_back(InFlight::Message { of, message: Box::new(message) });
    }

    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Returns true if any record is for an available partition.
    pub fn can_append(&self, unavailable: &BTreeSet<TopicPartition>) -> bool {
        self.queues.keys().any(|place| !unavailable.contains(place))
    }

    /// Removes the first record of a random available partition.
    pub fn next(
        &mut self,
        rng: &mut fastrand::Rng,
        unavailable: &BTreeSet<TopicPartition>,
    ) -> Option<(TopicPartition, InFlight)> {
        let available: Vec<&TopicPartition> =
            self.queues.keys().filter(|place| !unavailable.contains(*place)).collect();
        let place = rng.choice(available)?.clone();
        let queue = self.queues.get_mut(&place)?;
        let flight = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&place);
        }
        Some((place, flight?))
    }

    /// Drops the records of a random partition.
    pub fn lose(&mut self, rng: &mut fastrand::Rng) {
        let place = rng.choice(self.queues.keys().collect::<Vec<_>>()).cloned();
        place.map(|place| self.queues.remove(&place));
    }

    /// Drops the first records of a random partition, but not those behind them.
    pub fn drop_first(&mut self, rng: &mut fastrand::Rng) {
        let place = rng.choice(self.queues.keys().collect::<Vec<_>>()).cloned();
        if let Some(place) = place
            && let Some(queue) = self.queues.get_mut(&place)
        {
            let most = queue.len();
            let lost = if rng.bool() { rng.usize(1..8).min(most) } else { (most - 1).max(1) };
            queue.drain(..lost);
            if queue.is_empty() {
                self.queues.remove(&place);
            }
        }
    }
}

/// Logs by topic and partition.
type Logs<T> = BTreeMap<Arc<str>, BTreeMap<i32, Vec<T>>>;

fn log<'l, T>(logs: &'l Logs<T>, topic: &str, partition: i32) -> &'l [T] {
    logs.get(topic).and_then(|topic| topic.get(&partition)).map_or(&[], Vec::as_slice)
}

/// A partition's log, to append to.
fn log_mut<'l, T>(logs: &'l mut Logs<T>, (topic, partition): &TopicPartition) -> &'l mut Vec<T> {
    logs.entry(topic.clone()).or_default().entry(*partition).or_default()
}

/// The logs.
#[derive(Default)]
pub struct Kafka {
    messages: Logs<Message>,
    journals: Logs<JournalRecord>,
}

impl Kafka {
    /// All messages of a partition.
    pub fn messages(&self, topic: &str, partition: i32) -> &[Message] {
        log(&self.messages, topic, partition)
    }

    /// The topics that have a message.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.messages.keys()
    }

    /// The records of a journal partition.
    pub fn journal(&self, topic: &str, partition: i32) -> &[JournalRecord] {
        log(&self.journals, topic, partition)
    }

    /// The offset after the last message of a partition.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        self.messages(topic, partition).last().map_or(0, |message| message.offset + 1)
    }

    /// Appends a journal record and returns its offset.
    pub fn append(&mut self, place: &TopicPartition, bytes: &[u8]) -> i64 {
        let record = Record::decode(bytes).ok();
        let head = record.as_ref().map_or(Head::Garbage, Record::head);
        let log = log_mut(&mut self.journals, place);
        log.push(JournalRecord { record, head });
        log.len() as i64 - 1
    }

    /// Appends a message after a gap of `gap` offsets, as a transaction's markers leave it.
    pub fn write(&mut self, place: &TopicPartition, message: Outgoing, source: &'static str, at: Timestamp, gap: i64) {
        let offset = self.end(&place.0, place.1) + gap;
        let message = message.received(source, place.1, offset, at);
        log_mut(&mut self.messages, place).push(message);
    }

    /// Appends a copy of a random message, as a producer that is not idempotent does.
    pub fn repeat(&mut self, rng: &mut fastrand::Rng) -> Option<&Message> {
        let all: usize = self.messages.values().flat_map(BTreeMap::values).map(Vec::len).sum();
        let nth = rng.usize(0..all.max(1));
        let copy = self.messages.values().flat_map(BTreeMap::values).flatten().nth(nth)?.clone();
        let offset = self.end(&copy.topic, copy.partition);
        let log = log_mut(&mut self.messages, &(copy.topic.clone(), copy.partition));
        log.push(Message { offset, ..copy });
        log.last()
    }
}
