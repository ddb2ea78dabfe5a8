//! How far the inputs of a claim were read, and what an idle reader has to look up.

use std::time::{Duration, Instant};

use journal::{Failure, LastMessage, position_key};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::client::ClientLog;
use super::config::Config;
use super::positions::{self, Continued};
use super::received::Received;
use super::sources::Source;

/// After so long without a message the inputs' ends are looked up once: the last records may be markers of
/// transactions, which are never received. If their offsets were not skipped, they would be missing once they expire.
const IDLE: Duration = Duration::from_secs(1);
/// How often an idle reader checks that its topics are the ones that it has read.
const VERIFY_EVERY: Duration = Duration::from_secs(600);
/// How long the broker may take to answer. An idle reader asks again later.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the inputs of a claim were read.
pub(super) struct InputProgress {
    pub(super) config: Config,
    pub(super) read: Continued,
    sources: Vec<Source>,
    /// The time of the last message, until the ends were looked up.
    received: Option<Instant>,
    verified: Instant,
}

impl InputProgress {
    pub(super) fn new(config: Config, sources: Vec<Source>, read: Continued) -> Self {
        Self { config, read, sources, received: None, verified: Instant::now() }
    }

    /// A message was received. One that is damaged proves nothing.
    pub(super) fn received(&mut self, received: &Received) {
        let message = &received.message;
        let next = message.offset.saturating_add(1);
        let key = position_key(&message.topic, message.partition, self.config.partitions);
        self.read.positions.insert(key.clone(), next);
        self.received = Some(Instant::now());
        if received.damage.is_some() {
            return;
        }
        let last = LastMessage { offset: message.offset, at: message.timestamp.0 };
        self.read.last.insert(key, last);
    }

    /// Checks from time to time that the topics are the ones that were read.
    pub(super) fn verify(&mut self) -> Option<Failure> {
        if self.verified.elapsed() < VERIFY_EVERY {
            return None;
        }
        self.verified = Instant::now();
        match positions::verify(&self.config, &self.sources, &self.read) {
            Err(gone @ Failure::PositionGone { .. }) => Some(gone),
            // Without an answer there is nothing to decide.
            Ok(()) | Err(_) => None,
        }
    }

    /// The inputs with records behind the last message, if it is time to look them up.
    pub(super) fn behind(&mut self, consumer: &BaseConsumer<ClientLog>) -> Vec<Source> {
        if self.received.is_none_or(|at| at.elapsed() < IDLE) {
            return Vec::new();
        }
        self.received = None;
        let is_behind = |source: &&Source| {
            let position = self.read.positions.get(&source.key).copied();
            let ends = consumer.fetch_watermarks(&source.topic, source.partition, PATIENCE);
            position.zip(ends.ok()).is_some_and(|(position, (_, end))| position < end)
        };
        self.sources.iter().filter(is_behind).cloned().collect()
    }
}
