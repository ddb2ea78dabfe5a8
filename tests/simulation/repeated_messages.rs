//! Messages of every kind, with other statuses, outcomes and numbers, are passed to the real handlers among the
//! messages of a run, each of them twice: each change is published once, whatever makes it.

use common::contract::Entry;
use common::journal::Handler;
use common::messages::Message;
use common::service::Program;
use common::topics;
use orchestrator::program::Orchestrator;
use payment_service::program::PaymentService;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::handler_test::HandlerTest;
use crate::handlers;
use crate::hostile_messages::{change, copy, example, order_of};
use crate::published::Published;
use crate::recorded::recorded_messages;

/// The cases of each service.
const CASES: u32 = 96;

/// Words that messages have as a status, an outcome, an operation or a step.
const WORDS: [&str; 47] = [
    "pending",
    "reserved",
    "awaiting_payment",
    "paid",
    "cancelling",
    "confirmed",
    "shipped",
    "rejected",
    "payment_not_completed",
    "cancelled",
    "refunded",
    "returned",
    "refused",
    "requested",
    "approved",
    "authorized",
    "declined",
    "accepted",
    "failed",
    "open",
    "silent",
    "captured",
    "listed",
    "request",
    "result",
    "capture",
    "cancel",
    "refund",
    "review",
    "booked",
    "voided",
    "picked",
    "handed_over",
    "delivered",
    "execute",
    "compensate",
    "ok",
    "pause",
    "resume",
    "retry",
    "skip",
    "resolve",
    "made",
    "won",
    "lost",
    "inquiry",
    "standard",
];

/// A message of the contract (or, beyond those, of the run), with some of its words and numbers replaced.
#[derive(Clone, Debug)]
struct Changed {
    message: Index,
    order: Index,
    words: Vec<(Index, &'static str)>,
    numbers: Vec<(Index, u32)>,
    copy: usize,
    place: Index,
}

fn changed() -> impl Strategy<Value = Changed> {
    let words = vec((any::<Index>(), select(WORDS.as_slice())), 0..3);
    let numbers = vec((any::<Index>(), 0..5_u32), 0..3);
    (any::<Index>(), any::<Index>(), words, numbers, 0..3_usize, any::<Index>()).prop_map(
        |(message, order, words, numbers, copy, place)| Changed { message, order, words, numbers, copy, place },
    )
}

impl Changed {
    fn apply(&self, message: &Message) -> Message {
        let mut message = copy(message, self.copy);
        for (at, word) in &self.words {
            change(&mut message, at, is_word, |value| *value = (*word).into());
        }
        for (at, number) in &self.numbers {
            change(&mut message, at, Value::is_number, |value| *value = (*number).into());
        }
        message
    }
}

fn is_word(value: &Value) -> bool {
    value.as_str().is_some_and(|text| WORDS.contains(&text))
}

fn check_repeated<P: Program, H: Handler<Entity: Published>>(handler: &H, more: &[&str], contract: &[Entry]) {
    let inputs: Vec<&str> = P::INPUTS.iter().chain(more).copied().collect();
    let runs = recorded_messages(&inputs);
    let entries: Vec<&Entry> = contract.iter().filter(|entry| inputs.contains(&entry.topic)).collect();
    let config = ProptestConfig { cases: CASES, max_shrink_iters: 500, ..ProptestConfig::default() };
    proptest!(config, |(run in 0..runs.len(), all in vec(changed(), 1..40))| {
        let mut messages = runs[run].clone();
        let orders: Vec<String> = messages.iter().filter_map(order_of).collect();
        for changed in &all {
            let number = changed.message.index(2 * entries.len());
            let message = match entries.get(number) {
                Some(entry) => example(entry, changed.order.get::<String>(&orders)),
                None => messages[changed.message.index(messages.len())].clone(),
            };
            let at = changed.place.index(messages.len());
            messages.insert(at, changed.apply(&message));
        }
        let mut test = HandlerTest::new(handler);
        messages.iter().for_each(|message| test.take_twice(message));
        test.fire_all();
        test.check_sums();
    });
}

#[test]
fn each_change_of_an_order_is_one_event_and_a_repeated_message_none() {
    let contract = order_service::contract::MESSAGES;
    check_repeated::<order_service::program::Program, _>(&handlers::orders(), &[], contract);
}

#[test]
fn each_change_of_a_shipment_is_one_event_and_a_repeated_message_none() {
    let contract = inventory_service::contract::MESSAGES;
    check_repeated::<inventory_service::program::Program, _>(&handlers::warehouse(), &[], contract);
}

#[test]
fn each_change_of_a_payment_is_one_event_and_a_repeated_message_none() {
    let contract = payment_service::contract::MESSAGES;
    check_repeated::<PaymentService, _>(&handlers::payments(), &[], contract);
}

#[test]
fn each_change_of_a_saga_is_one_event_and_a_repeated_message_none() {
    let all = [orchestrator::contract::MESSAGES, order_service::contract::MESSAGES, common::contract::MESSAGES];
    let more = [topics::CREATED_ORDERS, topics::PAYMENT_RESULTS];
    check_repeated::<Orchestrator, _>(&handlers::sagas(), &more, &all.concat());
}
