//! Isolates messages and timers that the protocol can't get past: their decision panics, or makes a record that can't
//! be written or a message that can't be sent. Such a message ends the claim, which drops all that was decided in
//! memory. The next claim decides one message at a time until the culprit is found, sets it aside as a dead letter, and
//! continues. A timer is found in the same way, and its entity is no longer woken. So neither stops a partition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use vocabulary::messages::Message;

use crate::entity::Key;
use crate::error::Failure;
use crate::record::Positions;

/// The most ids of messages that are remembered.
const MOST_IDS: usize = 1_000;

/// A batch that could not be decided or appended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FailedBatch {
    /// One message alone is the cause.
    Message {
        /// Its topic's partition, as in [`Positions`].
        source: String,
        /// Its offset.
        offset: i64,
        /// Its id, if it has one.
        id: Option<String>,
    },
    /// The direct message with this id alone is the cause.
    Direct(Option<String>),
    /// The timer of this entity alone is the cause.
    Timer(Key),
    /// The cause is among several.
    Several {
        /// The messages before these offsets.
        before: Positions,
        /// The timers of these entities.
        timers: Vec<Key>,
    },
}

/// The suspected and the isolated messages and timers of a partition. It outlives claims.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Quarantine {
    /// Messages before these offsets are decided one at a time.
    suspects: Positions,
    /// Messages to be set aside, with the reason.
    isolated: BTreeMap<(String, i64), Failure>,
    /// The ids of such messages, the newest [`MOST_IDS`]: they are also set aside when they are sent again.
    isolated_ids: VecDeque<(String, Failure)>,
    /// The timers of these entities are decided alone.
    suspected_timers: BTreeSet<Key>,
    /// The timers of these entities are not decided.
    held_timers: BTreeSet<Key>,
}

impl Quarantine {
    /// Records why a batch ended a claim.
    pub(crate) fn record(&mut self, batch: FailedBatch, reason: &Failure) {
        match batch {
            FailedBatch::Message { source, offset, id } => {
                self.isolated.insert((source, offset), reason.clone());
                self.isolate_id(id, reason);
            }
            FailedBatch::Direct(id) => self.isolate_id(id, reason),
            FailedBatch::Timer(key) => {
                self.suspected_timers.remove(&key);
                self.held_timers.insert(key);
            }
            FailedBatch::Several { before, timers } => {
                for (topic, next) in before {
                    let known = self.suspects.entry(topic).or_insert(next);
                    *known = next.max(*known);
                }
                self.suspected_timers.extend(timers);
            }
        }
    }

    /// Returns true if the next message of a partition at `positions` may be a suspect.
    pub(crate) fn is_suspicious(&self, positions: &Positions) -> bool {
        self.suspects.iter().any(|(topic, next)| positions.get(topic).copied().unwrap_or(0) < *next)
    }

    /// Returns true if the timer of this entity may be the cause of a failed batch.
    pub(crate) fn suspects_timer(&self, key: &Key) -> bool {
        self.suspected_timers.contains(key)
    }

    /// Returns true if the timer of this entity is not to be decided.
    pub(crate) fn holds_timer(&self, key: &Key) -> bool {
        self.held_timers.contains(key)
    }

    /// Forgets the suspicion against timers that were decided.
    pub(crate) fn timers_decided(&mut self, keys: &[Key]) {
        if !self.suspected_timers.is_empty() {
            self.suspected_timers.retain(|suspect| !keys.contains(suspect));
        }
    }

    fn isolate_id(&mut self, id: Option<String>, reason: &Failure) {
        let Some(id) = id else { return };
        if self.isolated_ids.len() >= MOST_IDS {
            self.isolated_ids.pop_front();
        }
        self.isolated_ids.push_back((id, reason.clone()));
    }

    /// Why the message at an offset is to be set aside; `None` for all others.
    pub(crate) fn reason(&self, source: &str, offset: i64) -> Option<&Failure> {
        if self.isolated.is_empty() {
            return None;
        }
        self.isolated.get(&(source.to_owned(), offset))
    }

    /// Why a message with this id is to be set aside; `None` for all others.
    pub(crate) fn reason_of(&self, message: &Message) -> Option<&Failure> {
        if self.isolated_ids.is_empty() {
            return None;
        }
        let id = message.given_id()?;
        self.isolated_ids.iter().find(|(known, _)| *known == id).map(|(_, reason)| reason)
    }

    /// Forgets what lies before these positions: it is decided durably.
    pub(crate) fn passed(&mut self, positions: &Positions) {
        let is_ahead = |topic: &String, next: i64| positions.get(topic).is_none_or(|position| *position < next);
        self.suspects.retain(|topic, next| is_ahead(topic, *next));
        self.isolated.retain(|(topic, offset), _| is_ahead(topic, offset.saturating_add(1)));
    }
}
