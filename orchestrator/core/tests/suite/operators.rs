//! Operations of operators: each is applied once if it is allowed, and refused with a reason otherwise.

use std::time::Duration;

use crate::harness::{ORDER, World, definition, failed, ok, order, order_with_pivot, refused};
use saga::{Input, OPERATIONS_LIMIT, OUTPUT_LIMIT, Operate, Operation, Status, StepStatus, What};
use serde_json::{Value, json};

fn retry() -> Operate {
    Operate::Retry { step: None }
}

fn skip(step: &str) -> Operate {
    Operate::Skip { step: step.to_owned(), answer: json!({"by": "hand"}) }
}

fn resolve() -> Operate {
    Operate::Resolve { step: None, happened: true, answer: Value::Null }
}

fn is_refused(world: &mut World, what: Operate, why: &str) {
    let steps = world.saga().steps.clone();
    let status = world.saga().status;
    let sent = world.sent.len();
    let refused = world.operate(what).map(|_| ()).unwrap_err();
    assert!(refused.contains(why), "{refused}");
    assert!(world.notes.last().unwrap().ends_with(&refused), "the refusal is logged too");
    assert_eq!((&world.saga().steps, world.saga().status, world.sent.len()), (&steps, status, sent));
    assert_eq!(world.saga().history.last().unwrap().what, What::OperatorRefused);
}

/// An order whose stock can't be released.
fn incident() -> World {
    let mut world = order();
    world.ok("reserve").refuse("request-payment").fail_out("!reserve");
    assert_eq!(world.saga().status, Status::Incident);
    world
}

/// A paid order after the pivot, whose stock can't be confirmed.
fn incident_after_the_pivot() -> World {
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment").result("approved").fail_out("finalize");
    assert_eq!((world.saga().status, world.status("finalize")), (Status::Incident, StepStatus::Stuck));
    world
}

#[test]
fn an_operation_is_recorded_with_its_operator_and_reason_and_applied_once() {
    let mut world = order();
    let act = |id: &str| {
        let id = id.to_owned();
        let by = "techlead".to_owned();
        let why = "looks odd".to_owned();
        Input::Operator(Operation { id, by, why, from: None, what: Operate::Pause })
    };
    world.decide(act("1"));
    let entry = world.saga().history.last().unwrap().clone();
    assert_eq!((entry.what, entry.why.as_str()), (What::OperatorAction, "pause by techlead: looks odd"));
    let done = world.saga().operations[0].clone();
    assert_eq!(
        (done.id.as_str(), done.by.as_str(), done.why.as_str(), done.refused),
        ("1", "techlead", "looks odd", None)
    );
    world.decide(act("1"));
    assert_eq!(world.notes, ["repeated pause by techlead"]);
    assert_eq!(world.saga().operations.len(), 1);
    for id in 2..40 {
        world.decide(act(&id.to_string()));
    }
    assert_eq!(world.saga().operations.len(), OPERATIONS_LIMIT);
    assert_eq!(world.saga().operations.last().unwrap().id, "39");
}

#[test]
fn a_paused_saga_applies_replies_and_sends_nothing() {
    let mut world = order();
    world.operate(Operate::Pause).unwrap();
    assert_eq!((world.saga().status, world.saga().wake_at()), (Status::Paused, None));
    world.newly_sent();
    world.ok("reserve");
    assert_eq!((world.status("reserve"), world.newly_sent().len()), (StepStatus::Done, 0));
    world.operate(Operate::Resume).unwrap();
    assert_eq!((world.saga().status, world.newly_sent()), (Status::Running, vec!["request-payment".to_owned()]));
}

#[test]
fn a_pause_preserves_the_remaining_time_of_a_timer() {
    let mut world = order();
    let left = world.saga().wake_at().unwrap() - world.now.0;
    world.operate(Operate::Pause).unwrap();
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.status("reserve"), StepStatus::Running);
    world.operate(Operate::Resume).unwrap();
    assert_eq!(world.saga().wake_at().unwrap() - world.now.0, left);
}

