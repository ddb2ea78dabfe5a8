//! A service's real handler with its entities, without the journal. It checks each decision: a message is decided or
//! rejected as a whole, every state and message can be written and read again, the record and the messages fit, and
//! each change that external systems receive is one event.

use std::collections::{BTreeMap, BTreeSet};

use common::blob::Json;
use common::bounds::json_bytes;
use common::journal::{Entity, Handler, Key, Memory, Transaction, Trigger, decide_checked};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::time::Timestamp;
use common::topics;

use crate::kafka::{EVENT_TOPICS, PARTITIONS, partitions};
use crate::published::{Event, Published};

/// Bytes around a state in a record.
const FRAME: usize = 32;
/// More than the other bytes of a record: positions, numbers and names.
const RECORD_OVERHEAD: usize = 16 * 1024;

/// A service's handler with the entities of each partition.
pub struct HandlerTest<'h, H: Handler> {
    handler: &'h H,
    entities: BTreeMap<i32, Memory<H::Entity>>,
    /// Copies of the entities as they were before the decision that is checked. Of an unchanged one no copy is made.
    before: BTreeMap<i32, BTreeMap<Key, H::Entity>>,
    now: Timestamp,
    /// The events so far.
    published: BTreeSet<Event>,
    /// The same, in order.
    log: Vec<Event>,
}

/// What a decision has done to the entities of a partition.
struct Changes<E> {
    /// The key, the state before, and the new state.
    changed: Vec<(Key, Option<E>, E)>,
    removed: Vec<Key>,
}

impl<'h, H: Handler<Entity: Published>> HandlerTest<'h, H> {
    /// The handler after the claims of all partitions.
    pub fn new(handler: &'h H) -> Self {
        let mut test = Self {
            handler,
            entities: BTreeMap::new(),
            before: BTreeMap::new(),
            now: Timestamp(0),
            published: BTreeSet::new(),
            log: Vec::new(),
        };
        for partition in partitions() {
            _ = test.decide(partition, Trigger::Claimed);
            test.changes(partition);
        }
        test
    }

    fn decide(&mut self, partition: i32, trigger: Trigger<'_>) -> Result<Vec<Outgoing>, Unreadable> {
        let memory = self.entities.entry(partition).or_default();
        let nothing = BTreeMap::new();
        let mut tx = Transaction::over(memory, &nothing, partition, PARTITIONS);
        let decided = decide_checked(self.handler, &mut tx, trigger, self.now);
        assert_eq!(tx.refused(), None, "{trigger:?} stops the process");
        if decided.is_err() {
            assert_eq!(tx.sent(), [], "a rejected message was processed in part");
        }
        let sent = tx.sent().to_vec();
        decided.map(|()| sent)
    }

    /// The message is decided, or rejected without any effect.
    pub fn take(&mut self, message: &Message) {
        self.now = self.now.max(message.timestamp);
        match self.decide(message.partition, Trigger::Message(message)) {
            Ok(sent) => self.check_decision(message.partition, sent),
            Err(reason) => {
                let Changes { changed, removed } = self.changes(message.partition);
                assert!(
                    changed.is_empty() && removed.is_empty(),
                    "a rejected message was processed in part: {reason}: {changed:?}, {removed:?}"
                );
                match self.handler.unreadable(message, &reason) {
                    Some(letter) => {
                        assert_fits(0, std::slice::from_ref(&letter));
                        assert_complete(message, letter);
                    }
                    None => assert_eq!(&*message.topic, topics::PAYMENT_RESULTS, "{reason}: the message is lost"),
                }
            }
        }
    }

    /// The message, and then the same again, which publishes nothing.
    pub fn take_twice(&mut self, message: &Message) {
        self.take(message);
        let again = self.decide(message.partition, Trigger::Message(message)).unwrap_or_default();
        let published: Vec<_> = events(&again).collect();
        assert!(published.is_empty(), "a repeated message publishes {published:?}: {message:?}");
        let changes = self.changes(message.partition);
        self.assert_published(&changes, &again);
    }

    /// Fires all timers until none is left. A timer that never advances fails the test.
    pub fn fire_all(&mut self) {
        for partition in partitions() {
            for _ in 0..200 {
                let waking = self.open(partition).filter_map(|(key, state)| Some((state.wake_at()?, key)));
                let Some((at, key)) = waking.min().map(|(at, key)| (at, key.clone())) else { break };
                self.now = self.now.max(at);
                let sent = self.decide(partition, Trigger::Timer(&key)).unwrap();
                self.check_decision(partition, sent);
                let next = self.open(partition).find(|(open, _)| **open == key).and_then(|(_, state)| state.wake_at());
                assert_ne!(next, Some(at), "the timer of {key} does not advance");
            }
        }
    }

    /// The sums of the events agree with the entities.
    pub fn check_sums(&self) {
        for partition in partitions() {
            self.states(partition).for_each(|(_, entity)| entity.check_sums(&self.log));
        }
    }

