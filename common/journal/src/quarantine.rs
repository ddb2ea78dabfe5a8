//! Isolates messages that the protocol can't get past: their decision panics, or makes a record that can't be written
//! or a message that can't be sent. Such a message ends the claim, which drops all that was decided in memory. The next
//! claim decides one message at a time until the culprit is found, sets it aside as a dead letter, and continues. So
//! one message never stops a partition.

use std::collections::BTreeMap;

use vocabulary::messages::Message;

use crate::error::Failure;
use crate::record::Positions;

/// A batch that could not be decided or appended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailedBatch {
    /// One message alone is the cause.
    Message {
        /// Its topic.
        topic: String,
        /// Its offset.
        offset: i64,
    },
    /// The cause is among the messages before these offsets.
    Before(Positions),
}

/// The suspected and the isolated messages of a partition. It outlives claims.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Quarantine {
    /// Messages before these offsets are decided one at a time.
    suspects: Positions,
    /// Messages to be set aside, with the reason.
    isolated: BTreeMap<(String, i64), Failure>,
}

impl Quarantine {
    /// Records why a batch ended a claim.
    pub(crate) fn record(&mut self, batch: FailedBatch, reason: &Failure) {
        match batch {
            FailedBatch::Message { topic, offset } => {
                self.isolated.insert((topic, offset), reason.clone());
            }
            FailedBatch::Before(positions) => {
                for (topic, next) in positions {
                    let known = self.suspects.entry(topic).or_insert(next);
                    *known = next.max(*known);
                }
            }
        }
    }

    /// Returns true if the next message of a partition at `positions` may be a suspect.
    pub(crate) fn is_suspicious(&self, positions: &Positions) -> bool {
        self.suspects.iter().any(|(topic, next)| positions.get(topic).copied().unwrap_or(0) < *next)
    }

    /// Why this message is to be set aside; `None` for all others.
    pub(crate) fn reason(&self, message: &Message) -> Option<&Failure> {
        if self.isolated.is_empty() {
            return None;
        }
        self.isolated.get(&(message.topic.to_string(), message.offset))
    }

    /// Forgets what lies before these positions: it is decided durably.
    pub(crate) fn passed(&mut self, positions: &Positions) {
        let is_ahead = |topic: &String, next: i64| positions.get(topic).is_none_or(|position| *position < next);
        self.suspects.retain(|topic, next| is_ahead(topic, *next));
        self.isolated.retain(|(topic, offset), _| is_ahead(topic, offset.saturating_add(1)));
    }
}
