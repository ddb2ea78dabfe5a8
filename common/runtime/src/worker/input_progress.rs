//! How far the inputs of a claim were read, and what an idle reader has to look up.

use std::time::{Duration, Instant};

use journal::{Failure, LastMessage, position_key, set_of_partition};
use rdkafka::consumer::BaseConsumer;

use super::client::{self, ClientLog};
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
    pub(super) sources: Vec<Source>,
    /// The time of the last message, check or failed lookup, until the ends were looked up.
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
        set_of_partition(&mut self.read.positions, &key, next);
        self.received = Some(Instant::now());
        if received.damage.is_some() {
            return;
        }
        let last = LastMessage { offset: message.offset, at: message.timestamp.0 };
        set_of_partition(&mut self.read.last, &key, last);
    }

    /// Checks from time to time that the topics are the ones that were read.
    pub(super) fn verify(&mut self) -> Option<Failure> {
        if self.verified.elapsed() < VERIFY_EVERY {
            return None;
        }
        self.verified = Instant::now();
        match positions::verify(&self.config, &self.sources, &self.read) {
            Err(gone @ Failure::PositionGone { .. }) => Some(gone),
            // Without an answer there is nothing to decide. Without a message since, the ends may have moved.
            Ok(()) | Err(_) => {
                self.received = Some(self.verified);
                None
            }
        }
    }

    /// The inputs with records behind the last message, if it is time to look them up.
    pub(super) fn behind(&mut self, consumer: &BaseConsumer<ClientLog>) -> Vec<Source> {
        if self.received.is_none_or(|at| at.elapsed() < IDLE) {
            return Vec::new();
        }
        self.received = None;
        let mut behind = Vec::new();
        for source in &self.sources {
            let Some(position) = self.read.positions.get(&source.key) else { continue };
            match client::range_within(consumer, &source.topic, source.partition, PATIENCE) {
                Ok(range) if *position < range.ends => behind.push(source.clone()),
                Ok(_) => {}
                Err(_) => self.received = Some(Instant::now()),
            }
        }
        behind
    }

    /// Looks the ends up again: there was no answer.
    pub(super) fn look_up_again(&mut self) {
        self.received = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use journal::Positions;

    use super::*;

    #[test]
    fn a_lookup_without_an_answer_is_repeated() {
        let config = Config::for_tests();
        let consumer = client::end_reader(&config).unwrap();
        let source = Source { topic: "in".to_owned(), partition: 0, key: "in".to_owned() };
        let read = Continued { positions: Positions::from([("in".to_owned(), 3)]), ..Continued::default() };
        let mut progress = InputProgress::new(config, vec![source], read);
        progress.received = Instant::now().checked_sub(IDLE);
        assert_eq!(progress.behind(&consumer), []);
        assert!(progress.received.is_some(), "no broker answered");
    }
}
