//! How positions move without messages: over offsets that hold none, and by an operator's decision.

use uuid::Uuid;

use super::bench::{Account, Bench};
use crate::core::Core;
use crate::error::{Failure, StepDown};
use crate::interface::{Input, Output, Snapshot};
use crate::limits::Limits;
use crate::record::{Head, LastMessage, LastMessages, Positions};

fn skipped(next: i64) -> Input<Account> {
    Input::Skipped { source: "in".to_owned(), next }
}

#[test]
fn an_entry_names_the_last_message_of_each_topic() {
    let mut bench = Bench::owner();
    bench.receive_all(&["a +", "a +"]);
    let last = LastMessage { offset: 1, at: 0 };
    assert_eq!(bench.entry(0).last, LastMessages::from([("in".to_owned(), last)]));
}

#[test]
fn offsets_without_messages_are_skipped_and_written_at_rest() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.land();
    bench.deliver(1, 1);
    assert_eq!(bench.input(skipped(3)), [""; 0]);
    assert_eq!(bench.input(Input::Idle), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 3)]));
    assert_eq!(bench.entry(0).last, LastMessages::new(), "the last message is as before");
    bench.land();
    assert_eq!(bench.input(Input::Idle), [""; 0], "once");
    assert_eq!(bench.input(skipped(2)), [""; 0]);
    assert_eq!(bench.input(Input::Idle), [""; 0], "never back");
}

#[test]
fn offsets_are_not_skipped_past_a_message_that_waits() {
    let mut bench = Bench::with(Limits { ahead_records: 1, gather: 1, ..Limits::default() });
    bench.receive("a +");
    bench.receive("b +");
    assert_eq!(bench.core.queued(), 1);
    bench.input(skipped(9));
    bench.land();
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 2)]));
}

#[test]
fn a_message_that_changes_nothing_is_written_with_the_next_entry() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_all(&["a nothing", "a nothing"]), [""; 0]);
    assert_eq!(bench.core.positions(), Some(&Positions::from([("in".to_owned(), 2)])), "decided");
    assert_eq!(bench.receive("b +"), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 3)]));
    bench.land();
    let message = bench.message_on("other", "a nothing");
    assert_eq!(bench.input(Input::Message(message)), [""; 0]);
    assert_eq!(bench.receive("b +"), ["append"]);
    let last =
        [("in".to_owned(), LastMessage { offset: 3, at: 0 }), ("other".to_owned(), LastMessage { offset: 0, at: 0 })];
    assert_eq!(bench.entry(0).last, LastMessages::from(last));
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 4), ("other".to_owned(), 1)]));
}

#[test]
fn messages_that_change_nothing_are_written_at_rest_at_a_drain_and_when_they_are_many() {
    let mut bench = Bench::owner();
    bench.receive("a nothing");
    assert_eq!(bench.input(Input::Idle), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 1)]));
    bench.land();
    assert_eq!(bench.input(Input::Idle), [""; 0], "once");
    for _ in 0..1_000 {
        assert_eq!(bench.in_flight.len(), 0);
        bench.receive("a nothing");
    }
    assert_eq!(bench.in_flight.len(), 1);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 1_001)]));
    bench.land();
    bench.receive("a nothing");
    assert_eq!(bench.input(Input::Drain), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 1_002)]));
    assert_eq!(bench.land(), ["drained"]);
}

#[test]
fn a_successor_decides_messages_again_that_changed_nothing_and_were_not_written() {
    let mut bench = Bench::owner();
    bench.receive("a nothing");
    bench.input(Input::Failed(Failure::Stalled));
    assert_eq!(bench.claim_with(Snapshot::default()), ["claimed {}"]);
    bench.next.clear();
    bench.receive("a nothing");
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 2)]));
}

#[test]
fn an_accepted_loss_ends_the_claim() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.read_back(Head::Acceptance), ["step down: a loss was accepted"]);
    assert_eq!(bench.land(), [""; 0], "its entries behind it are void");
    let mut core: Core<Account, u8> = Core::new(0, 1, Limits::default());
    let mut out = Vec::new();
    core.handle(Input::Assigned { nonce: Uuid::nil(), instance: String::new() }, &mut out);
    core.handle(Input::ReadBack { offset: 0, head: Head::Acceptance }, &mut out);
    core.handle(Input::ReadBack { offset: 1, head: Head::Claim { nonce: Uuid::nil() } }, &mut out);
    assert_eq!(out[1..], [Output::Load { claim: 1 }], "one before its claim is in the state that it loads");
    core.handle(Input::ReadBack { offset: 2, head: Head::Acceptance }, &mut out);
    assert_eq!(out[2..], [Output::StepDown(StepDown::LossAccepted)]);
}
