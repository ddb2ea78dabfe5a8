//! The engine beyond the order saga: parallel steps, early callbacks, incidents, the conclusion.

use std::time::Duration;

use crate::harness::{self, ORDER, World, definition, ok, order};
use saga::{Input, OUTPUT_LIMIT, Outcome, Status, StepStatus, Timestamp, What, decide};
use serde_json::{Value, json};

/// Two branches between a first and a last step, all with compensations.
const DIAMOND: &str = r#"
name = "diamond"
version = 1
[start]
topic = "t"
event = "e"
output = "in"
[participants.p]
topic = "p-commands"
key = "saga"
[[steps]]
name = "first"
participant = "p"
command = "first"
compensate = { command = "undo-first", retry = { attempts = 2 } }
[[steps]]
name = "left"
after = ["first"]
participant = "p"
command = "left"
compensate = { command = "undo-left", retry = { attempts = 2 } }
[[steps]]
name = "right"
after = ["first"]
participant = "p"
command = "right"
compensate = { command = "undo-right", retry = { attempts = 2 } }
[[steps]]
name = "last"
after = ["left", "right"]
participant = "p"
command = "last"
compensate = { command = "undo-last" }
[endings]
completed = { status = "good" }
default = { status = "bad" }
[conclude]
participant = "p"
command = "tell"
"#;

pub fn diamond() -> World {
    World::start(definition(DIAMOND), json!({}))
}

#[test]
fn branches_run_in_parallel_and_join() {
    let mut world = diamond();
    world.ok("first");
    assert_eq!(world.newly_sent(), ["first", "left", "right"]);
    world.ok("right");
    assert_eq!(world.newly_sent(), [""; 0]);
    world.ok("left");
    assert_eq!(world.newly_sent(), ["last"]);
    assert_eq!(world.finish().ends(), (Status::Completed, "good", None));
}

#[test]
fn branches_are_compensated_in_parallel_and_before_their_predecessors() {
    let mut world = diamond();
    world.ok("first").ok("right").ok("left").newly_sent();
    world.refuse("last");
    assert_eq!(world.newly_sent(), ["!right", "!left"]);
    world.ok("!right");
    assert_eq!(world.newly_sent(), [""; 0]);
    world.ok("!left");
    assert_eq!(world.newly_sent(), ["!first"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "bad", Some("out_of_stock")));
}

#[test]
fn a_branch_in_flight_is_abandoned_and_compensated() {
    let mut world = diamond();
    world.ok("first").newly_sent();
    world.refuse("left");
    assert_eq!(world.newly_sent(), ["!right"]);
    world.ok("right");
    assert_eq!(world.saga().history.last().unwrap().what, What::Happened);
    world.ok("!right");
    assert_eq!(world.newly_sent(), ["!right"], "the first compensation may have arrived before the command");
    world.ok("!right");
    assert_eq!(world.newly_sent(), ["!first"]);
    assert_eq!(world.finish().saga().status, Status::Compensated);
}

#[test]
fn early_callbacks_are_kept() {
    let mut world = order();
    world.result("approved");
    assert!(world.notes.is_empty());
    assert_eq!(world.saga().callbacks.len(), 1);
    world.result("declined");
    assert_eq!(world.notes.len(), 1, "the first callback counts");
    world.ok("reserve").ok("request-payment");
    assert_eq!(world.status("payment-result"), StepStatus::Done);
    assert_eq!(world.newly_sent(), ["reserve", "request-payment", "finalize"]);
    assert!(world.saga().callbacks.is_empty());
    assert_eq!(world.saga().data.as_map()["paymentResult"]["status"], "approved");
}

#[test]
fn an_early_no_aborts_the_saga_when_its_step_begins() {
    let mut world = order();
    world.result("DECLINED").ok("reserve").newly_sent();
    world.ok("request-payment");
    assert_eq!(world.newly_sent(), ["!request-payment"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("payment_declined")));
}

/// Two waits on one topic, with different statuses or the same.
fn two_waits(settled: &str) -> World {
    let text = format!(
        r#"
name = "waits"
version = 1
start = {{ topic = "t", event = "e", output = "in" }}
participants.p = {{ topic = "p", key = "saga" }}
endings = {{ completed = {{ status = "good" }}, default = {{ status = "bad" }} }}
conclude = {{ participant = "p", command = "tell" }}
[[steps]]
name = "ask"
participant = "p"
command = "ask"
[[steps]]
name = "paid"
receive = {{ topic = "payment-results", yes = ["approved"], no = ["declined"], timeout = "1m" }}
[[steps]]
name = "settled"
receive = {{ topic = "payment-results", yes = ["{settled}"], no = ["bounced"], timeout = "1m" }}
"#
    );
    World::start(definition(&text), json!({}))
}

