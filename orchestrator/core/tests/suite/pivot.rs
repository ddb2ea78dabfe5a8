//! The pivot, the deadline and conditional steps.

use std::time::Duration;

use crate::harness::{ORDER, World, definition, order_with_pivot};
use saga::{Operate, Status, StepStatus, What};
use serde_json::{Value, json};

fn after_the_pivot() -> World {
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment").result("approved");
    assert_eq!(world.status("finalize"), StepStatus::Running);
    world
}

#[test]
fn before_the_pivot_all_is_compensated() {
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment").result("declined");
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("payment_declined")));
}

#[test]
fn after_it_a_failure_is_an_incident_and_nothing_is_compensated() {
    let failures: [fn(&mut World); 3] = [
        |world| _ = world.fail_out("finalize"),
        |world| _ = world.wait_out("finalize"),
        |world| _ = world.refuse("finalize"),
    ];
    for fail in failures {
        let mut world = after_the_pivot();
        world.newly_sent();
        fail(&mut world);
        assert_eq!((world.saga().status, world.status("finalize")), (Status::Incident, StepStatus::Stuck));
        assert!(world.newly_sent().iter().all(|sent| sent == "finalize"), "nothing is compensated");
        assert_eq!(world.saga().ending, None);
    }
}

#[test]
fn a_wait_after_the_pivot_accepts_a_late_yes() {
    let text = ORDER.replacen("name = \"request-payment\"", "name = \"request-payment\"\npivot = true", 1);
    let mut world = World::start(
        definition(&text),
        json!({"orderId": "o", "customerId": "c", "amountMinor": 1, "currency": "EUR", "items": []}),
    );
    world.ok("reserve").ok("request-payment").wait();
    assert_eq!((world.saga().status, world.status("payment-result")), (Status::Incident, StepStatus::Stuck));
    world.result("declined");
    assert_eq!(world.saga().status, Status::Incident, "a late no changes nothing");
    world.result("approved");
    assert_eq!(world.finish().ends(), (Status::Completed, "confirmed", None));
}

/// A pivot without a compensation, such as sending an e-mail.
fn irreversible_pivot() -> World {
    let text = ORDER.replacen("name = \"finalize\"", "name = \"finalize\"\npivot = true", 1);
    let mut world = World::start(
        definition(&text),
        json!({"orderId": "o", "customerId": "c", "amountMinor": 1, "currency": "EUR", "items": []}),
    );
    world.ok("reserve").ok("request-payment").result("approved");
    world
}

#[test]
fn an_irreversible_pivot_of_unknown_outcome_is_an_incident() {
    let mut world = irreversible_pivot();
    world.fail_out("finalize");
    assert_eq!(world.saga().status, Status::Incident);
    world.operate(Operate::Resolve { step: None, happened: false, answer: Value::Null }).unwrap();
    assert_eq!(world.status("finalize"), StepStatus::Refused);
    assert_eq!(world.finish().saga().status, Status::Compensated);
    let mut world = irreversible_pivot();
    world.fail_out("finalize").operate(Operate::Resolve { step: None, happened: true, answer: Value::Null }).unwrap();
    assert_eq!(world.finish().saga().status, Status::Completed);
}

#[test]
fn a_late_refusal_does_not_decide_the_outcome_of_an_irreversible_pivot() {
    let mut world = irreversible_pivot();
    world.wait_out("finalize").refuse("finalize");
    assert_eq!(
        (world.saga().status, world.saga().is_aborted()),
        (Status::Incident, false),
        "another attempt may have succeeded"
    );
}

#[test]
fn a_refused_pivot_did_not_happen() {
    let mut world = irreversible_pivot();
    world.refuse("finalize");
    assert_eq!(world.saga().status, Status::Compensating);
    assert_eq!(world.finish().ends(), (Status::Compensated, "cancelled", Some("out_of_stock")));
}

