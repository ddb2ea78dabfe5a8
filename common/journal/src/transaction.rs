//! The entities that a decision reads and changes, and the messages it sends.

use std::collections::BTreeMap;

use vocabulary::messages::{Outgoing, Unreadable};
use vocabulary::topics;

use crate::cache::Cached;
use crate::entity::{Entity, Key};
use crate::error::{Failure, Refusal, StepDown};
use crate::partition::Partition;
use crate::record::size_of;
use crate::store::Store;

/// The least bytes that a state counts for in a batch: its key and its JSON frame count too.
pub(crate) const STATE_BYTES: usize = 256;

/// A point within a transaction, between two decisions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Savepoint {
    messages: usize,
    changes: usize,
    inputs_changed: bool,
}

/// The entities that a batch of decisions reads and changes, and the messages it sends.
pub struct Transaction<'a, E> {
    partition: Partition,
    entities: &'a mut BTreeMap<Key, Cached<E>>,
    store: &'a dyn Store<E>,
    dirty: Vec<Key>,
    loaded: Vec<Key>,
    outbox: Vec<Outgoing>,
    inputs_changed: bool,
    broken: Option<StepDown>,
}

/// The result of a transaction.
pub(crate) struct Changes {
    /// Changed keys, possibly several times.
    pub(crate) dirty: Vec<Key>,
    /// Keys that were loaded from the store.
    pub(crate) loaded: Vec<Key>,
    pub(crate) outbox: Vec<Outgoing>,
    /// The partition has other inputs from here on.
    pub(crate) inputs_changed: bool,
}

impl<'a, E: Entity> Transaction<'a, E> {
    pub(crate) fn new(
        entities: &'a mut BTreeMap<Key, Cached<E>>,
        store: &'a dyn Store<E>,
        partition: Partition,
    ) -> Self {
        Self {
            partition,
            entities,
            store,
            dirty: Vec::new(),
            loaded: Vec::new(),
            outbox: Vec::new(),
            inputs_changed: false,
            broken: None,
        }
    }

    /// The partition this decision is made in.
    pub fn partition(&self) -> i32 {
        self.partition.number
    }

    /// How many partitions every topic has.
    pub fn partitions(&self) -> i32 {
        self.partition.count
    }

    /// The partition on which messages with this key are handled.
    pub fn home_of(&self, key: &str) -> i32 {
        topics::partition_of(key.as_bytes(), self.partition.count)
    }

    /// Checks that `key` belongs to this partition. On another one its entity would have two writers.
    ///
    /// # Errors
    /// [`Unreadable::WrongPartition`], which names `what` the key is, the key, and both partitions.
    pub fn check_home(&self, what: &'static str, key: &str) -> Result<(), Unreadable> {
        let home = self.home_of(key);
        let here = self.partition.number;
        if home == here { Ok(()) } else { Err(Unreadable::WrongPartition { what, key: key.to_owned(), home, here }) }
    }

    fn fetch(&mut self, key: &str) -> Option<&mut Cached<E>> {
        if !self.entities.contains_key(key) {
            match self.store.load(&key.to_owned()) {
                Ok(Some(state)) => {
                    self.entities.insert(key.to_owned(), Cached::loaded(state));
                    self.loaded.push(key.to_owned());
                }
                Ok(None) => return None,
                Err(error) => {
                    self.broken.get_or_insert(StepDown::Failed(Failure::Store(error)));
                    return None;
                }
            }
        }
        self.entities.get_mut(key)
    }

    /// The entity's state.
    pub fn get(&mut self, key: &str) -> Option<&E> {
        self.fetch(key)?.state.as_ref()
    }

    /// The entity's state, to be changed in place.
    pub fn update(&mut self, key: &str) -> Option<&mut E> {
        self.fetch(key)?.state.as_ref()?;
        self.dirty.push(key.to_owned());
        self.fetch(key)?.state.as_mut()
    }

    /// Sets the entity's state.
    pub fn put(&mut self, key: impl Into<Key>, state: E) {
        self.set(key.into(), Some(state));
    }

    /// Removes the entity.
    pub fn remove(&mut self, key: &str) {
        self.set(key.to_owned(), None);
    }

    /// Takes the state out, to be put back changed: saves a clone of a large one. The entity is removed until then.
    pub fn take(&mut self, key: &str) -> Option<E> {
        let state = self.fetch(key)?.state.take();
        if state.is_some() {
            self.dirty.push(key.to_owned());
        }
        state
    }

    fn set(&mut self, key: Key, state: Option<E>) {
        let cached = self.entities.entry(key.clone()).or_insert(Cached::empty());
        cached.state = state;
        self.dirty.push(key);
    }

    /// Refuses to decide on the journal's states: the process ends with this reason, and nothing of this batch is
    /// written.
    pub fn refuse(&mut self, reason: String) {
        self.broken = Some(StepDown::Refused(Refusal::Handler(reason)));
    }

    /// Sends a message once this decision is durable.
    pub fn send(&mut self, message: Outgoing) {
        self.outbox.push(message);
    }

    /// Records that this decision changed the partition's inputs ([`Handler::more_inputs`](crate::Handler)): once it is
    /// durable, the partition is claimed again with them. The decision must change a state.
    pub fn change_inputs(&mut self) {
        self.inputs_changed = true;
    }

    /// Why the transaction can't be completed, for a handler's unit tests.
    pub fn refused(&self) -> Option<String> {
        self.broken.as_ref().map(ToString::to_string)
    }

    /// The messages sent so far, for a handler's unit tests.
    pub fn sent(&self) -> &[Outgoing] {
        &self.outbox
    }

    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint { messages: self.outbox.len(), changes: self.dirty.len(), inputs_changed: self.inputs_changed }
    }

    /// Drops the messages and the change marks since `savepoint`; the states themselves must not have changed.
    pub(crate) fn roll_back(&mut self, savepoint: Savepoint) {
        self.outbox.truncate(savepoint.messages);
        self.dirty.truncate(savepoint.changes);
        self.inputs_changed = savepoint.inputs_changed;
    }

    /// Estimates what the decisions since `savepoint` add to the record. A state counts with its last written length,
    /// or with its present one if it was never written, and at least with [`STATE_BYTES`].
    pub(crate) fn bytes_since(&mut self, savepoint: Savepoint) -> usize {
        let mut bytes: usize = self.outbox.iter().skip(savepoint.messages).map(size_of).sum();
        for key in self.dirty.iter().skip(savepoint.changes) {
            let Some(cached) = self.entities.get_mut(key) else { continue };
            if cached.bytes == 0 {
                // A state that can't be encoded ends the batch when it is written.
                cached.bytes = serde_json::to_vec(&cached.state).map_or(0, |text| text.len());
            }
            bytes += cached.bytes.max(STATE_BYTES);
        }
        bytes
    }

    /// Ends the transaction.
    pub(crate) fn finish(self) -> Result<Changes, StepDown> {
        match self.broken {
            Some(reason) => Err(reason),
            None => {
                let Self { dirty, loaded, outbox, inputs_changed, .. } = self;
                Ok(Changes { dirty, loaded, outbox, inputs_changed })
            }
        }
    }

    /// The messages sent, after a transaction of a unit test.
    pub(crate) fn into_outbox(self) -> Vec<Outgoing> {
        self.outbox
    }
}
