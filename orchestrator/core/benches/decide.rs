//! The time of a decision and the memory of a saga: `cargo bench -p saga`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops where it goes wrong")]

use divan::{AllocProfiler, Bencher, black_box};
use saga::{Action, Callback, Data, Decision, Definition, Input, Outcome, Saga, Timestamp, decide};
use serde_json::json;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const ORDER: &str = include_str!("../tests/kept/order-2.toml");

fn main() {
    divan::main();
}

fn definition() -> Definition {
    Definition::parse("order.toml", ORDER).unwrap()
}

fn payload() -> serde_json::Value {
    json!({
        "orderId": Uuid::from_u128(7), "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "amountMinor": 1050,
        "currency": "BRL", "createdAt": "2026-01-01T00:00:00Z",
        "items": [
            {"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amountMinor": 20000, "quantity": 1},
        ],
    })
}

fn begin(definition: &Definition) -> Input {
    Input::Start { id: Uuid::from_u128(7), data: Data::with(&definition.start.output, payload()), traceparent: None }
}

fn answer(step: &str) -> Input {
    let outcome = Outcome::Ok { data: json!({"status": "reserved"}) };
    Input::Reply { step: step.to_owned(), attempt: 1, action: Action::Execute, outcome }
}

fn approval() -> Input {
    let source = "payment-results".to_owned();
    let id = "m-1".to_owned();
    let status = "approved".to_owned();
    let payload = json!({"orderId": Uuid::from_u128(7), "status": "approved"});
    Input::Callback(Callback { source, id, status, payload })
}

/// The inputs of an order that goes well, one a step.
fn inputs(definition: &Definition) -> Vec<Input> {
    let step = |name| answer(name);
    vec![begin(definition), step("reserve"), step("request-payment"), approval(), step("finalize"), step("conclude")]
}

fn run(definition: &Definition, inputs: Vec<Input>) -> Saga {
    let mut saga = None;
    for (i, input) in (0_i64..).zip(inputs) {
        let Decision { saga: next, effects, .. } = decide(definition, saga, input, Timestamp(1_000 + i));
        black_box(effects);
        saga = next;
    }
    saga.unwrap()
}

/// A whole order, six decisions.
#[divan::bench]
fn order_of_six_decisions(bencher: Bencher<'_, '_>) {
    let definition = definition();
    bencher.with_inputs(|| inputs(&definition)).bench_values(|inputs| run(&definition, inputs));
}

/// One decision of it: a reply that begins the next step.
#[divan::bench(args = [1, 2, 3, 4, 5])]
fn step(bencher: Bencher<'_, '_>, n: usize) {
    let definition = definition();
    let all = inputs(&definition);
    let saga = run(&definition, all[..n].to_vec());
    bencher
        .with_inputs(|| (saga.clone(), all[n].clone()))
        .bench_values(|(saga, input)| decide(&definition, Some(saga), input, Timestamp(9_000)));
}

/// A saga that waits for its payment: its size in memory is what cloning it allocates.
#[divan::bench]
fn waiting_saga_in_memory(bencher: Bencher<'_, '_>) {
    let definition = definition();
    let saga = run(&definition, inputs(&definition)[..3].to_vec());
    bencher.bench(|| saga.clone());
}

/// Reading such a saga's state from the journal.
#[divan::bench]
fn waiting_saga_from_json(bencher: Bencher<'_, '_>) {
    let definition = definition();
    let text = serde_json::to_string(&run(&definition, inputs(&definition)[..3].to_vec())).unwrap();
    bencher.bench(|| serde_json::from_str::<Saga>(black_box(&text)).unwrap());
}
