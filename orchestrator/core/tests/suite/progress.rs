//! Progress messages of a running saga. A status that changes soon is not reported.

use std::time::Duration;

use crate::harness::{ID, ORDER, World, definition, order_with_rules_and_progress};
use saga::{Definition, Effect, Input, Operate, Saga, Status, StepStatus, Timestamp, progress_id};
use serde_json::{Value, json};

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// An order saga with one more line in `[progress]`.
fn with_progress_line(line: &str) -> World {
    let world = order_with_rules_and_progress();
    let text = world
        .definition
        .source()
        .replace("command = \"order.progress\"", &format!("command = \"order.progress\"\n{line}"));
    let payload = world.saga().data.as_map()["order"].clone();
    World::start(definition(&text), payload)
}

#[test]
fn a_status_that_lasts_is_reported_once() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve");
    let due = world.now.plus(HALF_A_SECOND);
    assert_eq!(world.saga().wake_at(), Some(due.0));
    assert_eq!(world.newly_reported(), [""; 0]);
    world.wait();
    assert_eq!((world.now, world.newly_reported().as_slice()), (due, ["reserved".to_owned()].as_slice()));
    world.decide(Input::Timer).pass(Duration::from_secs(5));
    assert_eq!(world.newly_reported(), [""; 0]);
    assert_eq!(world.saga().progress.as_ref().unwrap().status, "reserved");
}

#[test]
fn a_status_that_changes_soon_is_not_reported() {
    let mut world = order_with_rules_and_progress();
    assert_eq!(world.saga().progress.as_ref().unwrap().status, "validated");
    world.pass(Duration::from_millis(499)).ok("reserve");
    world.pass(Duration::from_millis(499)).ok("request-payment");
    assert_eq!(world.newly_reported(), [""; 0], "not even validated");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.newly_reported(), ["reserved"], "a step without a status changes nothing");
    world.result("approved").ok("finalize").finish();
    assert_eq!(world.newly_reported(), [""; 0], "neither paid nor finalized: the ending is reported instead");
    assert_eq!(world.ends(), (Status::Completed, "confirmed", None));
}

#[test]
fn a_progress_message_has_the_participant_and_fields_of_the_definition() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").ok("request-payment").result("approved").wait();
    let Effect::SendProgress { topic, key, command, id, payload } = &world.progress_messages[0] else {
        panic!("a command")
    };
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
fn without_a_delay_a_status_is_reported_at_once() {
    let mut world = with_progress_line("after = \"0s\"");
    assert_eq!(world.newly_reported(), ["validated"]);
    world.ok("reserve");
    assert_eq!(world.newly_reported(), ["reserved"]);
    world.result("approved").ok("request-payment");
    let Effect::SendProgress { payload, .. } = &world.progress_messages[0] else { panic!("a command") };
    assert_eq!(payload["paid"], "approved", "with the output of the step");
    assert_eq!(world.newly_reported(), ["paid"]);
    world.ok("finalize");
    assert_eq!(world.newly_reported(), [""; 0], "the ending is reported instead");
    assert_eq!(world.saga().wake_at(), world.saga().conclude.timer.map(|(_, at)| at.0));
}

#[test]
fn an_aborted_saga_reports_no_progress() {
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").refuse("request-payment");
    assert_eq!(world.saga().progress.as_ref().unwrap().due, None);
    world.pass(Duration::from_secs(1)).finish();
    assert_eq!(world.newly_reported(), [""; 0]);
    let mut world = order_with_rules_and_progress();
    world.ok("reserve").operate(Operate::Cancel { reason: None }).unwrap().pass(Duration::from_secs(1));
    assert_eq!(world.newly_reported(), [""; 0]);
}

#[test]
fn a_cancelled_saga_reports_it_at_once_if_its_definition_has_a_status_for_it() {
    let line = "cancelling = \"cancelling\"";
    let mut world = with_progress_line(line);
    world.ok("reserve").operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.saga().status, Status::Compensating);
    let Effect::SendProgress { id, payload, .. } = &world.progress_messages[0] else { panic!("a command") };
    assert_eq!(*id, progress_id(ID, "cancelling"));
    assert_eq!(payload["steps"][2]["status"], "compensating");
    assert_eq!(world.newly_reported(), ["cancelling"]);
    world.pass(Duration::from_secs(1)).finish();
    assert_eq!(world.newly_reported(), [""; 0], "once");
    let mut paused = with_progress_line(line);
    paused.operate(Operate::Pause).unwrap();
    paused.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(paused.newly_reported(), ["cancelling"]);
    let mut refused = with_progress_line(line);
    refused.ok("reserve").refuse("request-payment").finish();
    assert_eq!(refused.newly_reported(), [""; 0], "it was not cancelled");
}

