//! Damaged messages: the messages of a run, some of them corrupted at random, are passed to the real handlers. A
//! handler either decides a message or rejects it as a whole, and every state it writes can be serialized and read
//! again.

use std::collections::BTreeMap;

use common::blob::{Blob, Json};
use common::journal::{Entity, Handler, Key, Memory, Transaction, Trigger};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::service::Program;
use common::time::Timestamp;
use common::topics;
use inventory_service::handler::Warehouse;
use inventory_service::rules::settings::RuleSettings;
use orchestrator::handler::SagaHandler;
use orchestrator::messages::{ROLLOUT_SET, SAGA_ACTION};
use orchestrator::program::Orchestrator;
use order_service::handler::OrderHandler;
use payment_service::handler::Payments;
use payment_service::program::PaymentService;
use payment_service::provider::call::ProviderKind;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::definitions;
use crate::kafka::{PARTITIONS, partitions};
use crate::run::messages_of;
use crate::workload::{WAREHOUSE, stock};

/// Simulated runs that provide the messages.
const RUNS: u64 = 6;

/// A corruption of one message.
#[derive(Clone, Debug)]
enum Damage {
    Value(Option<Vec<u8>>),
    Cut(Index),
    Flip(Index, u8),
    Deep(usize),
    /// Replaces the value at a JSON pointer.
    Set(Index, Value),
    Remove(Index),
    Key(Option<Vec<u8>>),
    Header(Index, Vec<u8>),
    NoHeader(Index),
    NewHeader(&'static str, String),
    Elsewhere,
    Again,
}

fn value() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec![0, -1, i64::MAX, i64::MIN]).prop_map(Value::from),
    ];
    let texts = prop_oneof![
        ".{0,40}".prop_map(Value::from),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(Value::from),
        select(vec!["", "approved", "declined", "\u{0}", "9999-12-31T23:59:59Z", "-9999-01-01T00:00:00Z", "BRL"])
            .prop_map(Value::from),
        (1_000..20_000_usize).prop_map(|n| Value::from("x".repeat(n))),
    ];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), numbers, texts];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-zA-Z]{1,10}", inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

fn damage() -> impl Strategy<Value = Damage> {
    let names = select(vec![
        header::TYPE,
        header::SUBJECT,
        header::ID,
        header::SAGA_ID,
        header::STEP,
        header::ATTEMPT,
        header::ACTION,
        header::TRACEPARENT,
        header::PUT_BACK_FROM,
        header::CUT,
    ]);
    prop_oneof![
        2 => option::of(vec(any::<u8>(), 0..60)).prop_map(Damage::Value),
        1 => value().prop_map(|value| Damage::Value(Some(value.to_string().into_bytes()))),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        1 => (50..300_usize).prop_map(Damage::Deep),
        8 => (any::<Index>(), value()).prop_map(|(at, value)| Damage::Set(at, value)),
        4 => any::<Index>().prop_map(Damage::Remove),
        1 => option::of(vec(any::<u8>(), 0..60)).prop_map(Damage::Key),
        3 => (any::<Index>(), vec(any::<u8>(), 0..40)).prop_map(|(at, bytes)| Damage::Header(at, bytes)),
        2 => any::<Index>().prop_map(Damage::NoHeader),
        3 => (names, ".{0,40}").prop_map(|(name, text)| Damage::NewHeader(name, text)),
        1 => Just(Damage::Elsewhere),
        2 => Just(Damage::Again),
    ]
}

/// JSON Pointers (RFC 6901) to all values within a JSON value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                pointers(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(n, inner)| pointers(inner, &format!("{at}/{n}"), all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Replaces or removes one value of a JSON message. Other messages are left unchanged.
fn rewrite(message: &mut Message, at: &Index, new: Option<Value>) {
    let Some(Ok(mut value)) = message.value.as_deref().map(serde_json::from_slice::<Value>) else { return };
    let mut all = Vec::new();
    pointers(&value, "", &mut all);
    let pointer = at.get(&all).clone();
    match (new, pointer.rsplit_once('/')) {
        (Some(new), _) => *value.pointer_mut(&pointer).unwrap() = new,
        (None, Some((parent, name))) => match value.pointer_mut(parent).unwrap() {
            Value::Object(object) => _ = object.remove(&name.replace("~1", "/").replace("~0", "~")),
            Value::Array(list) => _ = list.remove(name.parse().unwrap()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        },
        (None, None) => value = Value::Null,
    }
    message.value = Some(value.to_string().into_bytes());
}

impl Damage {
    fn apply(&self, message: &mut Message) {
        let bytes = message.value.as_mut().filter(|bytes| !bytes.is_empty());
        let headers = &mut message.headers.0;
        match self {
            Self::Value(value) => message.value.clone_from(value),
            Self::Cut(at) => bytes.into_iter().for_each(|bytes| bytes.truncate(at.index(bytes.len()))),
            Self::Flip(at, byte) => {
                if let Some(bytes) = bytes {
                    let at = at.index(bytes.len());
                    bytes[at] ^= byte;
                }
            }
            Self::Deep(levels) => message.value = Some([b"[".repeat(*levels), b"]".repeat(*levels)].concat()),
            Self::Set(at, value) => rewrite(message, at, Some(value.clone())),
            Self::Remove(at) => rewrite(message, at, None),
            Self::Key(key) => message.key = key.clone().map(Blob),
            Self::Header(at, value) if !headers.is_empty() => {
                let at = at.index(headers.len());
                headers[at].1 = Blob(value.clone());
            }
            Self::NoHeader(at) if !headers.is_empty() => _ = headers.remove(at.index(headers.len())),
            Self::NewHeader(name, value) => message.headers.push(*name, value.clone()),
            Self::Elsewhere => message.partition = (message.partition + 1) % PARTITIONS,
            Self::Header(..) | Self::NoHeader(_) | Self::Again => {}
        }
    }
}

/// A service's handler with the entities of each partition.
struct HandlerTest<'h, H: Handler> {
    handler: &'h H,
    entities: BTreeMap<i32, Memory<H::Entity>>,
    now: Timestamp,
}

