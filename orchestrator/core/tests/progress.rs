//! Progress: whoever is told how a saga ended is also told, while it runs, how far it is; but nothing that is over
//! soon.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod harness;

use std::time::Duration;

use harness::{ID, ORDER, World, definition, order_with_rules_and_progress};
use saga::{Definition, Effect, Input, Operate, Saga, Status, StepStatus, Timestamp, progress_id};
use serde_json::{Value, json};

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// An order saga with a line of its `[progress]` more.
fn telling(line: &str) -> World {
    let world = order_with_rules_and_progress();
    let text = world
        .definition
        .source()
        .replace("command = \"order.progress\"", &format!("command = \"order.progress\"\n{line}"));
    let payload = world.saga().data.as_map()["order"].clone();
    World::start(definition(&text), payload)
}

#[test]
fn a_status_that_lasts_is_told_once() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve");
    let due = world.now.plus(HALF_A_SECOND);
    assert_eq!(world.saga().wake_at(), Some(due.0));
    assert_eq!(world.newly_told(), [""; 0]);
    world.wait();
    assert_eq!((world.now, world.newly_told().as_slice()), (due, ["reserved".to_owned()].as_slice()));
    world.decide(Input::Timer).pass(Duration::from_secs(5));
    assert_eq!(world.newly_told(), [""; 0]);
    assert_eq!(world.saga().progress.as_ref().unwrap().status, "reserved");
}

#[test]
fn a_status_that_is_over_soon_is_not_told() {
    let mut world = order_with_rules_and_progress();
    assert_eq!(world.saga().progress.as_ref().unwrap().status, "validated");
    world.pass(Duration::from_millis(499)).ok("reserve");
    world.pass(Duration::from_millis(499)).ok("request-payment");
    assert_eq!(world.newly_told(), [""; 0], "neither that it was validated");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.newly_told(), ["reserved"], "a step without a status changes nothing");
    world.result("approved").ok("finalize").finish();
    assert_eq!(world.newly_told(), [""; 0], "neither paid nor finalized: the ending says more");
    assert_eq!(world.ends(), (Status::Completed, "confirmed", None));
}

#[test]
fn what_is_told_goes_to_the_participant_as_the_definition_says() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").ok("request-payment").result("approved").wait();
    let Effect::SendProgress { topic, key, command, id, payload } = &world.told[0] else { panic!("a command") };
    assert_eq!(
        (topic.as_str(), key.as_str(), command.as_str()),
        ("order-commands", ID.to_string().as_str(), "order.progress")
    );
    assert_eq!(*id, progress_id(ID, "paid"));
    assert_eq!(
        (&payload["status"], &payload["orderId"], &payload["paid"]),
        (&json!("paid"), &json!(ID), &json!("approved"))
    );
    let steps: Vec<(&str, &str)> = payload["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            ("validate", "done"),
            ("reserve", "done"),
            ("request-payment", "done"),
            ("payment-result", "done"),
            ("finalize", "running")
        ]
    );
    assert_eq!(payload["steps"][1]["label"], "Reserve the stock");
}

#[test]
fn with_no_pause_a_status_is_told_at_once() {
    let mut world = telling("after = \"0s\"");
    assert_eq!(world.newly_told(), ["validated"]);
    world.ok("reserve");
    assert_eq!(world.newly_told(), ["reserved"]);
    world.result("approved").ok("request-payment");
    let Effect::SendProgress { payload, .. } = &world.told[0] else { panic!("a command") };
    assert_eq!(payload["paid"], "approved", "with what the step brought");
    assert_eq!(world.newly_told(), ["paid"]);
    world.ok("finalize");
    assert_eq!(world.newly_told(), [""; 0], "the ending is told instead");
    assert_eq!(world.saga().wake_at(), world.saga().conclude.timer.map(|(_, at)| at.0));
}

#[test]
fn a_saga_that_turns_back_tells_no_more() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").refuse("request-payment");
    assert_eq!(world.saga().progress.as_ref().unwrap().due, None);
    world.pass(Duration::from_secs(1)).finish();
    assert_eq!(world.newly_told(), [""; 0]);
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").operate(Operate::Cancel { reason: None }).unwrap().pass(Duration::from_secs(1));
    assert_eq!(world.newly_told(), [""; 0]);
}

#[test]
fn a_paused_saga_tells_nothing_until_it_goes_on() {
    let mut world = order_with_rules_and_progress();
    world.operate(Operate::Pause).unwrap().ok("reserve");
    assert_eq!((world.status("reserve"), world.saga().wake_at()), (StepStatus::Done, None));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.newly_told(), [""; 0]);
    world.operate(Operate::Resume).unwrap();
    let resumed = world.now;
    assert_eq!(world.wait().newly_told(), ["reserved"]);
    assert_eq!(world.now, resumed.plus(HALF_A_SECOND), "the time that it stood still does not count");
    let mut world = telling("after = \"0s\"");
    world.newly_told();
    world.operate(Operate::Pause).unwrap().ok("reserve");
    assert_eq!(world.newly_told(), [""; 0]);
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.newly_told(), [""; 0]);
}

