//! The order saga as a specification: success, failure of each step in turn, repeated and late replies.

use std::time::Duration;

use crate::harness::{self, World, failed, ok, order, refused};
use saga::{Action, Effect, Input, Outcome, Saga, Status, StepStatus, TimerKind, Timestamp, What};
use serde_json::{Value, json};

fn at_payment_result() -> World {
    let mut world = order();
    world.ok("reserve").ok("request-payment");
    world
}

fn at_finalize() -> World {
    let mut world = at_payment_result();
    world.result("approved");
    world
}

fn payload(world: &World, n: usize) -> &Value {
    let Effect::SendCommand { payload, .. } = &world.commands[n] else { panic!("no command") };
    payload
}

#[test]
fn a_paid_order_is_confirmed() {
    let mut world = order();
    assert_eq!(world.newly_sent(), ["reserve"]);
    world.ok("reserve");
    assert_eq!(world.newly_sent(), ["request-payment"]);
    world.ok("request-payment");
    assert_eq!(world.newly_sent(), [""; 0]);
    assert_eq!(world.saga().current_steps().collect::<Vec<_>>(), ["payment-result"]);
    world.result("approved");
    assert_eq!(world.newly_sent(), ["finalize"]);
    world.ok("finalize");
    assert_eq!(world.newly_sent(), ["conclude"]);
    assert_eq!(world.saga().status, Status::Running, "the ending is not acknowledged yet");
    world.ok("conclude");
    assert_eq!(world.ends(), (Status::Completed, "confirmed", None));
    assert_eq!(world.saga().wake_at(), None);
}

#[test]
fn commands_carry_the_fields_of_the_definition() {
    let mut world = at_finalize();
    world.ok("finalize");
    let Effect::SendCommand { topic, key, command, attempt, action, .. } = &world.commands[0] else {
        panic!("no command")
    };
    assert_eq!((topic.as_str(), key.as_str(), command.as_str()), ("inventory-commands", "main", "inventory.reserve"));
    assert_eq!((*attempt, *action), (1, Action::Execute));
    let items = json!([{"id": "day-one", "name": "Day one", "quantity": 1}]);
    assert_eq!(payload(&world, 0), &json!({"orderId": harness::ID, "items": items}));
    let Effect::SendCommand { key, payload, .. } = &world.commands[1] else { panic!("no command") };
    assert_eq!(key, &harness::ID.to_string());
    let expected = json!({"orderId": harness::ID, "customerId": "c1", "amountMinor": 9999, "currency": "BRL"});
    assert_eq!(payload, &expected);
    assert_eq!(world.saga().data.as_map()["reservation"], json!({"fine": true}));
    assert_eq!(world.saga().data.as_map()["paymentResult"]["status"], "approved");
}

#[test]
fn the_ending_reports_the_steps() {
    let mut world = order();
    world.now = Timestamp(world.now.0 + 7);
    world.refuse("reserve");
    let expected = json!({
        "orderId": harness::ID, "status": "rejected", "reason": "out_of_stock",
        "steps": [{
            "step": "reserve", "label": "Reserve the stock", "status": "refused", "attempts": 1,
            "startedAt": "2023-11-14T22:13:20.000Z", "endedAt": "2023-11-14T22:13:20.007Z", "reason": "out_of_stock",
        }],
    });
    assert_eq!(payload(&world, 1), &expected);
}

#[test]
fn out_of_stock_is_rejected_and_nothing_is_compensated() {
    let mut world = order();
    world.refuse("reserve");
    assert_eq!(world.newly_sent(), ["reserve", "conclude"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "rejected", Some("out_of_stock")));
    assert_eq!(world.status("finalize"), StepStatus::Skipped);
}

#[test]
fn a_declined_payment_is_cancelled_and_the_stock_released() {
    let mut world = at_payment_result();
    world.newly_sent();
    world.result("declined");
    assert_eq!(world.newly_sent(), ["!request-payment"]);
    world.ok("!request-payment");
    assert_eq!(world.newly_sent(), ["!reserve"]);
    world.ok("!reserve");
    assert_eq!(world.newly_sent(), ["conclude"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("payment_declined")));
}

#[test]
fn a_missing_payment_result_is_compensated() {
    let mut world = at_payment_result();
    world.newly_sent();
    world.pass(Duration::from_secs(15 * 60 - 1));
    assert_eq!(world.newly_sent(), [""; 0]);
    world.wait();
    assert_eq!(world.newly_sent(), ["!request-payment"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("payment_timed_out")));
    assert_eq!(world.status("payment-result"), StepStatus::TimedOut);
}