impl<H: Handler> HandlerTest<'_, H> {
    fn decide(&mut self, partition: i32, trigger: Trigger<'_>) -> Result<Vec<Outgoing>, Unreadable> {
        let memory = self.entities.entry(partition).or_default();
        let nothing = BTreeMap::new();
        let mut tx = Transaction::over(memory, &nothing, partition, PARTITIONS);
        let decided = self.handler.decide(&mut tx, trigger, self.now);
        assert_eq!(tx.refused(), None, "{trigger:?} stops the process");
        if decided.is_err() {
            assert_eq!(tx.sent(), [], "a rejected message was processed in part");
        }
        let sent = tx.sent().to_vec();
        decided.map(|()| sent)
    }

    /// The message is decided, or rejected without any effect.
    fn take(&mut self, message: &Message) {
        self.now = self.now.max(message.timestamp);
        let before = self.states(message.partition);
        match self.decide(message.partition, Trigger::Message(message)) {
            Ok(sent) => self.assert_serializable(message.partition, &before, sent),
            Err(reason) => {
                assert_eq!(
                    before,
                    self.states(message.partition),
                    "a rejected message was processed in part: {reason}"
                );
                match self.handler.unreadable(message, &reason) {
                    Some(letter) => assert_complete(message, letter),
                    None => assert_eq!(&*message.topic, topics::PAYMENT_RESULTS, "{reason}: the message is lost"),
                }
            }
        }
    }

    /// Fires all timers until none is left. A timer that never advances fails the test.
    fn fire_all(&mut self) {
        for partition in partitions() {
            let due = |states: &BTreeMap<Key, H::Entity>| {
                let waking = states.iter().filter(|(_, state)| state.is_open());
                waking.filter_map(|(key, state)| Some((state.wake_at()?, key.clone()))).min()
            };
            for _ in 0..200 {
                let Some((at, key)) = due(&self.states(partition)) else { break };
                self.now = self.now.max(at);
                let before = self.states(partition);
                let sent = self.decide(partition, Trigger::Timer(&key)).unwrap();
                self.assert_serializable(partition, &before, sent);
                let next = self.states(partition).get(&key).filter(|state| state.is_open()).and_then(Entity::wake_at);
                assert_ne!(next, Some(at), "the timer of {key} does not advance");
            }
        }
    }

    fn states(&self, partition: i32) -> BTreeMap<Key, H::Entity> {
        let states = self.entities.get(&partition).into_iter().flat_map(Memory::states);
        states.map(|(key, state)| (key.clone(), state.clone())).collect()
    }

    /// Changed states and sent messages are equal after serialization and deserialization.
    fn assert_serializable(&self, partition: i32, before: &BTreeMap<Key, H::Entity>, outbox: Vec<Outgoing>) {
        let now = self.states(partition);
        for (key, state) in now.into_iter().filter(|(key, state)| before.get(key) != Some(state)) {
            let read: H::Entity = Json::of(&state).unwrap().read().unwrap_or_else(|e| panic!("{key}: {e}: {state:?}"));
            assert_eq!(read, state, "{key} differs after a round trip");
            let has_intents = !self.handler.intents(&key, &state).is_empty();
            let open = has_intents && state.is_open();
            let reported = has_intents && state.has_intents();
            assert_eq!(open, reported, "{key}: its side effects would be lost");
        }
        for message in outbox {
            assert!(message.partition.is_none_or(|to| (0..PARTITIONS).contains(&to)), "{message:?}");
            let read: Outgoing = Json::of(&message).unwrap().read().unwrap();
            assert_eq!(read, message, "the message differs after a round trip");
        }
    }
}