#[test]
fn a_paused_saga_reports_no_progress_until_it_resumes() {
    let mut world = order_with_rules_and_progress();
    world.operate(Operate::Pause).unwrap().ok("reserve");
    assert_eq!((world.status("reserve"), world.saga().wake_at()), (StepStatus::Done, None));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.newly_reported(), [""; 0]);
    world.operate(Operate::Resume).unwrap();
    let resumed = world.now;
    assert_eq!(world.wait().newly_reported(), ["reserved"]);
    assert_eq!(world.now, resumed.plus(HALF_A_SECOND), "the pause does not count");
    let mut world = with_progress_line("after = \"0s\"");
    world.newly_reported();
    world.operate(Operate::Pause).unwrap().ok("reserve");
    assert_eq!(world.newly_reported(), [""; 0]);
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.newly_reported(), [""; 0]);
}

#[test]
fn a_saga_in_an_incident_reports_no_progress_until_it_ends() {
    let text = order_with_rules_and_progress().definition.source().replace("receive = {", "pivot = true\nreceive = {");
    let payload = order_with_rules_and_progress().saga().data.as_map()["order"].clone();
    let mut world = World::start(definition(&text), payload);
    world.ok("reserve").ok("request-payment").result("approved").refuse("finalize");
    assert_eq!((world.saga().status, world.saga().wake_at()), (Status::Incident, None));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.newly_reported(), [""; 0]);
    world.operate(Operate::Retry { step: None }).unwrap();
    assert_eq!(
        (world.saga().status, world.newly_reported().as_slice()),
        (Status::Running, ["paid".to_owned()].as_slice())
    );
}

#[test]
fn a_skipped_step_changes_no_progress() {
    let text = order_with_rules_and_progress()
        .definition
        .source()
        .replace("status = \"validated\"", "status = \"validated\"\nwhen = 'false'");
    let world = World::start(definition(&text), json!({}));
    assert_eq!((world.status("validate"), &world.saga().progress), (StepStatus::Skipped, &None));
    let mut world = order_with_rules_and_progress();
    world.operate(Operate::Skip { step: "reserve".into(), answer: Value::Null }).unwrap().wait();
    assert_eq!(world.newly_reported(), ["reserved"], "a step completed by an operator is done");
}

#[test]
fn a_saga_without_progress_has_the_same_json_as_before() {
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
fn definitions_without_progress_have_the_same_hash_as_before() {
    assert_eq!(definition(ORDER).hash(), "06e1402e3ea152a6b4caa31cdd417a5f");
    let json = serde_json::to_value(order_with_rules_and_progress().definition).unwrap();
    assert_eq!(json["progress"]["after"], "500ms");
    assert_eq!(
        (&json["progress"]["input"]["status"], &json["steps"][1]["status"]),
        (&json!("progress.status"), &json!("reserved"))
    );
}

/// The only error of the order definition with progress and one text replaced.
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
            ["progress: paid: no earlier step provides ending.status", "a path inside order"],
        ),
        (
            "status = \"ending.status\"",
            "status = \"progress.status\"",
            ["conclude: status: no earlier step provides progress.status", "inside order"],
        ),
        (
            "status = \"reserved\"",
            "status = \"re/served\"",
            ["status in [[steps]] is \"re/served\"", "write status = an identifier"],
        ),
        (
            "status = \"reserved\"",
            "status = \"paid\"",
            ["the status \"paid\" is already that of step \"reserve\"", "write another"],
        ),
        (
            command,
            "command = \"c\"\ncancelling = \"paid\"",
            ["the status \"paid\" is already that of a cancelled saga", "write another"],
        ),
        (
            "output = \"reservation\"",
            "output = \"progress.reservation\"",
            ["the output progress.reservation is reserved", "another path"],
        ),
    ] {
        let error = error(from, to);
        for part in parts {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

#[test]
fn a_status_requires_progress_and_progress_requires_a_status() {
    let text = ORDER.replace("name = \"reserve\"", "name = \"reserve\"\nstatus = \"reserved\"");
    let errors = Definition::parse("order.toml", &text).map(|_| ()).unwrap_err();
    assert!(
        errors[0].to_string().contains("the status \"reserved\" is never reported, because there is no [progress]"),
        "{errors:?}"
    );
    let text = format!("{ORDER}\n[progress]\nparticipant = \"order\"\ncommand = \"order.progress\"\n");
    let errors = Definition::parse("order.toml", &text).map(|_| ()).unwrap_err();
    assert!(
        errors[0].to_string().contains("[progress] is never sent, because no step has a status; write status"),
        "{errors:?}"
    );
    let kept = ORDER.replace("output = \"reservation\"", "output = \"progress\"");
    assert_eq!(
        definition(&kept).step("reserve").unwrap().output.as_ref().unwrap().as_str(),
        "progress",
        "it is reserved only with [progress]"
    );
}
