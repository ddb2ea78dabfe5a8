//! When to wake which entity. Separate from the entities, so that a hundred thousand waiting ones cost nothing until
//! their time.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::time::Timestamp;

use crate::entity::Key;

/// At most one timer for each entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Timestamp, Key)>,
    by_key: BTreeMap<Key, Timestamp>,
}

impl Timers {
    /// Sets the entity's timer; `None` removes it.
    pub(super) fn set(&mut self, key: &Key, at: Option<Timestamp>) {
        if self.by_key.get(key) == at.as_ref() {
            return;
        }
        if let Some(old) = self.by_key.remove(key) {
            self.queue.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.by_key.insert(key.clone(), at);
            self.queue.insert((at, key.clone()));
        }
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The entity whose timer is due next.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<&Key> {
        self.queue.first().filter(|(at, _)| *at <= now).map(|(_, key)| key)
    }

    /// Removes and returns an entity whose timer is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Key> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_fires_first_and_each_once() {
        let mut timers = Timers::default();
        let a = "a".to_owned();
        let b = "b".to_owned();
        timers.set(&a, Some(Timestamp(5)));
        timers.set(&b, Some(Timestamp(3)));
        timers.set(&a, Some(Timestamp(9)));
        assert_eq!(timers.next(), Some(Timestamp(3)));
        assert_eq!(timers.pop_due(Timestamp(4)), Some(b));
        assert_eq!(timers.pop_due(Timestamp(8)), None);
        timers.set(&a, None);
        assert_eq!(timers.pop_due(Timestamp(100)), None);
    }
}
