//! Hostile messages: messages of every kind that the services read, grown in any part up to their topic's limit and
//! beyond, and sent many times under new ids, are passed to the real handlers among the messages of a run. No decision
//! makes a record or a message over its limit, or panics.

use common::blob::Blob;
use common::contract::Entry;
use common::ids;
use common::journal::Handler;
use common::messages::{Headers, Message, header};
use common::service::Program;
use common::time::Timestamp;
use common::topics;
use orchestrator::program::Orchestrator;
use payment_service::program::PaymentService;
use payment_service::provider::call::ProviderKind;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::damaged_messages::pointers;
use crate::handler_test::HandlerTest;
use crate::handlers;
use crate::kafka::PARTITIONS;
use crate::published::Published;
use crate::recorded::recorded_messages;
use crate::workload::WAREHOUSE;

/// Cases of each service. A case decides some thousand messages, some of them as long as their topic takes.
const CASES: u32 = 24;

/// The most bytes that a list grows to, and that the copies of a message have together: far beyond what a topic takes,
/// and little enough for the memory of a small machine.
const MOST_GROWN: usize = 4_000_000;
const MOST_COPIED: usize = 32_000_000;

/// How a message is changed before it is sent.
#[derive(Clone, Debug)]
enum Growth {
    /// A text, the `Index`th, repeats these letters up to this many bytes.
    Text(Index, &'static str, usize),
    /// A list repeats its first item.
    List(Index, usize),
    /// An object has another member: numbers that are longer when they are written again.
    Numbers(Index, usize),
    /// The whole value is this many bytes, as after decompressing.
    Bytes(u8, usize),
    Header(&'static str, usize),
    Key(usize),
    /// The message as it is.
    None,
}

/// A message of the contract (or, beyond those, of the run), its changes, and how often it is sent.
#[derive(Clone, Debug)]
struct Hostile {
    message: Index,
    order: Index,
    growth: Vec<Growth>,
    place: Index,
    times: usize,
}

fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![1..2_000_usize, 2_000..70_000_usize, 70_000..400_000_usize, 400_000..1_100_000_usize]
}

fn growth() -> impl Strategy<Value = Growth> {
    let letters = select(vec!["x", "\u{1}", "\"", "ü", "😀", "\n", "{{ name }}"]);
    let names = select(vec![header::ID, header::SUBJECT, header::STEP, header::TRACEPARENT, header::SAGA_ID, "x"]);
    prop_oneof![
        6 => (any::<Index>(), letters, bytes()).prop_map(|(at, letters, bytes)| Growth::Text(at, letters, bytes)),
        3 => (any::<Index>(), 2..30_000_usize).prop_map(|(at, items)| Growth::List(at, items)),
        1 => (any::<Index>(), 1..200_000_usize).prop_map(|(at, count)| Growth::Numbers(at, count)),
        1 => (select(vec![b' ', b'x', b'[', 0xff]), 1..4_000_000_usize).prop_map(|(b, n)| Growth::Bytes(b, n)),
        1 => (names, bytes()).prop_map(|(name, bytes)| Growth::Header(name, bytes)),
        1 => bytes().prop_map(Growth::Key),
        4 => Just(Growth::None),
    ]
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let times = prop_oneof![3 => Just(1_usize), 2 => 2..12_usize, 1 => 12..260_usize];
    let growth = vec(growth(), 0..4);
    (any::<Index>(), any::<Index>(), growth, any::<Index>(), times)
        .prop_map(|(message, order, growth, place, times)| Hostile { message, order, growth, place, times })
}

impl Growth {
    fn apply(&self, message: &mut Message) {
        match self {
            Self::Text(at, letters, bytes) => change(message, at, Value::is_string, |value| {
                *value = letters.repeat(bytes / letters.len() + 1).into();
            }),
            Self::List(at, items) => change(message, at, Value::is_array, |value| {
                if let Value::Array(list) = value {
                    let first = list.first().cloned().unwrap_or(Value::from(1));
                    let fitting = MOST_GROWN / first.to_string().len();
                    list.resize((*items).min(fitting).max(list.len()), first);
                }
            }),
            Self::Numbers(at, count) => change(message, at, Value::is_object, |value| {
                value["x"] = vec![Value::from(1e15); *count].into();
            }),
            Self::Bytes(byte, count) => message.value = Some(vec![*byte; *count]),
            Self::Header(name, bytes) => message.headers.set(name, "h".repeat(*bytes)),
            Self::Key(bytes) => message.key = Some(Blob(vec![b'k'; *bytes])),
            Self::None => {}
        }
        // What a producer writes is shorter than what serde_json does.
        if let (Self::Numbers(..), Some(value)) = (self, &mut message.value) {
            *value = String::from_utf8_lossy(value).replace("1000000000000000.0", "1e15").into_bytes();
        }
    }
}

/// Changes one of the values of a JSON message that match.
pub fn change(message: &mut Message, at: &Index, matches: fn(&Value) -> bool, change: impl FnOnce(&mut Value)) {
    let Some(Ok(mut value)) = message.value.as_deref().map(serde_json::from_slice::<Value>) else { return };
    let mut all = Vec::new();
    pointers(&value, "", &mut all);
    all.retain(|pointer| value.pointer(pointer).is_some_and(matches));
    if all.is_empty() {
        return;
    }
    let pointer: &String = at.get(&all);
    change(value.pointer_mut(pointer).unwrap());
    message.value = Some(value.to_string().into_bytes());
}

/// The example of a message of the contract, about an order.
pub fn example(entry: &Entry, order: &str) -> Message {
    let mut value: Value = serde_json::from_str(entry.example).unwrap();
    if value.get("orderId").is_some() {
        value["orderId"] = order.into();
    }
    let id = value.get("returnId").filter(|_| entry.kind == "return.requested");
    let subject = id.and_then(Value::as_str).unwrap_or(order).to_owned();
    let key = if entry.topic == topics::INVENTORY_COMMANDS { WAREHOUSE } else { &subject };
    let mut headers = Headers::default();
    headers.push(header::ID, format!("{} {subject}", entry.kind));
    headers.push(header::TYPE, entry.kind);
    headers.push(header::SUBJECT, subject.clone());
    headers.push(header::SAGA_ID, order.to_owned());
    headers.push(header::STEP, "reserve");
    headers.push(header::ATTEMPT, "1");
    headers.push(header::ACTION, "execute");
    Message {
        topic: entry.topic.into(),
        partition: topics::partition_of(key.as_bytes(), PARTITIONS),
        offset: 1_000_000,
        timestamp: Timestamp(0),
        key: Some(key.into()),
        headers,
        value: Some(value.to_string().into_bytes()),
    }
}

/// The `n`th copy of a message: under another id, and about another return, refund or payment.
pub fn copy(message: &Message, n: usize) -> Message {
    let mut copy = message.clone();
    copy.offset += i64::try_from(n).unwrap();
    if n == 0 {
        return copy;
    }
    if copy.header(header::ID).is_some_and(|id| id.len() < 200) {
        copy.headers.set(header::ID, format!("{} {n}", message.id()));
    }
    let Some(Ok(mut value)) = copy.value.as_deref().map(serde_json::from_slice::<Value>) else { return copy };
    for name in ["returnId", "refundId", "caseId", "paymentId", "id"] {
        if let Some(Value::String(text)) =
            value.get_mut(name).filter(|value| value.as_str().is_some_and(|t| t.len() < 200))
        {
            *text = ids::derive(&[text, &n.to_string()]).to_string();
        }
    }
    copy.value = Some(value.to_string().into_bytes());
    copy
}

/// Passes the messages of a run, and hostile ones among them, to a service's handler.
fn check_hostile<P: Program, H: Handler<Entity: Published>>(handler: &H, more: &[&str], contract: &[Entry]) {
    check_some::<P, H>(CASES, handler, more, contract);
}

fn check_some<P: Program, H: Handler<Entity: Published>>(cases: u32, handler: &H, more: &[&str], contract: &[Entry]) {
    let inputs: Vec<&str> = P::INPUTS.iter().chain(more).copied().collect();
    let runs = recorded_messages(&inputs);
    let entries: Vec<&Entry> = contract.iter().filter(|entry| inputs.contains(&entry.topic)).collect();
    let config = ProptestConfig { cases, max_shrink_iters: 200, ..ProptestConfig::default() };
    proptest!(config, |(run in 0..runs.len(), all in vec(hostile(), 1..8))| {
        let mut messages = runs[run].clone();
        let orders: Vec<String> = messages.iter().filter_map(order_of).collect();
        for Hostile { message, order, growth, place, times } in &all {
            let number = message.index(2 * entries.len());
            let mut hostile = match entries.get(number) {
                Some(entry) => example(entry, order.get::<String>(&orders)),
                None => messages[message.index(messages.len())].clone(),
            };
            growth.iter().for_each(|growth| growth.apply(&mut hostile));
            let at = place.index(messages.len());
            let times = (*times).min(1 + MOST_COPIED / hostile.size().max(1));
            messages.splice(at..at, (0..times).map(|n| copy(&hostile, n)));
        }
        let mut test = HandlerTest::new(handler);
        messages.iter().for_each(|message| test.take(message));
        test.fire_all();
    });
}

/// The order that a message is about.
pub fn order_of(message: &Message) -> Option<String> {
    let value: Value = serde_json::from_slice(message.value.as_deref()?).ok()?;
    let order = value.get("orderId").or_else(|| value.get("order_id"));
    order.and_then(Value::as_str).or_else(|| message.header(header::SAGA_ID)).map(str::to_owned)
}

#[test]
fn no_messages_make_orders_outgrow_a_record() {
    check_hostile::<order_service::program::Program, _>(&handlers::orders(), &[], order_service::contract::MESSAGES);
}

#[test]
fn no_messages_make_the_inventory_outgrow_a_record() {
    let contract = inventory_service::contract::MESSAGES;
    check_hostile::<inventory_service::program::Program, _>(&handlers::warehouse(), &[], contract);
}

#[test]
fn no_messages_make_payments_outgrow_a_record() {
    check_hostile::<PaymentService, _>(&handlers::payments(), &[], payment_service::contract::MESSAGES);
}

/// Results are marked, and those without a mark are hints: they are put back, or the provider is asked.
#[test]
fn no_messages_make_marked_payments_outgrow_a_record() {
    for provider in [ProviderKind::Manual, ProviderKind::Stripe] {
        let handler = handlers::marked_payments(provider);
        check_some::<PaymentService, _>(CASES / 2, &handler, &[], payment_service::contract::MESSAGES);
    }
}

#[test]
fn no_messages_make_sagas_outgrow_a_record() {
    let all = [
        orchestrator::contract::MESSAGES,
        order_service::contract::MESSAGES,
        inventory_service::contract::MESSAGES,
        payment_service::contract::MESSAGES,
        common::contract::MESSAGES,
    ];
    check_hostile::<Orchestrator, _>(&handlers::sagas(), handlers::INPUTS_OF_SAGAS, &all.concat());
}

proptest! {
    #[test]
    fn a_message_may_be_grown_in_each_of_its_parts(index in any::<Index>()) {
        let entry = order_service::contract::MESSAGES.iter().find(|entry| entry.kind == "order.place").unwrap();
        for growth in [
            Growth::Text(index, "ü", 50_000),
            Growth::List(index, 5_000),
            Growth::Numbers(index, 10_000),
            Growth::Bytes(b'x', 50_000),
            Growth::Header(header::ID, 50_000),
            Growth::Key(50_000),
        ] {
            let mut message = example(entry, "3852cb18-9c19-4326-ac77-a1a0264bd98c");
            growth.apply(&mut message);
            prop_assert!(message.size() >= 50_000, "{growth:?}");
        }
        let first = example(entry, "o");
        prop_assert_ne!(copy(&first, 1).id(), first.id());
    }
}
