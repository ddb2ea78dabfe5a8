//! Transactions for the unit tests of handlers, without a journal.

use std::collections::BTreeMap;

use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use crate::cache::Cached;
use crate::entity::{Entity, Key};
use crate::handler::{Handler, Trigger, decide_checked};
use crate::partition::Partition;
use crate::store::Store;
use crate::transaction::Transaction;

/// The states behind a [`Transaction`] of a unit test, kept from one decision to the next.
#[derive(Debug)]
pub struct Memory<E>(BTreeMap<Key, Cached<E>>);

impl<E> Default for Memory<E> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<E: Entity> Memory<E> {
    /// The entity's state.
    pub fn get(&self, key: &str) -> Option<&E> {
        self.0.get(key)?.state.as_ref()
    }

    /// All entities.
    pub fn states(&self) -> impl Iterator<Item = (&Key, &E)> {
        self.0.iter().filter_map(|(key, cached)| Some((key, cached.state.as_ref()?)))
    }

    /// Decides once, and returns the messages sent; for a message that can't be read, those of [`Handler::unreadable`].
    pub fn decide<H: Handler<Entity = E>>(
        &mut self,
        handler: &H,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Vec<Outgoing> {
        let store = BTreeMap::new();
        let mut tx = Transaction::over(self, &store, 0, 1);
        match (decide_checked(handler, &mut tx, trigger, now), trigger) {
            (Err(reason), Trigger::Message(message)) => handler.unreadable(message, &reason).into_iter().collect(),
            (Ok(()) | Err(_), _) => tx.into_outbox(),
        }
    }
}

impl<'a, E: Entity> Transaction<'a, E> {
    /// A transaction over `memory` and `store`, for a handler's unit tests.
    pub fn over(memory: &'a mut Memory<E>, store: &'a dyn Store<E>, partition: i32, partitions: i32) -> Self {
        Self::new(&mut memory.0, store, Partition { number: partition, count: partitions })
    }
}
