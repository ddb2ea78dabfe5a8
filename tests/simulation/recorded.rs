//! The messages of some simulated runs, with operator commands, for the tests of the handlers.

use std::sync::LazyLock;

use common::contract::Entry;
use common::messages::{Message, Outgoing, header};
use common::time::Timestamp;
use common::topics;
use orchestrator::messages::{ROLLOUT_SET, SAGA_ACTION};
use serde_json::{Value, json};
use tests::contract;

use crate::definitions;
use crate::kafka::PARTITIONS;
use crate::outcome::messages_of;

/// Simulated runs that provide the messages.
const RUNS: u64 = 6;

/// The messages of these runs on all topics.
static RECORDED: LazyLock<Vec<Vec<Message>>> = LazyLock::new(|| (0..RUNS).map(run).collect());

/// The messages on a service's topics of some runs in order of time, with operator commands added on `saga-commands`.
pub fn recorded_messages(inputs: &[&str]) -> Vec<Vec<Message>> {
    let on_inputs = |run: &Vec<Message>| {
        let on_inputs = run.iter().filter(|message| inputs.contains(&&*message.topic));
        on_inputs.cloned().collect()
    };
    RECORDED.iter().map(on_inputs).collect()
}

/// The messages of a run in order of time, with operator commands added.
fn run(seed: u64) -> Vec<Message> {
    let mut all: Vec<Message> = messages_of(seed, &definitions::built_in());
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
            (ROLLOUT_SET, json!({"by": "a", "why": "b", "definition": "order", "version": 5, "percent": 10})),
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
    all.extend(answers_of_people(all.last().map_or(Timestamp(0), |message| message.timestamp)));
    all.sort_by_key(|message| message.timestamp);
    all
}

/// The answers of people, as examples of the contract: no run has any.
fn answers_of_people(at: Timestamp) -> Vec<Message> {
    let is_answer = |entry: &&'static Entry| [topics::GOODS_RECEIVED, topics::CASE_DECISIONS].contains(&entry.topic);
    let message = |entry: &'static Entry| {
        let value: Value = serde_json::from_str(entry.example).unwrap();
        let names = ["caseId", "returnId"];
        let key = names.iter().find_map(|name| value[name].as_str()).unwrap().to_owned();
        let answer = Outgoing::event(entry.topic, &key, entry.kind, key.clone(), &key, at, &value);
        let partition = topics::partition_of(key.as_bytes(), PARTITIONS);
        answer.received("people", partition, 1_000_000, at)
    };
    contract::messages().filter(is_answer).map(message).collect()
}
