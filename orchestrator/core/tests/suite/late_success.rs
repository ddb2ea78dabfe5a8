//! Late successes while several compensations are unanswered.

use crate::engine::diamond;
use crate::harness::{World, failed, ok, refused};
use saga::{Operate, Status, StepStatus};
use serde_json::json;

/// The first compensation timed out, the second is in flight.
fn compensated_twice() -> World {
    let mut world = diamond();
    world.ok("first").refuse("left").wait().wait().newly_sent();
    assert_eq!(world.saga().step("right").unwrap().compensations, 2);
    world
}

#[test]
fn a_late_success_supersedes_the_compensations_sent_before_it() {
    let mut world = compensated_twice();
    world.ok("right").answer_attempt("!right", 1, ok());
    assert_eq!(world.newly_sent(), ["!right"], "the third compensation");
    for outcome in [ok(), refused(), failed()] {
        world.answer_attempt("!right", 2, outcome).answer_attempt("!right", 1, ok());
        assert_eq!(world.notes, ["right: superseded reply to compensate: ok; the step is compensating"]);
        assert_eq!(world.newly_sent(), [""; 0]);
    }
    world.fail_out("!right").answer_attempt("!right", 2, ok());
    assert_eq!((world.status("right"), world.saga().status), (StepStatus::Stuck, Status::Incident));
    world.newly_sent();
    world.operate(Operate::Retry { step: None }).unwrap();
    assert_eq!(world.newly_sent(), ["!right"], "the fifth compensation");
    world.answer_attempt("!right", 2, ok());
    assert_eq!(world.status("right"), StepStatus::Compensating);
    world.answer_attempt("!right", 3, ok());
    assert_eq!(world.newly_sent(), ["!first"], "a reply to any compensation after the success counts");
    assert_eq!(world.finish().saga().status, Status::Compensated);
}

#[test]
fn a_success_after_the_compensation_supersedes_those_still_unanswered() {
    let mut world = compensated_twice();
    world.answer_attempt("!right", 1, ok()).finish();
    assert_eq!(world.saga().status, Status::Compensated);
    assert!(!serde_json::to_string(world.saga()).unwrap().contains("superseded"), "records stay as they were");
    world.newly_sent();
    world.ok("right").answer_attempt("!right", 2, ok());
    assert_eq!(world.newly_sent(), ["!right"]);
    assert_eq!((world.status("right"), world.saga().status), (StepStatus::Compensating, Status::Compensating));
    assert_eq!(world.ok("!right").saga().status, Status::Compensated);
}

#[test]
fn a_pause_changes_nothing_about_superseded_compensations() {
    let mut world = compensated_twice();
    world.operate(Operate::Pause).unwrap();
    world.ok("right").answer_attempt("!right", 1, ok()).answer_attempt("!right", 2, ok());
    assert_eq!((world.status("right"), world.newly_sent()), (StepStatus::Abandoned, vec![]));
    world.operate(Operate::Resume).unwrap();
    world.answer_attempt("!right", 2, ok());
    assert_eq!(world.newly_sent(), ["!right"]);
    assert_eq!(world.status("right"), StepStatus::Compensating);
    world.ok("!right");
    assert_eq!(world.newly_sent(), ["!first"]);
}

#[test]
fn a_late_success_of_a_step_that_an_operator_skipped_is_compensated() {
    let mut world = diamond();
    world.ok("first").operate(Operate::Skip { step: "right".to_owned(), answer: json!("manual") }).unwrap();
    world.refuse("left").ok("!right").finish();
    assert_eq!(world.saga().status, Status::Compensated);
    world.newly_sent();
    world.ok("right");
    assert_eq!(world.newly_sent(), ["!right"], "the first compensation may have arrived before the command");
    assert_eq!(world.ok("!right").saga().status, Status::Compensated);
    world.ok("right");
    assert_eq!(world.newly_sent(), [""; 0], "the second success changes nothing");
}