/// Every step in turn is refused, fails and times out: each time all that may have happened is compensated in reverse
/// order, and the ending is reported.
#[test]
fn a_failure_of_any_step_is_compensated_completely() {
    type Begin = fn() -> World;
    let reserve: Begin = order;
    let pay: Begin = || {
        let mut world = order();
        world.ok("reserve");
        world
    };
    for (step, begin, undone_if_known, undone_if_not) in [
        ("reserve", reserve, vec![], vec!["!reserve"]),
        ("request-payment", pay, vec!["!reserve"], vec!["!request-payment", "!reserve"]),
        ("finalize", at_finalize, vec!["!request-payment", "!reserve"], vec!["!request-payment", "!reserve"]),
    ] {
        for (how, expected) in
            [("refused", undone_if_known), ("failed", undone_if_not.clone()), ("timed_out", undone_if_not)]
        {
            let mut world = begin();
            match how {
                "refused" => world.refuse(step),
                "failed" => world.fail_out(step),
                _ => world.wait_out(step),
            };
            world.finish();
            let undone: Vec<&str> = world.sent.iter().filter(|s| s.starts_with('!')).map(String::as_str).collect();
            assert_eq!(undone, expected, "{step} {how}");
            assert_eq!(world.saga().status, Status::Compensated);
            assert_eq!(world.sent.last().unwrap(), "conclude");
        }
    }
}

#[test]
fn endings_depend_on_the_failed_step() {
    assert_eq!(order().fail_out("reserve").finish().ends().1, "cancelled");
    assert_eq!(order().fail_out("reserve").finish().ends().2, Some("reserve_failed"));
    assert_eq!(order().wait_out("reserve").finish().ends().2, Some("reserve_timed_out"));
    let ends = |mut world: World| (world.finish().ends().1.to_owned(), world.ends().2.unwrap().to_owned());
    let mut world = at_finalize();
    world.refuse("finalize");
    assert_eq!(ends(world), ("cancelled".into(), "out_of_stock".into()));
    let mut world = order();
    world.ok("reserve").wait_out("request-payment");
    assert_eq!(ends(world), ("payment_not_completed".into(), "payment_request_timed_out".into()));
}

#[test]
fn a_failure_is_retried_after_growing_pauses() {
    let mut world = order();
    let mut pauses = Vec::new();
    for _ in 1..5 {
        world.fail("reserve");
        assert_eq!(world.status("reserve"), StepStatus::Retrying);
        pauses.push(world.saga().wake_at().unwrap() - world.now.0);
        world.wait();
    }
    for (pause, least) in pauses.iter().zip([200, 400, 800, 1600]) {
        assert!((least..=least + least / 5).contains(pause), "{pauses:?}");
    }
    world.fail("reserve");
    assert_eq!(world.status("reserve"), StepStatus::Compensating);
    assert_eq!(world.saga().step("reserve").unwrap().attempts, 5);
}

#[test]
fn a_participant_may_ask_for_a_longer_pause_up_to_a_day() {
    for (asked, least, most) in [(5_000, 5_000, 5_000), (1, 200, 240), (u64::MAX, 86_400_000, 86_400_000)] {
        let mut world = order();
        world.answer("reserve", Outcome::Failed { error: "busy".into(), retry_after_ms: Some(asked) });
        let pause = world.saga().wake_at().unwrap() - world.now.0;
        assert!((least..=most).contains(&pause), "{pause}");
    }
}

#[test]
fn each_timer_names_its_step_action_and_attempt() {
    let mut world = order();
    let timer = |world: &World| {
        let timer = world.saga().timers().next().unwrap();
        (timer.step.to_owned(), timer.action, timer.attempt, timer.kind)
    };
    assert_eq!(timer(&world), ("reserve".into(), Action::Execute, 1, TimerKind::Timeout));
    world.fail("reserve");
    assert_eq!(timer(&world), ("reserve".into(), Action::Execute, 2, TimerKind::Retry));
    world.fail_out_from_retry();
    assert_eq!(timer(&world), ("reserve".into(), Action::Compensate, 1, TimerKind::Timeout));
}

impl World {
    fn fail_out_from_retry(&mut self) {
        self.wait().fail_out("reserve");
    }
}

#[test]
fn a_late_success_of_an_earlier_attempt_counts() {
    let mut world = order();
    world.wait().wait();
    assert_eq!(world.saga().step("reserve").unwrap().attempts, 2);
    world.answer_attempt("reserve", 1, ok());
    assert_eq!(world.status("reserve"), StepStatus::Done);
    world.answer_attempt("reserve", 2, ok());
    assert_eq!(world.notes.len(), 1, "the second is a repetition");
    assert_eq!(world.sent, ["reserve", "reserve", "request-payment"]);
}

#[test]
fn a_late_failure_of_an_earlier_attempt_changes_nothing() {
    let mut world = order();
    world.wait().wait();
    let before = world.saga().steps.clone();
    world.answer_attempt("reserve", 1, failed());
    assert_eq!(world.saga().steps, before);
    assert_eq!(world.notes.len(), 1);
}

