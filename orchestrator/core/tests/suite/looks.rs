//! Inspection of a saga, on which no decision depends: outcomes of steps, waiting times, payloads of commands.

use std::time::Duration;

use crate::harness::{self, order};
use saga::{Action, Effect, StepStatus, command_of};

#[test]
fn the_outcome_of_a_step_is_known_after_its_compensation() {
    let mut world = order();
    let begun = world.now;
    world.pass(Duration::from_millis(100)).ok("reserve");
    let done = world.now;
    assert_eq!(world.saga().step("reserve").unwrap().outcome(), Some((StepStatus::Done, done)));
    assert_eq!(world.saga().step("request-payment").unwrap().outcome(), None);
    world.pass(Duration::from_secs(1)).refuse("request-payment");
    let aborted = world.now;
    let reserve = world.saga().step("reserve").unwrap();
    assert_eq!(reserve.status, StepStatus::Compensating);
    assert_eq!((reserve.started, reserve.since()), (Some(begun), Some(aborted)), "it waits for its compensation");
    assert_eq!(world.saga().waiting_since(), Some(aborted));
    world.pass(Duration::from_secs(1)).finish();
    let reserve = world.saga().step("reserve").unwrap();
    assert_eq!(reserve.status, StepStatus::Compensated);
    assert_eq!(reserve.outcome(), Some((StepStatus::Done, done)));
    let request = world.saga().step("request-payment").unwrap();
    assert_eq!(request.outcome(), Some((StepStatus::Refused, aborted)));
    assert_eq!(world.saga().step("finalize").unwrap().outcome(), None, "it never began");
}

#[test]
fn the_payload_of_a_command_is_known_afterwards() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").result("approved").ok("finalize");
    let definition = world.definition.clone();
    let saga = world.saga().clone();
    assert_eq!(world.commands.len(), 4);
    for effect in &world.commands {
        let Effect::SendCommand { step, command, payload, action, .. } = effect else { panic!("{effect:?}") };
        assert_eq!(command_of(&definition, &saga, step, *action), Some((command.clone(), payload.clone())));
    }
    let (command, payload) = command_of(&definition, &saga, "reserve", Action::Compensate).unwrap();
    assert_eq!((command.as_str(), payload["orderId"].as_str()), ("inventory.release", Some(&*harness::ID.to_string())));
    assert_eq!(command_of(&definition, &saga, "payment-result", Action::Execute), None, "it waits");
    assert_eq!(command_of(&definition, &saga, "no-step", Action::Execute), None);
}
