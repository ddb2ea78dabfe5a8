//! Tests of the events for external systems.

use std::collections::BTreeSet;

use common::messages::header;
use serde_json::{Value, json};

use super::super::*;
use super::fixture::{Fixture, id};
use super::{cancel, start_order};
use crate::entity::saga_key;

/// The fixture of an order's saga, and the events so far.
struct Published {
    fixture: Fixture,
    events: Vec<Outgoing>,
}

impl Published {
    fn new() -> Self {
        let mut fixture = Fixture::new(&[include_str!("../../../sagas/order.toml")]);
        fixture.handler.events = true;
        Self { fixture, events: Vec::new() }
    }

    fn after(&mut self, act: impl FnOnce(&mut Fixture) -> Vec<Outgoing>) {
        let sent = act(&mut self.fixture);
        self.events.extend(sent.into_iter().filter(|message| message.topic == topics::SAGA_EVENTS));
    }

    /// The new events, with their steps; all ids are unique.
    fn names(&mut self) -> String {
        let ids: BTreeSet<_> = self.events.iter().map(|event| event.headers.get(header::ID).unwrap()).collect();
        assert_eq!(ids.len(), self.events.len(), "each event has an id of its own");
        let name = |event: &Outgoing| {
            let value: Value = serde_json::from_slice(event.value.bytes().unwrap()).unwrap();
            let kind = event.headers.get(header::TYPE).unwrap().trim_start_matches("saga.").to_owned();
            let parts = ["step", "outcome", "reason"].map(|name| value[name].as_str().map(str::to_owned));
            std::iter::once(kind).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join(":")
        };
        self.events.drain(..).map(|event| name(&event)).collect::<Vec<_>>().join(" ")
    }

    fn operate(&mut self, request: &str, action: &str) {
        let act = json!({"by": "techlead", "why": "look", "action": action});
        self.after(|fixture| fixture.operate(request, &act).unwrap());
        self.after(|fixture| fixture.operate(request, &act).unwrap());
    }

    /// Answers the compensation of a step.
    fn compensated(&mut self, step: &str, outcome: &Value) {
        self.answer(step, "compensate", outcome);
    }

    fn answer(&mut self, step: &str, action: &str, outcome: &Value) {
        let saga = id().to_string();
        let headers =
            [(header::SAGA_ID, &*saga), (header::STEP, step), (header::ATTEMPT, "1"), (header::ACTION, action)];
        self.after(|fixture| fixture.receive(topics::SAGA_REPLIES, &headers, outcome).unwrap());
    }
}

#[test]
fn a_saga_is_published_from_its_beginning_to_its_end() {
    let mut published = Published::new();
    published.after(start_order);
    published.after(start_order);
    assert_eq!(published.names(), "began step-done:validate");
    published.after(|fixture| fixture.reply("reserve"));
    published.after(|fixture| fixture.reply("reserve"));
    published.after(|fixture| fixture.reply("request-payment"));
    let result = json!({"orderId": id(), "status": "approved"});
    published.after(|fixture| fixture.receive(topics::PAYMENT_RESULTS, &[], &result).unwrap());
    assert_eq!(published.names(), "step-done:reserve step-done:request-payment step-done:payment-result");
    published.after(|fixture| fixture.reply("finalize"));
    published.after(|fixture| fixture.reply("conclude"));
    assert_eq!(published.names(), "step-done:finalize step-done:conclude ended:confirmed");
}

#[test]
fn a_refused_step_its_compensation_and_the_end_are_published() {
    let mut published = Published::new();
    published.after(start_order);
    published.names();
    published.answer("reserve", "execute", &json!({"outcome": "refused", "reason": "out_of_stock"}));
    assert_eq!(published.names(), "step-failed:reserve:refused:out_of_stock compensating:rejected:out_of_stock");
    published.after(|fixture| fixture.reply("conclude"));
    assert_eq!(published.names(), "step-done:conclude ended:rejected:out_of_stock");
}

#[test]
fn a_cancelled_saga_an_incident_and_a_pause_are_published() {
    let mut published = Published::new();
    published.after(start_order);
    published.after(|fixture| fixture.reply("reserve"));
    published.operate("1", "pause");
    published.operate("2", "resume");
    assert_eq!(published.names(), "began step-done:validate step-done:reserve paused resumed");
    published.after(cancel);
    let cancelled = "step-failed:request-payment:abandoned compensating:cancelled:cancelled_by_customer";
    assert_eq!(published.names(), cancelled);
    published.compensated("request-payment", &json!({"outcome": "ok"}));
    published.compensated("reserve", &json!({"outcome": "refused", "reason": "no"}));
    assert_eq!(published.names(), "step-compensated:request-payment incident-opened:reserve");
    published.operate("3", "retry");
    assert_eq!(published.names(), "incident-resolved");
}

#[test]
fn the_reason_that_an_operator_chooses_is_not_published() {
    let cancel = |reason: &Value| {
        let mut published = Published::new();
        published.after(start_order);
        published.after(|fixture| fixture.reply("reserve"));
        published.names();
        let act = json!({"by": "techlead", "why": "look", "action": "cancel", "reason": reason});
        published.after(|fixture| fixture.operate("1", &act).unwrap());
        published.names()
    };
    let expected = "step-failed:request-payment:abandoned compensating:cancelled:cancelled_by_operator";
    for reason in [json!("maria.silva"), json!("Maria called"), Value::Null] {
        assert_eq!(cancel(&reason), expected);
    }
}

#[test]
fn a_timer_publishes_what_it_changes() {
    let mut published = Published::new();
    published.after(start_order);
    published.names();
    let key = saga_key(id());
    for _ in 0..1_000 {
        let Some(due) = published.fixture.memory.get(&key).and_then(Entity::saga).and_then(|saga| saga.wake_at())
        else {
            break;
        };
        published.fixture.now = Timestamp(due);
        published.after(|fixture| fixture.wake(&key));
    }
    let names = published.names();
    assert!(names.starts_with("step-failed:reserve:timed_out"), "{names}");
    assert!(names.contains("compensating:"), "{names}");
}