#[test]
fn a_retry_scheduled_while_paused_starts_its_pause_when_the_saga_resumes() {
    let mut world = order();
    world.operate(Operate::Pause).unwrap().pass(Duration::from_secs(5)).fail("reserve");
    world.pass(Duration::from_secs(3600)).operate(Operate::Resume).unwrap();
    let left = world.saga().wake_at().unwrap() - world.now.0;
    assert!((200..=240).contains(&left), "{left} ms");
}

#[test]
fn the_deadline_stands_still_while_paused() {
    let mut world = order_with_pivot();
    let deadline = world.saga().deadline.unwrap();
    world.pass(Duration::from_secs(1)).operate(Operate::Pause).unwrap();
    world.pass(Duration::from_secs(7200));
    assert_eq!((world.saga().status, world.saga().deadline), (Status::Paused, Some(deadline)));
    world.operate(Operate::Resume).unwrap();
    assert_eq!((world.saga().status, world.saga().ending.as_ref()), (Status::Running, None));
    let later = deadline.plus(Duration::from_secs(7200));
    assert_eq!(world.saga().deadline, Some(later));
    world.now = later;
    world.decide(Input::Timer);
    assert_eq!(world.saga().ending.as_ref().unwrap().reason.as_deref(), Some("deadline_exceeded"));
}

#[test]
fn a_saga_cancelled_while_paused_has_no_deadline() {
    let mut world = order_with_pivot();
    world.operate(Operate::Pause).unwrap().pass(Duration::from_secs(7200));
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!((world.saga().status, world.saga().deadline), (Status::Compensating, None));
}

#[test]
fn a_refusal_while_paused_is_compensated_after_the_resume() {
    let mut world = order();
    world.ok("reserve").operate(Operate::Pause).unwrap();
    world.refuse("request-payment").newly_sent();
    assert_eq!(world.saga().status, Status::Paused);
    world.operate(Operate::Resume).unwrap();
    assert_eq!((world.saga().status, world.newly_sent()), (Status::Compensating, vec!["!reserve".to_owned()]));
}

#[test]
fn only_a_running_saga_is_paused_and_only_a_paused_one_resumed() {
    let mut world = order();
    is_refused(&mut world, Operate::Resume, "the saga is running: only a paused saga");
    world.operate(Operate::Pause).unwrap();
    is_refused(&mut world, Operate::Pause, "the saga is paused");
    is_refused(&mut world, retry(), "the saga is paused: resume it first");
    is_refused(&mut incident(), Operate::Pause, "the saga is incident");
}

#[test]
fn cancelling_compensates_all_that_may_have_happened() {
    let mut world = order();
    world.ok("reserve").newly_sent();
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.newly_sent(), ["!request-payment"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "cancelled", Some("cancelled_by_operator")));
    is_refused(&mut world, Operate::Cancel { reason: None }, "the saga is compensated already");
    let mut world = order_with_pivot();
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!(world.finish().ends(), (Status::Compensated, "cancelled", Some("by_us")));
}

#[test]
fn a_paused_saga_is_cancelled_at_once() {
    let mut world = order();
    world.operate(Operate::Pause).unwrap().newly_sent();
    world.operate(Operate::Cancel { reason: None }).unwrap();
    assert_eq!((world.saga().status, world.newly_sent()), (Status::Compensating, vec!["!reserve".to_owned()]));
    assert_eq!(world.saga().paused, None);
}

#[test]
fn a_paused_saga_that_cannot_be_cancelled_stays_paused() {
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment").operate(Operate::Pause).unwrap();
    is_refused(&mut world, Operate::Cancel { reason: None }, "the pivot has begun");
    assert_eq!(world.saga().status, Status::Paused);
    assert!(world.saga().paused.is_some());
}