#[test]
fn the_saga_aborts_at_the_deadline() {
    let mut world = order_with_pivot();
    let begun = world.saga().started;
    for _ in 0..9 {
        world.now = world.now.plus(Duration::from_secs(360));
        world.answer("reserve", saga::Outcome::Failed { error: "wait".into(), retry_after_ms: Some(3_600_000) });
    }
    assert_eq!(world.saga().wake_at().unwrap() - begun.0, 3_600_000, "the deadline comes before the next attempt");
    world.wait();
    assert_eq!(world.saga().ending.as_ref().unwrap().reason.as_deref(), Some("deadline_exceeded"));
    assert_eq!(world.finish().ends(), (Status::Compensated, "cancelled", Some("deadline_exceeded")));
}

#[test]
fn the_deadline_ends_when_the_pivot_begins() {
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment");
    assert_eq!(world.saga().deadline, None);
}

#[test]
fn the_deadline_ends_when_the_pivot_is_skipped() {
    let when = "pivot = true\nwhen = 'has(order.nothing)'\nreceive = {";
    let text = order_with_pivot().definition.source().replace("pivot = true\nreceive = {", when);
    let mut world = World::start(definition(&text), json!({"amountMinor": 1}));
    world.ok("reserve").ok("request-payment");
    assert_eq!((world.status("payment-result"), world.saga().deadline), (StepStatus::Skipped, None));
    assert!(world.operate(Operate::Cancel { reason: None }).is_err(), "it can't be cancelled either");
    assert_eq!(world.pass(Duration::from_secs(7200)).status("finalize"), StepStatus::Stuck);
}

/// Two conditional steps and a step after them.
const SOMETIMES: &str = r#"
name = "sometimes"
version = 1
customer = "in.customer"
start = { topic = "t", event = "e", output = "in" }
participants.p = { topic = "p", key = "saga" }
endings = { completed = { status = "good" }, default = { status = "bad" } }
conclude = { participant = "p", command = "tell" }
[[steps]]
name = "gift"
when = "in.gift"
participant = "p"
command = "wrap"
output = "wrapped"
compensate = { command = "unwrap" }
[[steps]]
name = "card"
when = "has(wrapped) && in.words != ''"
participant = "p"
command = "write"
[[steps]]
name = "send"
participant = "p"
command = "send"
"#;

fn sometimes(payload: Value) -> World {
    World::start(definition(SOMETIMES), payload)
}

#[test]
fn a_step_is_executed_only_if_its_condition_holds() {
    let mut world = sometimes(json!({"gift": true, "words": "Hi", "customer": "c7"}));
    assert_eq!(world.saga().customer.as_deref(), Some("c7"));
    world.ok("gift").ok("card").ok("send");
    assert_eq!(world.newly_sent(), ["gift", "card", "send", "conclude"]);
    let mut world = sometimes(json!({"gift": true, "words": ""}));
    world.ok("gift");
    assert_eq!(world.newly_sent(), ["gift", "send"]);
    assert_eq!(world.status("card"), StepStatus::Skipped);
}

#[test]
fn a_step_with_an_undecidable_condition_is_skipped() {
    let mut world = sometimes(json!({"words": "Hi"}));
    assert_eq!(world.newly_sent(), ["send"], "both steps are skipped at once");
    let skipped: Vec<_> = world.saga().history.iter().filter(|entry| entry.what == What::Skipped).collect();
    assert_eq!((skipped.len(), skipped[0].why.as_str()), (2, "in.gift"));
    assert_eq!(world.ok("send").finish().ends(), (Status::Completed, "good", None));
}

#[test]
fn a_skipped_step_is_not_compensated() {
    let mut world = sometimes(json!({}));
    world.newly_sent();
    world.refuse("send");
    assert_eq!(world.newly_sent(), ["conclude"]);
}

#[test]
fn a_reply_that_is_too_large_is_a_failure_of_a_step_that_happened() {
    let mut world = sometimes(json!({"gift": true}));
    world.newly_sent();
    world.answer("gift", saga::Outcome::Ok { data: json!(vec!["x"; 30_000]) });
    assert_eq!((world.status("gift"), world.newly_sent()), (StepStatus::Compensating, vec!["!gift".to_owned()]));
    assert_eq!(world.finish().ends(), (Status::Compensated, "bad", Some("gift_failed")));
    assert!(!world.saga().data.as_map().contains_key("wrapped"));
}
