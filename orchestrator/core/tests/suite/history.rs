//! The bounded history of a saga.

use std::time::Duration;

use crate::harness::{World, order};
use saga::{HISTORY_LIMIT, Input, Outcome, TEXT_LIMIT, What};

/// The history of an order with every kind of event: the kind, the step, the attempt and the time since it was sent.
#[test]
fn the_history_records_every_transition() {
    let mut world = order();
    let later = |world: &mut World| world.now = world.now.plus(Duration::from_millis(7));
    later(&mut world);
    world.fail("reserve").wait().wait().wait().ok("reserve");
    later(&mut world);
    world.refuse("request-payment");
    later(&mut world);
    world.fail("!reserve").wait().wait().wait().refuse("!reserve").ok("!reserve");
    later(&mut world);
    world.ok("conclude");
    let history = world.saga().history.iter();
    let recorded: Vec<_> = history.map(|e| format!("{:?} {} {} {}", e.what, e.step, e.attempt, e.waited)).collect();
    let expected = [
        "Started  0 0",
        "Sent reserve 1 0",
        "Failed reserve 1 7",
        "Sent reserve 2 0",
        "TimedOut reserve 2 10000",
        "Sent reserve 3 0",
        "Done reserve 3 0",
        "Sent request-payment 1 0",
        "Refused request-payment 1 7",
        "CompensationStarted request-payment 0 0",
        "CompensationSent reserve 1 0",
        "CompensationFailed reserve 1 7",
        "CompensationSent reserve 2 0",
        "CompensationTimedOut reserve 2 10000",
        "CompensationSent reserve 3 0",
        "CompensationRefused reserve 3 0",
        "Incident reserve 0 0",
        "Compensated reserve 3 0",
        "Resumed  0 0",
        "Sent conclude 1 0",
        "Done conclude 1 7",
        "Ended  0 0",
    ];
    assert_eq!(recorded, expected);
}

#[test]
fn the_history_is_bounded() {
    let mut world = order();
    for _ in 0..1000 {
        let error = "é".repeat(1000);
        world.decide(Input::Reply {
            step: "finalize".into(),
            attempt: 9,
            action: saga::Action::Execute,
            outcome: Outcome::Failed { error, retry_after_ms: None },
        });
    }
    assert_eq!(world.saga().history.len(), 3, "repetitions are counted in one entry");
    let counted = world.saga().history.last().unwrap();
    assert_eq!((counted.repeats, counted.last), (999, Some(world.now)));
    for n in 0..1000 {
        world.call_back(&format!("x{n}"), &format!("unknown {n}"));
    }
    assert_eq!(world.saga().history.len(), HISTORY_LIMIT);
    assert_eq!(world.saga().folded as usize, 1003 - HISTORY_LIMIT);
    world.answer("reserve", Outcome::Refused { reason: "é".repeat(1000), detail: None });
    assert!(world.saga().history.iter().all(|entry| entry.why.len() <= TEXT_LIMIT));
    assert!(world.saga().ending.as_ref().unwrap().reason.as_ref().unwrap().len() <= TEXT_LIMIT);
}

/// However many results arrive, and whatever they say.
#[test]
fn inputs_that_change_nothing_push_no_decision_out_of_the_history() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").result("approved");
    world.operate(saga::Operate::Pause).unwrap().operate(saga::Operate::Resume).unwrap();
    let decided: Vec<_> = world.saga().history.clone();
    for n in 0..80 {
        world.call_back(&format!("same {n}"), "approved").call_back(&format!("other {n}"), &format!("status {n}"));
    }
    let history = &world.saga().history;
    assert!(history.len() <= HISTORY_LIMIT);
    assert!(decided.iter().all(|entry| history.contains(entry)), "{history:#?}");
    let same: Vec<_> = history.iter().filter(|entry| entry.why.contains("\"approved\" that no step")).collect();
    assert_eq!(same.len(), 1);
    assert_eq!(same[0].repeats, 79);
    world.refuse("finalize");
    assert!(world.saga().history.iter().any(|entry| entry.what == What::CompensationStarted));
    assert_eq!(world.saga().history[0].what, What::Started);
}

/// Operators can act as often as they like; the decisions, the first entry and the last actions stay.
#[test]
fn operators_push_no_decision_out_of_the_history() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").result("approved");
    let decided: Vec<_> = world.saga().history.iter().filter(|entry| entry.what == What::Done).cloned().collect();
    assert!(decided.len() >= 3, "{decided:#?}");
    for n in 0..80 {
        let step = Some(format!("step {n}"));
        assert!(world.operate(saga::Operate::Retry { step }).is_err());
        world.operate(saga::Operate::Pause).unwrap().operate(saga::Operate::Resume).unwrap();
    }
    let history = &world.saga().history;
    assert_eq!(history.len(), HISTORY_LIMIT);
    assert!(decided.iter().all(|entry| history.contains(entry)), "{history:#?}");
    assert_eq!((history[0].what, history.last().unwrap().what), (What::Started, What::OperatorAction));
}

#[test]
fn the_first_entry_and_the_last_attempts_of_a_long_saga_stay() {
    let mut world = order();
    world.refuse("reserve").pass(Duration::from_secs(24 * 3600));
    let history = &world.saga().history;
    assert_eq!((history[0].what, history.len()), (What::Started, HISTORY_LIMIT));
    for what in [What::Refused, What::CompensationStarted] {
        assert!(history.iter().any(|entry| entry.what == what), "{what:?}");
    }
    assert_eq!(history.last().unwrap().attempt, world.saga().conclude.attempts);
}
