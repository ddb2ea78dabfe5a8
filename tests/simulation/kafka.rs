//! Kafka as far as the services see it: topics of two partitions, logs in memory, and producers whose records land in
//! order, late, or never. Journal records go through their bytes, as on a real topic.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use common::journal::{Head, Record};
use common::messages::{Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;

/// Partitions of every topic.
pub const PARTITIONS: i32 = 2;

/// The topics of the system, the journals first.
pub const TOPICS: [&str; 10] = [
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
];

/// How many of them are journals.
pub const JOURNALS: usize = 4;

/// Every partition.
pub fn partitions() -> impl Iterator<Item = i32> {
    0..PARTITIONS
}

/// A topic and a partition.
pub type Place = (Arc<str>, i32);

/// A record as it lies in a journal.
pub struct Written {
    /// What it is; none for bytes that nobody of us wrote.
    pub record: Option<Record>,
    /// By what it is judged.
    pub head: Head,
}

/// Something on its way to the broker.
pub enum Flight {
    /// The bytes of a journal record.
    Append(Vec<u8>),
    /// A message of the outbox of the record at `of`; none for what was not decided in a journal.
    Message { of: Option<i64>, message: Box<Outgoing> },
}

/// Records on their way: those of one partition keep their order.
#[derive(Default)]
pub struct Producer {
    queues: BTreeMap<Place, VecDeque<Flight>>,
    /// What it puts into `ce_source`.
    pub source: &'static str,
}

impl Producer {
    pub fn new(source: &'static str) -> Self {
        Self { queues: BTreeMap::new(), source }
    }

    pub fn append(&mut self, journal: &str, partition: i32, bytes: Vec<u8>) {
        self.queues.entry((journal.into(), partition)).or_default().push_back(Flight::Append(bytes));
    }

    pub fn say(&mut self, of: Option<i64>, message: Outgoing) {
        let place = (Arc::from(&*message.topic), home(&message));
        self.queues.entry(place).or_default().push_back(Flight::Message { of, message: Box::new(message) });
    }

    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Whether anything can land that is not on its way to these.
    pub fn can_land(&self, away: &BTreeSet<Place>) -> bool {
        self.queues.keys().any(|place| !away.contains(place))
    }

    /// Takes out the first record of some partition that is not among these.
    pub fn next(&mut self, dice: &mut fastrand::Rng, away: &BTreeSet<Place>) -> Option<(Place, Flight)> {
        let there: Vec<&Place> = self.queues.keys().filter(|place| !away.contains(*place)).collect();
        let place = dice.choice(there)?.clone();
        let queue = self.queues.get_mut(&place)?;
        let flight = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&place);
        }
        Some((place, flight?))
    }

    /// Loses what is left for some partition.
    pub fn lose(&mut self, dice: &mut fastrand::Rng) {
        let place = dice.choice(self.queues.keys().collect::<Vec<_>>()).cloned();
        place.map(|place| self.queues.remove(&place));
    }

    /// Loses the first records for some partition, and not those behind them.
    pub fn lose_first(&mut self, dice: &mut fastrand::Rng) {
        let place = dice.choice(self.queues.keys().collect::<Vec<_>>()).cloned();
        if let Some(place) = place
            && let Some(queue) = self.queues.get_mut(&place)
        {
            let most = queue.len();
            let lost = if dice.bool() { dice.usize(1..8).min(most) } else { (most - 1).max(1) };
            queue.drain(..lost);
            if queue.is_empty() {
                self.queues.remove(&place);
            }
        }
    }
}

/// The partition that a message goes to, as the real producer chooses it.
pub fn home(message: &Outgoing) -> i32 {
    let of_key = || message.key.as_ref().map(|key| topics::partition_of(&key.0, PARTITIONS));
    message.partition.or_else(of_key).unwrap_or(0)
}

/// The logs.
#[derive(Default)]
pub struct Kafka {
    messages: BTreeMap<Place, Vec<Message>>,
    journals: BTreeMap<Place, Vec<Written>>,
}

impl Kafka {
    /// All messages of a partition.
    pub fn messages(&self, topic: &str, partition: i32) -> &[Message] {
        self.messages.get(&(Arc::from(topic), partition)).map_or(&[], Vec::as_slice)
    }

    /// The topics that hold any message.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.messages.keys().map(|(topic, _)| topic)
    }

    /// A partition of a journal.
    pub fn journal(&self, topic: &str, partition: i32) -> &[Written] {
        self.journals.get(&(Arc::from(topic), partition)).map_or(&[], Vec::as_slice)
    }

    /// Right behind the last message of a partition.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        self.messages(topic, partition).last().map_or(0, |message| message.offset + 1)
    }

    /// A journal record lands; its offset.
    pub fn append(&mut self, place: &Place, bytes: &[u8]) -> i64 {
        let record = Record::decode(bytes).ok();
        let head = record.as_ref().map_or(Head::Garbage, Record::head);
        let log = self.journals.entry(place.clone()).or_default();
        log.push(Written { record, head });
        log.len() as i64 - 1
    }

    /// A message lands, `gap` offsets further than it could: a transaction's marks lie there.
    pub fn write(&mut self, place: &Place, message: Outgoing, source: &'static str, at: Timestamp, gap: i64) {
        let offset = self.end(&place.0, place.1) + gap;
        let mut headers = message.headers;
        if headers.get(header::ID).is_some() && headers.get(header::SOURCE).is_none() {
            headers.push(header::SOURCE, source);
        }
        let (topic, partition) = place.clone();
        let value = message.value.bytes().map(<[u8]>::to_vec);
        let message = Message { topic, partition, offset, timestamp: at, key: message.key, headers, value };
        self.messages.entry(place.clone()).or_default().push(message);
    }

    /// The same message once more, as a producer that is not idempotent writes it.
    pub fn repeat(&mut self, dice: &mut fastrand::Rng) -> Option<&Message> {
        let all: usize = self.messages.values().map(Vec::len).sum();
        let nth = dice.usize(0..all.max(1));
        let copy = self.messages.values().flatten().nth(nth)?.clone();
        let offset = self.end(&copy.topic, copy.partition);
        let log = self.messages.get_mut(&(copy.topic.clone(), copy.partition))?;
        log.push(Message { offset, ..copy });
        log.last()
    }
}
