//! What all services of a run share: Kafka, the time, the dice, and the books that are kept of all that happens.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use common::messages::{Outgoing, header};
use common::time::Timestamp;

use crate::kafka::{Flight, Kafka, Place, Producer, home};
use crate::ledger::Ledger;
use crate::sabotage::Sabotage;
use crate::step::Weather;

/// When every run begins.
pub const BEGIN: i64 = 1_760_000_000_000;

/// The world of a run.
pub struct World {
    pub kafka: Kafka,
    /// Milliseconds since the Unix epoch, by the broker's clock.
    pub now: i64,
    pub dice: fastrand::Rng,
    pub weather: Weather,
    pub sabotage: Sabotage,
    pub ledger: Ledger,
    /// Partitions whose broker is away: nothing lands there.
    pub away: BTreeSet<Place>,
    /// What claims left behind that are over.
    pub late: Vec<Producer>,
    pub tally: Tally,
    pub trace: Trace,
}

/// What happened, in numbers.
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

/// What happened, as lines for people and as a number to compare.
#[derive(Default)]
pub struct Trace {
    pub lines: Option<Vec<String>>,
    pub hash: DefaultHasher,
}

impl Trace {
    /// Adds a line.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }
}

impl World {
    pub fn new(dice: fastrand::Rng, weather: Weather, sabotage: Sabotage, traced: bool) -> Self {
        Self {
            kafka: Kafka::default(),
            now: BEGIN,
            dice,
            weather,
            sabotage,
            ledger: Ledger::default(),
            away: BTreeSet::new(),
            late: Vec::new(),
            tally: Tally::default(),
            trace: Trace { lines: traced.then(Vec::new), ..Trace::default() },
        }
    }

    /// A message lands that no journal decided. Whoever sends it waits until the broker is there.
    pub fn write(&mut self, source: &'static str, message: Outgoing) {
        let place = (Arc::from(&*message.topic), home(&message));
        self.land(source, &place, Flight::Message { of: None, message: Box::new(message) });
    }

    /// Some record of the producer lands.
    pub fn land_next(&mut self, producer: &mut Producer) -> Option<Option<i64>> {
        let (place, flight) = producer.next(&mut self.dice, &self.away)?;
        let of = if let Flight::Message { of, .. } = &flight { *of } else { None };
        self.land(producer.source, &place, flight);
        Some(of)
    }

    /// A record lands: it is where every reader will find it.
    pub fn land(&mut self, source: &'static str, place: &Place, flight: Flight) {
        let (topic, partition) = place;
        match flight {
            Flight::Append(bytes) => {
                bytes.hash(&mut self.trace.hash);
                let offset = self.kafka.append(place, &bytes);
                let written = &self.kafka.journal(topic, *partition)[offset as usize];
                let verdict = self.ledger.journal(place, written, &self.kafka);
                self.trace.tell(|| format!("    {topic}/{partition}@{offset} {verdict:?} {:?}", written.head));
            }
            Flight::Message { of, message } => {
                let gap = if self.dice.u8(0..32) == 0 { self.dice.i64(1..4) } else { 0 };
                self.kafka.write(place, *message, source, Timestamp(self.now), gap);
                let Some(written) = self.kafka.messages(topic, *partition).last() else { return };
                (&written.offset, &written.value).hash(&mut self.trace.hash);
                self.ledger.message(written, of.is_some());
                self.trace.tell(|| {
                    let name = |name| written.header(name).unwrap_or("-");
                    let kind = name(header::TYPE);
                    let subject = name(header::SUBJECT);
                    let step = name(header::STEP);
                    format!("    {topic}/{partition}@{} {kind} {subject} {step}", written.offset)
                });
            }
        }
    }

    /// A claim is over: what its producer had not been told of yet is lost, or lands later.
    pub fn leave(&mut self, producer: Producer) {
        if !producer.is_empty() && self.weather.late > 0 && self.dice.u8(0..3) > 0 {
            self.late.push(producer);
        }
    }

    /// The hash of all that happened.
    pub fn hash(&self) -> u64 {
        self.trace.hash.finish()
    }
}