#[test]
fn a_saga_in_an_incident_tells_nothing_until_it_is_over() {
    let text = order_with_rules_and_progress().definition.source().replace("receive = {", "pivot = true\nreceive = {");
    let payload = order_with_rules_and_progress().saga().data.as_map()["order"].clone();
    let mut world = World::start(definition(&text), payload);
    world.ok("reserve").ok("request-payment").result("approved").refuse("finalize");
    assert_eq!((world.saga().status, world.saga().wake_at()), (Status::Incident, None));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.newly_told(), [""; 0]);
    world.operate(Operate::Retry { step: None }).unwrap();
    assert_eq!((world.saga().status, world.newly_told().as_slice()), (Status::Running, ["paid".to_owned()].as_slice()));
}

#[test]
fn a_step_that_is_skipped_has_reached_nothing() {
    let text = order_with_rules_and_progress()
        .definition
        .source()
        .replace("status = \"validated\"", "status = \"validated\"\nwhen = 'false'");
    let world = World::start(definition(&text), json!({}));
    assert_eq!((world.status("validate"), &world.saga().progress), (StepStatus::Skipped, &None));
    let mut world = order_with_rules_and_progress();
    world.operate(Operate::Skip { step: "reserve".into(), answer: Value::Null }).unwrap().wait();
    assert_eq!(world.newly_told(), ["reserved"], "a step that an operator did by hand is done");
}

#[test]
fn a_saga_without_progress_is_written_as_before() {
    let mut world = World::start(definition(ORDER), json!({}));
    world.ok("reserve");
    assert!(serde_json::to_value(world.saga()).unwrap().get("progress").is_none());
    let mut old = serde_json::to_value(order_with_rules_and_progress().saga()).unwrap();
    assert_eq!(old["progress"]["status"], "validated");
    old.as_object_mut().unwrap().remove("progress");
    let old: Saga = serde_json::from_value(old).unwrap();
    assert_eq!(old.progress, None);
    let decision = saga::decide(
        &order_with_rules_and_progress().definition,
        Some(old),
        Input::Timer,
        Timestamp(1_700_000_000_000),
    );
    assert!(!decision.changed);
}

#[test]
fn definitions_without_progress_have_the_hash_they_had() {
    assert_eq!(definition(ORDER).hash(), "06e1402e3ea152a6b4caa31cdd417a5f");
    let json = serde_json::to_value(order_with_rules_and_progress().definition).unwrap();
    assert_eq!(json["progress"]["after"], "500ms");
    assert_eq!(
        (&json["progress"]["input"]["status"], &json["steps"][1]["status"]),
        (&json!("progress.status"), &json!("reserved"))
    );
}

/// The order definition with progress, one text of it replaced, and the one error in it.
fn error(from: &str, to: &str) -> String {
    let world = order_with_rules_and_progress();
    let text = world.definition.source();
    assert!(text.contains(from), "{from}");
    let errors = Definition::parse("order.toml", &text.replacen(from, to, 1)).map(|_| ()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].to_string()
}

#[test]
fn progress_is_checked_when_it_is_read() {
    let command = "command = \"order.progress\"";
    for (from, to, parts) in [
        (command, "", ["command is missing in [progress]", "order.progress"]),
        (command, "command = \"c\"\nafter = \"soon\"", ["after in [progress] is \"soon\"", "\"500ms\", or \"0s\""]),
        (command, "command = \"c\"\nretry = {}", ["unknown key \"retry\" in [progress]", "after"]),
        (
            "participant = \"order\"\ncommand = \"order.progress\"",
            "participant = \"orders\"\ncommand = \"c\"",
            ["progress: \"orders\" is not in [participants]", "inventory, order, payment"],
        ),
        (
            "paid = \"paymentResult.status\"",
            "paid = \"ending.status\"",
            ["progress: paid: nothing before it provides ending.status", "a path inside order"],
        ),
        (
            "status = \"ending.status\"",
            "status = \"progress.status\"",
            ["conclude: status: nothing before it provides progress.status", "inside order"],
        ),
        (
            "status = \"reserved\"",
            "status = \"re/served\"",
            ["status in [[steps]] is \"re/served\"", "write status = a word"],
        ),
        (
            "status = \"reserved\"",
            "status = \"paid\"",
            ["the status \"paid\" is \"reserve\"'s already", "write another"],
        ),
        ("output = \"reservation\"", "output = \"progress.reservation\"", ["kept for the engine", "another path"]),
    ] {
        let error = error(from, to);
        for part in parts {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

#[test]
fn a_status_needs_somebody_to_tell_it_to_and_who_is_told_a_status() {
    let text = ORDER.replace("name = \"reserve\"", "name = \"reserve\"\nstatus = \"reserved\"");
    let errors = Definition::parse("order.toml", &text).map(|_| ()).unwrap_err();
    assert!(
        errors[0].to_string().contains("nobody is told the status \"reserved\", because there is no [progress]"),
        "{errors:?}"
    );
    let text = format!("{ORDER}\n[progress]\nparticipant = \"order\"\ncommand = \"order.progress\"\n");
    let errors = Definition::parse("order.toml", &text).map(|_| ()).unwrap_err();
    assert!(
        errors[0].to_string().contains("[progress] is never told, because no step has a status; write status"),
        "{errors:?}"
    );
    let kept = ORDER.replace("output = \"reservation\"", "output = \"progress\"");
    assert_eq!(
        definition(&kept).step("reserve").unwrap().output.as_ref().unwrap().as_str(),
        "progress",
        "only with [progress] the engine keeps it"
    );
}