#[test]
fn each_wait_keeps_its_early_callback() {
    let mut world = two_waits("settled");
    world.result("settled").result("approved");
    assert!(world.notes.is_empty(), "a callback kept for another wait does not count");
    world.result("declined");
    assert_eq!(world.notes.len(), 1, "each wait keeps its first callback");
    assert_eq!(world.ok("ask").finish().ends(), (Status::Completed, "good", None));
    let mut world = two_waits("approved");
    world.call_back("1", "approved").call_back("2", "approved");
    assert_eq!(world.saga().callbacks.len(), 2);
    world.call_back("2", "approved");
    assert_eq!(world.notes, ["repeated callback payment-results \"approved\""]);
    world.call_back("3", "approved");
    assert_eq!(world.notes, ["callback payment-results \"approved\" that no step waits for"]);
    assert_eq!(world.ok("ask").finish().ends(), (Status::Completed, "good", None));
}

/// A JSON object that exceeds the maximum size of an output by this many bytes.
fn large(beyond: usize) -> Value {
    json!({"x": "y".repeat(OUTPUT_LIMIT - 10 + beyond)})
}

#[test]
fn a_callback_that_is_too_large_counts_without_its_payload() {
    for (early, beyond) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        let elsewhere = ORDER.replace("receive = { topic = \"payment-results\"", "receive = { topic = \"answers\"");
        let mut world = World::start(definition(&elsewhere), json!({}));
        let source = "answers".to_owned();
        let id = "1".to_owned();
        let status = "approved".to_owned();
        let callback = Input::Callback(saga::Callback { source, id, status, payload: large(beyond) });
        if early {
            world.decide(callback).ok("reserve").ok("request-payment");
        } else {
            world.ok("reserve").ok("request-payment").decide(callback);
        }
        assert_eq!(world.status("payment-result"), StepStatus::Done);
        assert_eq!(world.saga().data.as_map()["paymentResult"].is_null(), beyond > 0, "early: {early}");
    }
}

/// Also those of an earlier release, which kept the whole message.
#[test]
fn a_callback_keeps_only_the_fields_that_its_step_names() {
    for early in [false, true] {
        let mut world = order();
        let payload = json!({"orderId": harness::ID, "status": "approved", "paymentId": "p", "x": [1, 2], "by": "me"});
        let source = "payment-results".to_owned();
        let callback = saga::Callback { source, id: "1".to_owned(), status: "approved".to_owned(), payload };
        let kept = json!({"orderId": harness::ID, "status": "approved", "paymentId": "p"});
        if early {
            world.decide(Input::Callback(callback));
            assert_eq!(world.saga().callbacks[0].payload, kept);
            world.ok("reserve").ok("request-payment");
        } else {
            world.ok("reserve").ok("request-payment").decide(Input::Callback(callback));
        }
        assert_eq!(world.saga().data.as_map()["paymentResult"], kept, "early: {early}");
    }
}

#[test]
fn an_answer_of_the_maximum_size_is_applied() {
    let mut world = order();
    world.answer("reserve", Outcome::Ok { data: large(0) });
    assert_eq!(world.status("reserve"), StepStatus::Done);
}

#[test]
fn callbacks_with_an_unknown_status_or_topic_are_ignored() {
    let mut world = order();
    world.ok("reserve").ok("request-payment");
    for (source, status) in [("payment-results", "perhaps"), ("elsewhere", "approved")] {
        let callback =
            saga::Callback { source: source.into(), id: "x".into(), status: status.into(), payload: json!(1) };
        world.decide(Input::Callback(callback));
        assert_eq!(world.notes.len(), 1);
        assert_eq!(world.status("payment-result"), StepStatus::Running);
    }
}

#[test]
fn a_compensation_out_of_retries_is_an_incident() {
    let mut world = diamond();
    world.ok("first").refuse("left").fail_out("!right");
    assert_eq!((world.saga().status, world.status("right")), (Status::Incident, StepStatus::Stuck));
    assert!(world.saga().is_open());
    assert_eq!(world.saga().wake_at(), None);
    let entry = world.saga().history.last().unwrap();
    assert_eq!((entry.what, entry.step.as_str()), (What::Incident, "right"));
    assert_eq!(entry.why, "out of retries: the database is away");
    assert!(!world.sent.contains(&"!first".to_owned()), "its predecessor is not compensated");
}