#[test]
fn a_refusal_after_an_unanswered_attempt_is_compensated() {
    let mut world = order();
    world.wait().wait().refuse("reserve");
    assert_eq!(world.newly_sent(), ["reserve", "reserve", "!reserve"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "rejected", Some("out_of_stock")));
}

/// Every reply arrives twice: the second changes nothing but the history.
#[test]
fn every_reply_twice() {
    let twice = |world: &mut World, step: &str, outcome: Outcome| {
        world.answer(step, outcome.clone());
        let steps = world.saga().steps.clone();
        let sent = world.sent.clone();
        let action = if step.starts_with('!') { Action::Compensate } else { Action::Execute };
        let name = step.trim_start_matches('!').to_owned();
        world.decide(Input::Reply { step: name, attempt: 1, action, outcome });
        assert_eq!((&world.saga().steps, &world.sent), (&steps, &sent), "{step}");
        assert_eq!(world.notes.len(), 1);
        assert_eq!(world.saga().history.last().unwrap().what, What::Ignored);
    };
    let mut world = order();
    for step in ["reserve", "request-payment"] {
        twice(&mut world, step, ok());
    }
    world.call_back("m", "approved").call_back("m", "approved");
    assert_eq!(world.notes, ["repeated callback payment-results \"approved\""]);
    world.result("approved");
    assert_eq!(world.notes.len(), 1, "another message, too late");
    twice(&mut world, "finalize", refused());
    for step in ["!request-payment", "!reserve", "conclude"] {
        twice(&mut world, step, ok());
    }
    assert_eq!(world.saga().status, Status::Compensated);
}

/// Every step is answered after it has timed out: a refusal is only recorded; a success is compensated once, if
/// possible.
#[test]
fn every_reply_after_its_timeout() {
    for begin in [
        order as fn() -> World,
        || {
            let mut world = order();
            world.ok("reserve");
            world
        },
        at_finalize,
    ] {
        for end in [false, true] {
            let mut world = begin();
            let step = world.saga().current_steps().next().unwrap().to_owned();
            world.wait_out(&step);
            if end {
                world.finish();
            }
            let steps = world.saga().steps.clone();
            let sent = world.sent.clone();
            let status = world.saga().status;
            let attempts = world.saga().step(&step).unwrap().attempts;
            let undoable = world.definition.step(&step).unwrap().compensate.is_some();
            for attempt in 1..=attempts {
                for outcome in [refused(), failed()].into_iter().chain((!undoable).then(ok)) {
                    world.answer_attempt(&step, attempt, outcome);
                    assert_eq!(world.notes.len(), 1);
                }
            }
            assert_eq!((&world.saga().steps, &world.sent, world.saga().status), (&steps, &sent, status), "{step}");
            if undoable {
                let ending = world.saga().ending.clone();
                world.newly_sent();
                world.answer_attempt(&step, attempts, ok()).answer_attempt(&step, 1, ok());
                assert_eq!(world.notes.len(), 1, "the second success changes nothing");
                world.finish();
                let compensations = world.newly_sent().iter().filter(|sent| **sent == format!("!{step}")).count();
                assert_eq!(compensations, 1);
                assert_eq!((world.saga().status, &world.saga().ending), (Status::Compensated, &ending));
            }
        }
    }
    let mut world = at_payment_result();
    world.wait_out("payment-result").result("approved");
    assert_eq!(world.notes, ["callback payment-results \"approved\" that no step waits for"]);
    assert_eq!(world.finish().ends(), (Status::Compensated, "payment_not_completed", Some("payment_timed_out")));
    world.result("approved");
    let ignored = world.saga().history.iter().rfind(|entry| entry.what == What::Ignored).unwrap();
    assert_eq!(ignored.repeats, 1, "it is counted");
}

#[test]
fn replies_to_attempts_never_sent_change_nothing() {
    let mut world = order();
    for (step, attempt) in
        [("reserve", 0), ("reserve", 2), ("finalize", 1), ("!reserve", 1), ("conclude", 1), ("what", 1)]
    {
        let before = world.saga().steps.clone();
        world.answer_attempt(step, attempt, ok());
        assert_eq!((&world.saga().steps, world.notes.len()), (&before, 1), "{step} {attempt}");
    }
    let mut world = at_payment_result();
    world.ok("payment-result");
    assert_eq!(world.status("payment-result"), StepStatus::Running, "it waits for a callback, not for a reply");
}

#[test]
fn the_journaled_state_is_small() {
    let mut world = at_finalize();
    world.ok("finalize").ok("conclude");
    let json = serde_json::to_string(world.saga()).unwrap();
    assert!(json.len() < 2500, "{} bytes: {json}", json.len());
    assert_eq!(serde_json::from_str::<Saga>(&json).unwrap(), *world.saga());
}
