//! What a service gives to the journal: its entities and its decisions. Apart from the protocol, so that a service reads
//! as its business rules and the protocol runs with any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::core::StepDown;
use super::record::size_of;
use vocabulary::messages::{Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;
use vocabulary::topics;

/// What a state counts at least, in bytes, where batches are bounded: its key and what surrounds it count too.
pub(super) const STATE_BYTES: usize = 256;

/// The name of an entity within its partition, such as `order/018f…`.
pub type Key = String;

/// One thing that a service keeps the state of.
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether anything may still happen to it by itself: an open entity stays in its worker's memory, as far as there is
    /// room; a closed one is looked up in the view when a message asks for it.
    fn is_open(&self) -> bool;

    /// When it wants to be woken ([`Trigger::Timer`]), if no message comes before. Only open entities are woken.
    fn wake_at(&self) -> Option<Timestamp> {
        None
    }

    /// Whether [`Handler::intents`] wants anything for it. Such entities are loaded after a claim, so that their acts go
    /// on; all others rest in the view until a message or their time comes, so that a claim takes no longer for them.
    fn has_intents(&self) -> bool {
        false
    }
}

/// Something to be done in the world (a call to a payment provider), wanted for as long as the entity's state says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent<A> {
    /// Idempotency key: the same intent after a restart has the same.
    pub id: String,
    /// Not before this time.
    pub due: Timestamp,
    /// What to do.
    pub what: A,
}

/// For services that don't act on the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoSideEffect {}

/// What a decision is about.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// The partition was claimed: the place to put what must exist (seeded stock). Comes once after each claim.
    Claimed,
    /// A message of an input topic.
    Message(&'a Message),
    /// The entity's [`Entity::wake_at`] has come. The decision must change the entity so that it wants another time.
    Timer(&'a Key),
}

/// What a service decides. Pure: the same world, trigger and time give the same, and nothing else is looked at.
pub trait Handler: Send + Sync + 'static {
    /// What it keeps.
    type Entity: Entity;
    /// What it does in the world, or [`Nothing`].
    type SideEffect: Clone + Debug + PartialEq + Eq + Hash + Send + 'static;

    /// Decides. What it puts into the world and what it sends become durable together, or not at all.
    ///
    /// # Errors
    /// [`Unreadable`] for a message that can't be read: the world must be left as it was; [`Handler::unreadable`] then
    /// says what becomes of the message.
    fn decide(
        &self,
        tx: &mut Transaction<'_, Self::Entity>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable>;

    /// What to send for a message that can't be read: by default it goes to its topic's `.dlq`. A service that is not
    /// in charge of a topic's dead letters returns none.
    fn unreadable(&self, message: &Message, reason: &Unreadable) -> Option<Outgoing> {
        Some(Outgoing::dead_letter(message, reason))
    }

    /// Topics to read beside those the service was started with, because of what this partition keeps. Asked for after a
    /// claim; a topic that there is not any more is left out.
    ///
    /// # Errors
    /// As [`Store`]'s; the worker then steps down.
    fn more_inputs(&self, _kept: &dyn Store<Self::Entity>) -> Result<BTreeSet<String>, String> {
        Ok(BTreeSet::new())
    }

    /// What the entity wants done in the world. Called when its state is durable, and after a claim. Where there is
    /// anything, [`Entity::has_intents`] must say so.
    fn intents(&self, _key: &Key, _entity: &Self::Entity) -> Vec<Intent<Self::SideEffect>> {
        Vec::new()
    }
}

/// Where states are that are not in memory (the view).
pub trait Store<E> {
    /// The entity's last durable state.
    ///
    /// # Errors
    /// The reason, when it can't be read; the worker then steps down.
    fn load(&self, key: &Key) -> Result<Option<E>, String>;

    /// The entities whose keys begin so, in the order of their keys.
    ///
    /// # Errors
    /// The reason, when they can't be read.
    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, String>;
}

impl<E: Clone> Store<E> for BTreeMap<Key, E> {
    fn load(&self, key: &Key) -> Result<Option<E>, String> {
        Ok(self.get(key).cloned())
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, String> {
        let from = self.range(prefix.to_owned()..);
        Ok(from.take_while(|(key, _)| key.starts_with(prefix)).map(|(_, state)| state.clone()).collect())
    }
}

/// An entity in memory. Without a state it was removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cached<E> {
    pub(super) state: Option<E>,
    /// The last entry that writes it; none while only loaded.
    pub(super) seq: Option<u64>,
    /// The bytes of the state as it was last written; an estimate of the next.
    pub(super) bytes: usize,
}

/// The entities a decision sees and changes, and what it sends.
pub struct Transaction<'a, E> {
    pub(super) partition: i32,
    pub(super) partitions: i32,
    pub(super) memory: &'a mut BTreeMap<Key, Cached<E>>,
    pub(super) store: &'a dyn Store<E>,
    pub(super) dirty: Vec<Key>,
    pub(super) loaded: Vec<Key>,
    pub(super) outbox: Vec<Outgoing>,
    pub(super) broken: Option<StepDown>,
}