#[test]
fn a_refused_compensation_is_an_incident_at_once() {
    let mut world = diamond();
    world.ok("first").refuse("left").refuse("!right");
    assert_eq!(world.saga().status, Status::Incident);
}

#[test]
fn a_late_success_of_the_stuck_step_ends_the_incident() {
    let mut world = diamond();
    world.ok("first").refuse("left").fail_out("!right").newly_sent();
    world.answer_attempt("!right", 1, ok());
    assert_eq!(world.saga().status, Status::Compensating);
    assert_eq!(world.newly_sent(), ["!first"]);
    assert_eq!(world.finish().saga().status, Status::Compensated);
}

#[test]
fn in_an_incident_attempts_in_flight_continue() {
    let mut world = diamond();
    world.ok("first").ok("left").ok("right").refuse("last").refuse("!left").newly_sent();
    assert_eq!(world.saga().status, Status::Incident);
    world.wait();
    world.wait();
    assert_eq!(world.newly_sent(), ["!right"], "its second attempt");
    world.ok("!right");
    assert_eq!((world.status("right"), world.saga().status), (StepStatus::Compensated, Status::Incident));
    assert_eq!(world.newly_sent(), [""; 0]);
}

#[test]
fn the_ending_is_reported_until_it_is_acknowledged() {
    let mut world = order();
    world.refuse("reserve").pass(Duration::from_secs(24 * 3600));
    assert!(world.saga().conclude.attempts > 1000);
    assert_eq!(world.saga().status, Status::Compensating);
    assert_eq!(world.ok("conclude").ends().0, Status::Compensated);
    assert_eq!(diamond().definition.conclude.retry.attempts, saga::AttemptLimit::Unlimited, "unlimited by default");
}

#[test]
fn a_refused_ending_is_an_incident_until_it_is_acknowledged() {
    let mut world = order();
    world.refuse("reserve").refuse("conclude");
    assert_eq!(world.saga().status, Status::Incident);
    assert_eq!(world.ok("conclude").ends().0, Status::Compensated);
}

#[test]
fn a_paused_saga_applies_replies_and_sends_nothing() {
    let mut world = order();
    world.saga.as_mut().unwrap().status = Status::Paused;
    assert_eq!(world.saga().wake_at(), None);
    world.newly_sent();
    world.ok("reserve");
    assert_eq!((world.status("reserve"), world.saga().status), (StepStatus::Done, Status::Paused));
    assert_eq!(world.newly_sent(), [""; 0]);
}

#[test]
fn without_a_saga_only_a_start_has_an_effect() {
    let definition = definition(DIAMOND);
    let reply = Input::Reply { step: "first".into(), attempt: 1, action: saga::Action::Execute, outcome: ok() };
    for input in [reply, Input::Timer] {
        let decision = decide(&definition, None, input, Timestamp(0));
        assert_eq!((decision.saga, decision.effects.len(), decision.changed), (None, 0, false));
        assert_eq!(decision.notes, ["there is no such saga"]);
    }
}

#[test]
fn a_repeated_start_changes_nothing() {
    let mut world = order();
    world.ok("reserve").newly_sent();
    let data = world.saga().data.clone();
    world.decide(Input::Start { id: harness::ID, data, traceparent: None });
    assert_eq!(world.notes, ["a repeated start"]);
    assert_eq!(world.newly_sent(), [""; 0]);
}

#[test]
fn another_definition_changes_nothing() {
    let saga = diamond().saga.unwrap();
    let renamed = DIAMOND.replace("\"last\"", "\"tail\"");
    let longer =
        DIAMOND.replace("[endings]", "[[steps]]\nname = \"more\"\nparticipant = \"p\"\ncommand = \"c\"\n[endings]");
    let version = ("version = 1", "version = 2");
    let name = ("name = \"diamond\"", "name = \"ruby\"");
    for other in [DIAMOND.replace(version.0, version.1), DIAMOND.replace(name.0, name.1), renamed, longer] {
        let decision = decide(&definition(&other), Some(saga.clone()), Input::Timer, Timestamp(i64::MAX));
        assert_eq!(
            (decision.saga.as_ref(), decision.notes.len(), decision.changed),
            (Some(&saga), 1, false),
            "{other}"
        );
    }
}

#[test]
fn time_before_a_timer_changes_nothing() {
    let mut world = order();
    world.decide(Input::Timer);
    assert!(world.notes.is_empty());
    assert_eq!(world.saga().history.len(), 2);
}
