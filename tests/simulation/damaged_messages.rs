//! Damaged messages: the messages of a run, some of them corrupted at random, are passed to the real handlers. A
//! handler either decides a message or rejects it as a whole, and every state it writes can be serialized and read
//! again.

use common::blob::Blob;
use common::journal::Handler;
use common::messages::{Message, header};
use common::service::Program;
use orchestrator::program::Orchestrator;
use payment_service::program::PaymentService;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::handler_test::HandlerTest;
use crate::handlers;
use crate::kafka::PARTITIONS;
use crate::published::Published;
use crate::recorded::recorded_messages;

/// Cases of a test, each with all messages of a run.
const CASES: u32 = 64;

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
pub fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
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

/// Passes a service's messages, some of them damaged, to its handler.
fn check_damaged<P: Program, H: Handler<Entity: Published>>(handler: &H, more: &[&str]) {
    let inputs: Vec<&str> = P::INPUTS.iter().chain(more).copied().collect();
    let runs = recorded_messages(&inputs);
    for topic in inputs {
        assert!(runs.iter().flatten().any(|message| &*message.topic == topic), "no run has a message on {topic}");
    }
    let damages = vec((any::<Index>(), damage(), any::<bool>()), 1..48);
    proptest!(ProptestConfig::with_cases(CASES), |(run in 0..runs.len(), damages in damages)| {
        let mut messages = runs[run].clone();
        for (at, damage, instead) in &damages {
            let at = at.index(messages.len());
            let mut damaged = messages[at].clone();
            damage.apply(&mut damaged);
            if *instead { messages[at] = damaged } else { messages.insert(at, damaged) }
        }
        let mut test = HandlerTest::new(handler);
        messages.iter().for_each(|message| test.take(message));
        test.fire_all();
    });
}

#[test]
fn orders_handle_damaged_messages() {
    check_damaged::<order_service::program::Program, _>(&handlers::orders(), &[]);
}

#[test]
fn the_inventory_handles_damaged_messages() {
    check_damaged::<inventory_service::program::Program, _>(&handlers::warehouse(), &[]);
}

#[test]
fn payments_handle_damaged_messages() {
    check_damaged::<PaymentService, _>(&handlers::payments(), &[]);
}

#[test]
fn the_orchestrator_handles_damaged_messages() {
    check_damaged::<Orchestrator, _>(&handlers::sagas(), handlers::INPUTS_OF_SAGAS);
}
