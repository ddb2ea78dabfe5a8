//! What people see of a saga that nothing is decided by: how each step came out, since when something is waited for,
//! what its commands carried.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod harness;

use std::time::Duration;

use harness::order;
use saga::{Action, Effect, StepStatus, command_of};

#[test]
fn how_a_step_came_out_is_known_after_it_was_undone() {
    let mut world = order();
    let begun = world.now;
    world.pass(Duration::from_millis(100)).ok("reserve");
    let done = world.now;
    assert_eq!(world.saga().step("reserve").unwrap().outcome(), Some((StepStatus::Done, done)));
    assert_eq!(world.saga().step("request-payment").unwrap().outcome(), None);
    world.pass(Duration::from_secs(1)).refuse("request-payment");
    let turned = world.now;
    let reserve = world.saga().step("reserve").unwrap();
    assert_eq!(reserve.status, StepStatus::Compensating);
    assert_eq!((reserve.started, reserve.since()), (Some(begun), Some(turned)), "it waits for being undone");
    assert_eq!(world.saga().waiting_since(), Some(turned));
    world.pass(Duration::from_secs(1)).finish();
    let reserve = world.saga().step("reserve").unwrap();
    assert_eq!(reserve.status, StepStatus::Compensated);
    assert_eq!(reserve.outcome(), Some((StepStatus::Done, done)));
    let asked = world.saga().step("request-payment").unwrap();
    assert_eq!(asked.outcome(), Some((StepStatus::Refused, turned)));
    assert_eq!(world.saga().step("finalize").unwrap().outcome(), None, "it never began");
}

#[test]
fn what_a_command_carried_can_be_told_afterwards() {
    let mut world = order();
    world.ok("reserve").ok("request-payment").result("approved").ok("finalize");
    let (definition, saga) = (world.definition.clone(), world.saga().clone());
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
