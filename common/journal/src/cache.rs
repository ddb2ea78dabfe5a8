//! The entities in an owner's memory, and when they may leave it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use crate::entity::{Entity, Key};

/// How many entities one round of [`Cache::evict_idle`] examines.
const EXAMINED: usize = 512;

/// An entity in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cached<E> {
    /// `None` if it was removed.
    pub(crate) state: Option<E>,
    /// The last entry that writes it; `None` while only loaded.
    pub(crate) seq: Option<u64>,
    /// The bytes of the state as it was last written: an estimate of the next.
    pub(crate) bytes: usize,
}

impl<E> Cached<E> {
    /// An entity as the view has it.
    pub(crate) fn loaded(state: E) -> Self {
        Self { state: Some(state), seq: None, bytes: 0 }
    }

    /// An entity that has no state yet.
    pub(crate) fn empty() -> Self {
        Self { state: None, seq: None, bytes: 0 }
    }
}

/// Entities that were closed by one entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Closed {
    /// The entry's offset.
    offset: i64,
    seq: u64,
    keys: Vec<Key>,
}

/// The entities in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cache<E> {
    pub(crate) entities: BTreeMap<Key, Cached<E>>,
    /// Keys whose last decided state has intents.
    pub(crate) acting: BTreeSet<Key>,
    /// Closed entities that stay until the view has applied their entry.
    closing: VecDeque<Closed>,
    /// The view has applied all own entries before this seq.
    applied: u64,
    /// The last key that [`Cache::evict_idle`] examined.
    examined: Key,
}

impl<E> Default for Cache<E> {
    fn default() -> Self {
        Self {
            entities: BTreeMap::new(),
            acting: BTreeSet::new(),
            closing: VecDeque::new(),
            applied: 0,
            examined: Key::new(),
        }
    }
}

impl<E: Entity> Cache<E> {
    /// Records the entities that the entry at `offset` closed.
    pub(crate) fn close(&mut self, offset: i64, seq: u64, keys: Vec<Key>) {
        self.closing.push_back(Closed { offset, seq, keys });
    }

    /// The oldest entry that was read back and is not known to be applied to the view.
    pub(crate) fn first_unapplied(&self) -> Option<u64> {
        self.closing.front().map(|closed| closed.seq)
    }

    /// Removes closed entities whose last entry the view has applied.
    pub(crate) fn evict_closed(&mut self, view_applied: i64) {
        while let Some(Closed { seq, keys, .. }) = self.closing.pop_front_if(|closed| closed.offset < view_applied) {
            self.applied = seq.saturating_add(1);
            for key in keys {
                if self.entities.get(&key).is_some_and(|cached| cached.seq == Some(seq)) {
                    self.entities.remove(&key);
                }
            }
        }
    }

    /// Removes closed entities that were loaded and not changed.
    pub(crate) fn evict_unchanged(&mut self, loaded: &[Key], changed: &[Key]) {
        for key in loaded.iter().filter(|key| changed.binary_search(key).is_err()) {
            let cached = self.entities.get(key);
            if cached.is_some_and(|c| c.seq.is_none() && !c.state.as_ref().is_some_and(Entity::is_open)) {
                self.entities.remove(key);
            }
        }
    }

    /// Removes open entities that the view has in their last state and that have no intents, while there are more than
    /// `limit`: a few per round, in the order of their keys, which for ids that grow with time begins with the oldest.
    pub(crate) fn evict_idle(&mut self, limit: usize) {
        let excess = self.entities.len().saturating_sub(limit);
        if excess == 0 {
            return;
        }
        let after = (Bound::Excluded(&self.examined), Bound::Unbounded);
        let next: Vec<&Key> = self.entities.range::<Key, _>(after).map(|(key, _)| key).take(EXAMINED).collect();
        let last = next.last().filter(|_| next.len() == EXAMINED).map(|key| (*key).clone());
        let is_idle = |key: &&Key| {
            let cached = self.entities.get(*key);
            let in_view = cached.is_some_and(|c| c.state.is_some() && c.seq.is_none_or(|seq| seq < self.applied));
            in_view && !self.acting.contains(*key)
        };
        let idle: Vec<Key> = next.into_iter().filter(is_idle).take(excess).cloned().collect();
        for key in idle {
            self.entities.remove(&key);
        }
        self.examined = last.unwrap_or_default();
    }
}