/// A dead letter has the message's key, value and headers, and the reason.
fn assert_complete(message: &Message, letter: Outgoing) {
    assert_eq!(&*letter.topic, topics::dead_letters(&message.topic));
    assert_eq!((&letter.key, letter.value.bytes()), (&message.key, message.value.as_deref()));
    assert!(letter.headers.0.starts_with(&message.headers.0), "{letter:?}");
    assert!(letter.headers.get("__streams.errors.message").is_some_and(|why| !why.is_empty()), "{letter:?}");
}

/// The messages on a service's topics of some runs in order of time, with operator commands added on `saga-commands`.
fn recorded_messages(inputs: &[&str]) -> Vec<Vec<Message>> {
    let run = |seed| {
        let mut all: Vec<Message> = messages_of(seed, &definitions());
        let subjects: Vec<(String, i32, Timestamp)> = all
            .iter()
            .filter(|message| &*message.topic == topics::CREATED_ORDERS)
            .filter_map(|m| Some((m.header(header::SUBJECT)?.to_owned(), m.partition, m.timestamp)))
            .collect();
        for (n, (saga, partition, at)) in subjects.into_iter().enumerate() {
            let commands = [
                (SAGA_ACTION, json!({"by": "a", "why": "b", "action": "pause"})),
                (SAGA_ACTION, json!({"by": "a", "why": "b", "action": "resume"})),
                (
                    SAGA_ACTION,
                    json!({"by": "a", "why": "b", "action": "skip", "step": "payment-result", "answer": {"x": 1}}),
                ),
                (SAGA_ACTION, json!({"by": "a", "why": "b", "action": "resolve", "step": "reserve", "happened": true})),
                (ROLLOUT_SET, json!({"by": "a", "why": "b", "definition": "order", "version": 3, "percent": 10})),
                (SAGA_ACTION, json!({"by": "a", "why": "b", "action": "retry"})),
                (SAGA_ACTION, json!({"by": "a", "why": "b", "action": "cancel"})),
            ];
            let (kind, command) = &commands[n % commands.len()];
            let command = Outgoing::event(topics::SAGA_COMMANDS, &saga, kind, format!("{n}"), &saga, at, command);
            let value = command.value.bytes().map(<[u8]>::to_vec);
            let headers = command.headers;
            let topic = topics::SAGA_COMMANDS.into();
            let offset = n as i64;
            all.push(Message { topic, partition, offset, timestamp: at, key: command.key, headers, value });
        }
        all.retain(|message| inputs.contains(&&*message.topic));
        all.sort_by_key(|message| message.timestamp);
        all
    };
    (0..RUNS).map(run).collect()
}

/// Passes a service's messages, some of them damaged, to its handler.
fn check_damaged<P: Program, H: Handler>(handler: &H, more: &[&str]) {
    let inputs: Vec<&str> = P::INPUTS.iter().chain(more).copied().collect();
    let runs = recorded_messages(&inputs);
    for topic in inputs {
        assert!(runs.iter().flatten().any(|message| &*message.topic == topic), "no run has a message on {topic}");
    }
    let damages = vec((any::<Index>(), damage(), any::<bool>()), 1..12);
    proptest!(|(run in 0..runs.len(), damages in damages)| {
        let mut messages = runs[run].clone();
        for (at, damage, instead) in &damages {
            let at = at.index(messages.len());
            let mut damaged = messages[at].clone();
            damage.apply(&mut damaged);
            if *instead { messages[at] = damaged } else { messages.insert(at, damaged) }
        }
        let mut test = HandlerTest { handler, entities: BTreeMap::new(), now: Timestamp(0) };
        partitions().for_each(|partition| _ = test.decide(partition, Trigger::Claimed));
        messages.iter().for_each(|message| test.take(message));
        test.fire_all();
    });
}

#[test]
fn orders_handle_damaged_messages() {
    check_damaged::<order_service::program::Program, _>(&OrderHandler::default(), &[]);
}

#[test]
fn the_inventory_handles_damaged_messages() {
    let warehouse = Warehouse { name: WAREHOUSE.to_owned(), seed: stock(), rules: RuleSettings::default() };
    check_damaged::<inventory_service::program::Program, _>(&warehouse, &[]);
}

#[test]
fn payments_handle_damaged_messages() {
    check_damaged::<PaymentService, _>(&Payments { provider: ProviderKind::Simulated }, &[]);
}

#[test]
fn the_orchestrator_handles_damaged_messages() {
    let handler = SagaHandler::new(definitions());
    check_damaged::<Orchestrator, _>(&handler, &[topics::CREATED_ORDERS, topics::PAYMENT_RESULTS]);
}