#[test]
fn a_finished_or_aborted_saga_or_one_after_the_pivot_is_not_cancelled() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").result("approved").ok("finalize");
    is_refused(&mut world, Operate::Cancel { reason: None }, "all steps are done: the ending is confirmed");
    let mut world = order();
    world.refuse("reserve");
    is_refused(&mut world, Operate::Cancel { reason: None }, "the saga is compensating already");
    is_refused(
        &mut incident(),
        Operate::Cancel { reason: None },
        "it is being compensated already: the ending is payment_not_completed",
    );
    let mut world = order_with_pivot();
    world.ok("reserve").ok("request-payment");
    is_refused(&mut world, Operate::Cancel { reason: None }, "the pivot has begun");
    is_refused(&mut incident_after_the_pivot(), Operate::Cancel { reason: None }, "the pivot has begun");
}

#[test]
fn the_next_attempt_is_sent_now() {
    let mut world = order();
    is_refused(&mut world, retry(), "no step waits for its next attempt");
    is_refused(
        &mut world,
        Operate::Retry { step: Some("reserve".into()) },
        "reserve is running, with an attempt in flight",
    );
    world.fail("reserve").newly_sent();
    world.operate(Operate::Retry { step: Some("reserve".into()) }).unwrap();
    assert_eq!((world.newly_sent(), world.status("reserve")), (vec!["reserve".to_owned()], StepStatus::Running));
    assert_eq!(world.saga().step("reserve").unwrap().attempts, 2);
    is_refused(&mut world, Operate::Retry { step: Some("what".into()) }, "there is no step \"what\", only reserve, ");
    is_refused(
        &mut world,
        Operate::Retry { step: Some("finalize".into()) },
        "finalize is waiting: there is nothing to retry",
    );
}

#[test]
fn a_manual_retry_resets_the_attempts() {
    let mut world = order();
    for _ in 0..4 {
        world.fail("reserve").wait();
    }
    world.fail("reserve");
    assert_eq!(world.status("reserve"), StepStatus::Compensating, "five attempts at most");
    let mut world = order();
    for _ in 0..3 {
        world.fail("reserve").wait();
    }
    world.fail("reserve").operate(retry()).unwrap();
    for _ in 0..4 {
        world.fail("reserve").wait();
    }
    assert_eq!((world.status("reserve"), world.saga().step("reserve").unwrap().attempts), (StepStatus::Running, 9));
}

#[test]
fn a_retry_ends_an_incident() {
    let mut world = incident();
    world.newly_sent();
    world.operate(retry()).unwrap();
    assert_eq!((world.newly_sent(), world.saga().status), (vec!["!reserve".to_owned()], Status::Compensating));
    world.fail("!reserve");
    assert_eq!(world.saga().status, Status::Compensating, "its retries were reset");
    assert_eq!(world.finish().saga().status, Status::Compensated);
}

#[test]
fn an_incident_is_resolved_manually() {
    let mut world = incident();
    is_refused(&mut world, skip("reserve"), "reserve is stuck: only a running or retrying step");
    is_refused(
        &mut world,
        Operate::Resolve { step: Some("finalize".into()), happened: true, answer: Value::Null },
        "finalize is skipped, not stuck; stuck: reserve",
    );
    is_refused(
        &mut world,
        Operate::Resolve { step: None, happened: false, answer: Value::Null },
        "reserve must be done",
    );
    world.operate(resolve()).unwrap();
    assert_eq!(world.status("reserve"), StepStatus::Compensated);
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("out_of_stock")));
    is_refused(&mut order(), resolve(), "no step is stuck");
}

#[test]
fn an_ending_that_cannot_be_reported_is_resolved_too() {
    let mut world = order();
    world.refuse("reserve").refuse("conclude");
    assert_eq!(world.saga().status, Status::Incident);
    world.operate(resolve()).unwrap();
    assert_eq!(world.ends(), (Status::Compensated, "rejected", Some("out_of_stock")));
}

