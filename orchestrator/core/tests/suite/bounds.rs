//! What a decision sends and what a saga keeps is bounded, whatever the definition and the participants send.

use crate::harness::{World, definition, ok};
use saga::{DATA_LIMIT, Effect, Input, OUTPUT_LIMIT, Outcome, SENT_LIMIT, Status, StepStatus};
use serde_json::{Value, json};

/// Parallel steps that each send the whole starting event. `first` has a compensation, which sends it too if `undo`.
fn parallel(steps: usize, undo: &str, conclude: &str) -> String {
    let unlimited = r#"attempts = "unlimited", first = "1s", factor = 2, max = "1m""#;
    let three = r#"attempts = 3, first = "1s", factor = 2, max = "1m""#;
    let mut text = format!(
        r#"
name = "parallel"
version = 1
start = {{ topic = "t", event = "e", output = "in" }}
participants.p = {{ topic = "p", key = "saga" }}
endings = {{ completed = {{ status = "good" }}, default = {{ status = "bad" }} }}
conclude = {{ participant = "p", command = "tell", input = {{ {conclude} }}, retry = {{ {unlimited} }} }}
[[steps]]
name = "first"
participant = "p"
command = "do"
compensate = {{ command = "undo", input = {{ {undo} }}, retry = {{ {three} }} }}
"#
    );
    for step in 0..steps {
        text += &format!(
            r#"
[[steps]]
name = "step-{step}"
participant = "p"
command = "do"
after = ["first"]
input = {{ all = "in" }}
output = "out{step}"
"#
        );
    }
    text
}

fn event(bytes: usize) -> Value {
    json!({ "x": "y".repeat(bytes) })
}

fn sent_bytes(effects: &[Effect]) -> usize {
    let bytes = |effect: &Effect| match effect {
        Effect::SendCommand { payload, .. }
        | Effect::SendAnswer { payload, .. }
        | Effect::SendProgress { payload, .. } => payload.to_string().len(),
    };
    effects.iter().map(bytes).sum()
}

#[test]
fn a_command_that_is_too_large_is_refused_and_the_saga_is_compensated() {
    let mut world = World::start(definition(&parallel(1, "", "")), event(SENT_LIMIT));
    world.ok("first");
    assert_eq!(world.status("step-0"), StepStatus::Refused);
    assert_eq!(world.saga().step("step-0").unwrap().reason.as_deref(), Some("command_too_large"));
    world.ok("!first").ok("conclude");
    assert_eq!(world.ends(), (Status::Compensated, "bad", Some("command_too_large")));
}

#[test]
fn a_compensation_or_an_ending_that_is_too_large_is_an_incident() {
    let mut world = World::start(definition(&parallel(1, r#"all = "in""#, "")), event(SENT_LIMIT));
    world.ok("first");
    assert_eq!((world.saga().status, world.status("first")), (Status::Incident, StepStatus::Stuck));
    let mut world = World::start(definition(&parallel(0, "", r#"all = "in""#)), event(SENT_LIMIT));
    world.ok("first");
    assert_eq!((world.saga().status, world.status("conclude")), (Status::Incident, StepStatus::Stuck));
}

#[test]
fn commands_that_are_too_large_together_are_sent_by_several_decisions() {
    let steps = 5;
    let mut world = World::start(definition(&parallel(steps, "", "")), event(SENT_LIMIT / 2));
    world.answer("first", ok());
    let mut decisions = 0;
    while world.saga().steps.iter().any(|step| step.status == StepStatus::Retrying) {
        let before = world.commands.len();
        world.wait();
        decisions += 1;
        let sent = world.commands.split_at(before).1;
        assert!(!sent.is_empty() && sent_bytes(sent) <= SENT_LIMIT, "{} bytes", sent_bytes(sent));
    }
    assert_eq!(decisions, steps - 1, "each decision sends one");
    for step in 0..steps {
        assert_eq!(world.saga().step(&format!("step-{step}")).unwrap().attempts, 1);
        world.ok(&format!("step-{step}"));
    }
    assert_eq!(world.finish().ends().0, Status::Completed);
}

#[test]
fn the_data_of_all_replies_together_is_bounded() {
    let steps = 40;
    let mut world = World::start(definition(&parallel(steps, "", "")), event(0));
    world.ok("first");
    let output = || json!({ "x": "\u{1}".repeat(OUTPUT_LIMIT / 6 - 10) });
    for step in 0..steps {
        world.answer(&format!("step-{step}"), Outcome::Ok { data: output() });
    }
    let bytes = serde_json::to_string(&world.saga().data).unwrap().len();
    assert!(bytes <= DATA_LIMIT && bytes > DATA_LIMIT - 2 * OUTPUT_LIMIT, "{bytes}");
    let failed = world.saga().steps.iter().find(|step| step.status == StepStatus::Failed).unwrap();
    assert!(failed.reason.as_ref().unwrap().contains("the saga's data would have"), "{failed:?}");
    assert!(failed.happened, "it is compensated if it can be");
}

#[test]
fn an_operators_reason_of_a_cancellation_is_bounded() {
    let mut world = World::start(definition(&parallel(1, "", "")), event(0));
    let reason = Some("r".repeat(1 << 20));
    world.operate(saga::Operate::Cancel { reason }).unwrap();
    assert!(serde_json::to_string(world.saga()).unwrap().len() < 8_000);
    world.decide(Input::Timer);
}