    fn states(&self, partition: i32) -> impl Iterator<Item = (&Key, &H::Entity)> {
        self.entities.get(&partition).into_iter().flat_map(Memory::states)
    }

    fn open(&self, partition: i32) -> impl Iterator<Item = (&Key, &H::Entity)> {
        self.states(partition).filter(|(_, state)| state.is_open())
    }

    /// What has changed since the last call.
    fn changes(&mut self, partition: i32) -> Changes<H::Entity> {
        let now: BTreeMap<_, _> = self.entities.get(&partition).into_iter().flat_map(Memory::states).collect();
        let before = self.before.entry(partition).or_default();
        let removed: Vec<_> = before.keys().filter(|key| !now.contains_key(key)).cloned().collect();
        for key in &removed {
            before.remove(key);
        }
        let mut changed = Vec::new();
        for (key, state) in now {
            if before.get(key) != Some(state) {
                let was = before.insert(key.clone(), state.clone());
                changed.push((key.clone(), was, state.clone()));
            }
        }
        Changes { changed, removed }
    }

    fn check_decision(&mut self, partition: i32, outbox: Vec<Outgoing>) {
        let changes = self.changes(partition);
        self.assert_published(&changes, &outbox);
        self.assert_serializable(changes, outbox);
    }

    /// Each change has one event, and there are no others. Each id is used once.
    fn assert_published(&mut self, changes: &Changes<H::Entity>, outbox: &[Outgoing]) {
        let mut expected = Vec::new();
        for (_, was, state) in &changes.changed {
            expected.extend(H::Entity::expected(was.as_ref(), state, &self.published));
        }
        let mut sent: Vec<Event> = events(outbox).map(Event::of).collect();
        self.published.extend(sent.iter().cloned());
        self.log.extend(sent.iter().cloned());
        expected.sort();
        sent.sort();
        assert_eq!(sent, expected, "the events differ from the changes");
        assert!(events(outbox).all(|event| event.topic == H::Entity::TOPIC), "another service's topic: {outbox:?}");
        let ids: BTreeSet<_> = events(outbox).map(|event| event.headers.get(header::ID).unwrap()).collect();
        assert_eq!(ids.len(), sent.len(), "each event has an id of its own");
    }

    /// Changed states and sent messages are equal after serialization and deserialization.
    fn assert_serializable(&self, changes: Changes<H::Entity>, outbox: Vec<Outgoing>) {
        let Changes { changed, removed } = changes;
        let removed = removed.iter().map(|key| 2 * key.len() + FRAME).sum::<usize>();
        let states = changed.iter().map(|(key, _, state)| json_bytes(state) + 2 * key.len() + FRAME).sum::<usize>();
        assert_fits(states + removed, &outbox);
        for (key, _, state) in changed {
            let read: H::Entity = Json::of(&state).unwrap().read().unwrap_or_else(|e| panic!("{key}: {e}: {state:?}"));
            assert_eq!(read, state, "{key} differs after a round trip");
            let has_intents = !self.handler.intents(&key, &state).is_empty();
            let open = has_intents && state.is_open();
            let reported = has_intents && state.has_intents();
            assert_eq!(open, reported, "{key}: its side effects would be lost: {state:?}");
        }
        for message in outbox {
            assert!(message.partition.is_none_or(|to| (0..PARTITIONS).contains(&to)), "{message:?}");
            let read: Outgoing = Json::of(&message).unwrap().read().unwrap();
            assert_eq!(read, message, "the message differs after a round trip");
        }
    }
}

/// The events for external systems among these messages.
fn events(outbox: &[Outgoing]) -> impl Iterator<Item = &Outgoing> {
    outbox.iter().filter(|message| EVENT_TOPICS.contains(&&*message.topic))
}

/// The record of a decision fits into the journal, and each message into its topic.
fn assert_fits(states: usize, outbox: &[Outgoing]) {
    for message in outbox {
        let headers: usize = message.headers.0.iter().map(|(name, value)| name.len() + value.0.len() + 8).sum();
        let key = message.key.as_ref().map_or(0, |key| key.0.len());
        let bytes = message.value.bytes().map_or(0, <[u8]>::len) + key + headers + 64;
        let limit = topics::max_bytes(&message.topic);
        assert!(bytes <= limit, "a message of {bytes} bytes for {}", message.topic);
    }
    let record = states + json_bytes(outbox) + RECORD_OVERHEAD;
    assert!(record <= topics::JOURNAL_MAX_BYTES, "a record of {record} bytes, {states} of them states");
}

/// A dead letter has the message's key, value and headers, or names what was cut, and the reason.
fn assert_complete(message: &Message, letter: Outgoing) {
    assert_eq!(&*letter.topic, topics::dead_letters(&message.topic));
    if letter.headers.get(header::CUT).is_none() {
        assert_eq!((&letter.key, letter.value.bytes()), (&message.key, message.value.as_deref()));
        assert!(letter.headers.0.starts_with(&message.headers.0), "{letter:?}");
    }
    assert!(letter.headers.get("__streams.errors.message").is_some_and(|why| !why.is_empty()), "{letter:?}");
}
