//! Entries that were appended and not yet read back.

use std::collections::VecDeque;
use std::sync::Arc;

use vocabulary::messages::Outgoing;

use super::inbox::Isolated;
use crate::entity::{Intent, Key};
use crate::interface::Ticket;
use crate::limits::Limits;

/// An appended entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Appended<A> {
    pub(super) seq: u64,
    /// Estimated bytes of the record.
    pub(super) bytes: usize,
    pub(super) consequences: Consequences<A>,
}

/// What follows once an entry is read back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Consequences<A> {
    pub(super) outbox: Arc<Vec<Outgoing>>,
    /// Its estimated bytes.
    pub(super) outbox_bytes: usize,
    pub(super) intents: Vec<(Key, Vec<Intent<A>>)>,
    /// Entities that it closes.
    pub(super) closed: Vec<Key>,
    /// The direct messages whose decisions it contains, or that depend on it.
    pub(super) direct: Vec<Ticket>,
    /// Messages that it passes without a decision.
    pub(super) set_aside: Vec<Isolated>,
    /// The partition is claimed again, to read other inputs.
    pub(super) inputs_changed: bool,
}

impl<A> Consequences<A> {
    /// Only that these direct messages are accepted.
    pub(super) fn accept(direct: Vec<Ticket>) -> Self {
        Self {
            outbox: Arc::default(),
            outbox_bytes: 0,
            intents: Vec::new(),
            closed: Vec::new(),
            direct,
            set_aside: Vec::new(),
            inputs_changed: false,
        }
    }
}

/// Appended entries, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct InFlight<A> {
    entries: VecDeque<Appended<A>>,
}

impl<A> Default for InFlight<A> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<A> InFlight<A> {
    pub(super) fn push(&mut self, entry: Appended<A>) {
        self.entries.push_back(entry);
    }

    pub(super) fn pop(&mut self) -> Option<Appended<A>> {
        self.entries.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn first_seq(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.seq)
    }

    /// Returns true if one more entry may be appended.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        let bytes: usize = self.entries.iter().map(|entry| entry.bytes).sum();
        self.entries.len() < limits.ahead_records && bytes < limits.ahead_bytes
    }
}