#[test]
fn a_step_is_skipped_with_the_given_answer() {
    let mut world = order();
    world.newly_sent();
    world.operate(skip("reserve")).unwrap();
    assert_eq!((world.status("reserve"), world.newly_sent()), (StepStatus::Done, vec!["request-payment".to_owned()]));
    assert_eq!(world.saga().data.as_map()["reservation"], json!({"by": "hand"}));
    world.answer_attempt("reserve", 1, refused());
    assert_eq!(world.notes, ["reserve: late or repeated reply to execute: refused, out_of_stock; the step is done"]);
    world.refuse("request-payment");
    assert_eq!(world.newly_sent(), ["!reserve"], "a skipped step is compensated too");
    is_refused(&mut world, skip("reserve"), "reserve is compensating");
    let mut world = order();
    is_refused(&mut world, skip("finalize"), "finalize is waiting");
    is_refused(&mut world, skip("conclude"), "conclude is waiting");
    let answer = json!("x".repeat(70_000));
    is_refused(&mut world, Operate::Skip { step: "reserve".into(), answer }, "larger than 65536 bytes");
    let answer = json!("x".repeat(OUTPUT_LIMIT - 3));
    world.operate(Operate::Skip { step: "reserve".into(), answer }).unwrap();
}

#[test]
fn an_operation_is_read_from_json_and_its_step_is_recorded() {
    let step = || Some("reserve".to_owned());
    let answer = Value::Null;
    let happened = true;
    for (text, act, name) in [
        (r#"{"action":"pause"}"#, Operate::Pause, ""),
        (r#"{"action":"retry"}"#, retry(), ""),
        (r#"{"action":"retry","step":"reserve"}"#, Operate::Retry { step: step() }, "reserve"),
        (r#"{"action":"skip","step":"reserve","answer":{"by":"hand"}}"#, skip("reserve"), "reserve"),
        (r#"{"action":"resolve"}"#, resolve(), ""),
        (r#"{"action":"resolve","step":"reserve"}"#, Operate::Resolve { step: step(), happened, answer }, "reserve"),
    ] {
        assert_eq!(serde_json::from_str::<Operate>(text).unwrap(), act, "{text}");
        let mut world = order();
        // Applied or refused.
        _ = world.operate(act).map(|_| ());
        let is_operation = |entry: &&saga::Entry| matches!(entry.what, What::OperatorAction | What::OperatorRefused);
        assert_eq!(world.saga().history.iter().find(is_operation).unwrap().step, name, "{text}");
    }
}

#[test]
fn a_stuck_wait_is_restarted_by_a_retry() {
    let text = ORDER.replacen("name = \"request-payment\"", "name = \"request-payment\"\npivot = true", 1);
    let mut world = World::start(definition(&text), json!({"orderId": "o"}));
    world.ok("reserve").ok("request-payment").wait().newly_sent();
    assert_eq!(world.status("payment-result"), StepStatus::Stuck);
    world.operate(retry()).unwrap();
    assert_eq!((world.status("payment-result"), world.newly_sent().len()), (StepStatus::Running, 0));
    assert_eq!(world.saga().wake_at().unwrap() - world.now.0, 900_000, "as long as the first time");
    assert_eq!(world.result("approved").finish().ends(), (Status::Completed, "confirmed", None));
}

#[test]
fn a_wait_is_skipped_too() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").operate(skip("payment-result")).unwrap();
    assert_eq!(world.status("finalize"), StepStatus::Running);
}

#[test]
fn after_the_pivot_an_incident_ends_by_a_retry_a_resolution_or_a_late_reply() {
    let mut world = incident_after_the_pivot();
    world.operate(retry()).unwrap();
    assert_eq!(world.finish().ends(), (Status::Completed, "confirmed", None));
    let mut world = incident_after_the_pivot();
    world.operate(resolve()).unwrap();
    assert_eq!(world.finish().ends(), (Status::Completed, "confirmed", None));
    let mut world = incident_after_the_pivot();
    world.answer_attempt("finalize", 1, failed()).answer_attempt("finalize", 1, refused());
    assert_eq!(world.saga().status, Status::Incident);
    world.answer_attempt("finalize", 1, ok());
    assert_eq!(world.finish().ends(), (Status::Completed, "confirmed", None));
    is_refused(
        &mut incident_after_the_pivot(),
        Operate::Resolve { step: None, happened: false, answer: Value::Null },
        "finalize must be done",
    );
}
