//! The state that all services of a run share: Kafka, the clock, the random numbers, and the invariant checker.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use common::journal::Input;
use common::messages::{Message, Outgoing, header};
use common::time::Timestamp;

use crate::injected_bug::InjectedBug;
use crate::invariants::InvariantChecker;
use crate::kafka::{InFlight, Kafka, PARTITIONS, Producer, TopicPartition};
use crate::step::Faults;

/// The start time of every run.
pub const BEGIN: i64 = 1_760_000_000_000;

/// The shared state of a run.
pub struct SimState {
    pub kafka: Kafka,
    /// Milliseconds since the Unix epoch, by the broker's clock.
    pub now: i64,
    pub rng: fastrand::Rng,
    pub faults: Faults,
    pub bug: InjectedBug,
    pub invariants: InvariantChecker,
    /// Partitions whose broker is unavailable: nothing is appended there.
    pub unavailable: BTreeSet<TopicPartition>,
    /// Messages whose decisions are durable, and that were on no topic.
    pub direct: Vec<Message>,
    /// Records of former claims that are still in flight.
    pub late: Vec<Producer>,
    pub tally: Tally,
    pub trace: Trace,
}

/// Counters of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub steps: u64,
    pub crashes: u64,
    pub stalls: u64,
    pub claims: u64,
    pub void: u64,
    pub repeated: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        let Self { steps, crashes, stalls, claims, void, repeated } = other;
        self.steps += steps;
        self.crashes += crashes;
        self.stalls += stalls;
        self.claims += claims;
        self.void += void;
        self.repeated += repeated;
    }
}

/// The steps as lines to read, and as a hash to compare.
#[derive(Default)]
pub struct Trace {
    pub lines: Option<Vec<String>>,
    pub hash: DefaultHasher,
}

impl Trace {
    /// Records a line.
    pub fn record(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }
}

impl SimState {
    pub fn new(rng: fastrand::Rng, faults: Faults, bug: InjectedBug, traced: bool) -> Self {
        Self {
            kafka: Kafka::default(),
            now: BEGIN,
            rng,
            faults,
            bug,
            invariants: InvariantChecker::default(),
            unavailable: BTreeSet::new(),
            direct: Vec::new(),
            late: Vec::new(),
            tally: Tally::default(),
            trace: Trace { lines: traced.then(Vec::new), ..Trace::default() },
        }
    }

    /// Appends a message of an external producer, which retries until the broker is available.
    pub fn write(&mut self, source: &'static str, message: Outgoing) {
        let to = (Arc::from(&*message.topic), message.partition_of(PARTITIONS));
        self.append(source, &to, InFlight::Message { of: None, message: Box::new(message) });
    }

    /// Appends a record of the producer. Returns the report for its worker; a message of no outbox has none.
    pub fn append_next<E>(&mut self, producer: &mut Producer) -> Option<Input<E>> {
        let (to, flight) = producer.next(&mut self.rng, &self.unavailable)?;
        let of = if let InFlight::Message { of, .. } = &flight { Some(*of) } else { None };
        self.append(producer.source, &to, flight);
        match of {
            Some(of) => of.map(|offset| Input::Delivered { offset }),
            None => {
                let offset = self.kafka.journal(&to.0, to.1).len() as i64 - 1;
                let head = self.kafka.journal(&to.0, to.1)[offset as usize].head;
                Some(Input::Stored { offset, head })
            }
        }
    }

    /// Appends a record and checks the invariants.
    pub fn append(&mut self, source: &'static str, to: &TopicPartition, flight: InFlight) {
        let (topic, partition) = to;
        match flight {
            InFlight::Append(bytes) => {
                bytes.hash(&mut self.trace.hash);
                let offset = self.kafka.append(to, &bytes);
                let record = &self.kafka.journal(topic, *partition)[offset as usize];
                let verdict = self.invariants.journal(to, record, &self.kafka);
                self.trace.record(|| format!("    {topic}/{partition}@{offset} {verdict:?} {:?}", record.head));
            }
            InFlight::Message { of, message } => {
                let gap = if self.rng.u8(0..32) == 0 { self.rng.i64(1..4) } else { 0 };
                self.kafka.write(to, *message, source, Timestamp(self.now), gap);
                let Some(record) = self.kafka.messages(topic, *partition).last() else { return };
                (&record.offset, &record.value).hash(&mut self.trace.hash);
                self.invariants.message(record, of.is_some());
                self.trace.record(|| {
                    let name = |name| record.header(name).unwrap_or("-");
                    let kind = name(header::TYPE);
                    let subject = name(header::SUBJECT);
                    let step = name(header::STEP);
                    format!("    {topic}/{partition}@{} {kind} {subject} {step}", record.offset)
                });
            }
        }
    }

    /// A claim ends: its records in flight are lost, or appended later.
    pub fn leave(&mut self, producer: Producer) {
        if !producer.is_empty() && self.faults.late > 0 && self.rng.u8(0..3) > 0 {
            self.late.push(producer);
        }
    }

    /// The hash of all steps.
    pub fn hash(&self) -> u64 {
        self.trace.hash.finish()
    }
}