impl<'a, E: Entity> Transaction<'a, E> {
    /// A world of its own over `store`, for a handler's unit tests.
    pub fn over(memory: &'a mut Memory<E>, store: &'a dyn Store<E>, partition: i32, partitions: i32) -> Self {
        let memory = &mut memory.0;
        Self {
            partition,
            partitions,
            memory,
            store,
            dirty: Vec::new(),
            loaded: Vec::new(),
            outbox: Vec::new(),
            broken: None,
        }
    }

    /// The partition this decision is made in.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// How many partitions every topic has.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// The partition on which messages with this key are handled.
    pub fn home_of(&self, key: &str) -> i32 {
        topics::partition_of(key.as_bytes(), self.partitions)
    }

    /// Checks that `key` belongs to this partition. On another one its entity would have two writers.
    ///
    /// # Errors
    /// [`Unreadable::WrongPartition`], which names `what` the key is, the key, and both partitions.
    pub fn check_home(&self, what: &'static str, key: &str) -> Result<(), Unreadable> {
        let home = self.home_of(key);
        if home == self.partition {
            return Ok(());
        }
        Err(Unreadable::WrongPartition { what, key: key.to_owned(), home, here: self.partition })
    }

    fn fetch(&mut self, key: &str) -> Option<&mut Cached<E>> {
        if !self.memory.contains_key(key) {
            match self.store.load(&key.to_owned()) {
                Ok(Some(state)) => {
                    self.memory.insert(key.to_owned(), Cached { state: Some(state), seq: None, bytes: 0 });
                    self.loaded.push(key.to_owned());
                }
                Ok(None) => return None,
                Err(reason) => {
                    self.broken.get_or_insert(StepDown::Failed(reason));
                    return None;
                }
            }
        }
        self.memory.get_mut(key)
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
        let cached = self.memory.entry(key.clone()).or_insert(Cached { state: None, seq: None, bytes: 0 });
        cached.state = state;
        self.dirty.push(key);
    }

    /// Nothing can be decided on what the journal holds: the process ends with this reason, and nothing of this batch is
    /// written.
    pub fn refuse(&mut self, why: String) {
        self.broken = Some(StepDown::Refused(why));
    }

    /// Sends a message once this decision is durable.
    pub fn send(&mut self, message: Outgoing) {
        self.outbox.push(message);
    }

    /// An estimate of what the decisions since (messages, changes) add to the record. A state counts as it was last
    /// written, or as it is where it never was, and at least [`STATE_BYTES`].
    pub(super) fn weight(&mut self, (said, dirtied): (usize, usize)) -> usize {
        let mut bytes: usize = self.outbox.iter().skip(said).map(size_of).sum();
        for key in self.dirty.iter().skip(dirtied) {
            let Some(cached) = self.memory.get_mut(key) else { continue };
            if cached.bytes == 0 {
                // One that can't be encoded ends the batch when it is written.
                cached.bytes = serde_json::to_vec(&cached.state).map_or(0, |text| text.len());
            }
            bytes += cached.bytes.max(STATE_BYTES);
        }
        bytes
    }

    /// Why nothing can be decided, for a handler's unit tests.
    pub fn refused(&self) -> Option<&str> {
        match self.broken.as_ref()? {
            StepDown::Refused(why) | StepDown::Failed(why) => Some(why),
            StepDown::ForeignClaim => None,
        }
    }

    /// What has been sent so far, for a handler's unit tests.
    pub fn sent(&self) -> &[Outgoing] {
        &self.outbox
    }
}

/// The memory behind a [`Transaction`] of a unit test; keeps states from one decision to the next.
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

    /// Decides once, and returns what is sent; a message that can't be read gives what becomes of it.
    pub fn decide<H: Handler<Entity = E>>(
        &mut self,
        handler: &H,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Vec<Outgoing> {
        let store = BTreeMap::new();
        let mut tx = Transaction::over(self, &store, 0, 1);
        match (handler.decide(&mut tx, trigger, now), trigger) {
            (Err(reason), Trigger::Message(message)) => handler.unreadable(message, &reason).into_iter().collect(),
            (Ok(()) | Err(_), _) => tx.outbox,
        }
    }
}
