//! Messages that reach the worker without a topic.

use super::bench::Bench;
use crate::interface::{Input, Snapshot};
use crate::limits::Limits;
use crate::record::{LastMessages, Positions};

#[test]
fn a_direct_message_is_accepted_when_its_decision_is_durable() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_direct(7, "a +"), ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::new(), "it has no position");
    assert_eq!(bench.entry(0).last, LastMessages::new());
    assert_eq!(bench.land(), ["send 1: a + 1", "accepted 7"]);
}

#[test]
fn direct_messages_and_those_of_topics_make_one_batch_in_their_order() {
    let mut bench = Bench::with(Limits { gather: 2, ..Limits::default() });
    bench.receive("a +");
    assert_eq!(bench.receive_direct(1, "a +"), [""; 0]);
    assert_eq!(bench.receive("b +"), ["append"]);
    bench.land();
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 2)]));
    assert_eq!(bench.land(), ["send 2: a + 2, b + 1", "accepted 1"]);
}

#[test]
fn a_direct_message_that_changes_nothing_is_accepted_with_the_states_that_it_saw() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_direct(1, "a nothing"), ["accepted 1"]);
    bench.receive("a +");
    assert_eq!(bench.receive_direct(2, "a nothing"), [""; 0], "what it saw may become void");
    assert_eq!(bench.land(), ["send 1: a + 1", "accepted 2"]);
}

#[test]
fn a_direct_message_is_declined_by_a_worker_that_does_not_own_or_drains() {
    let mut bench = Bench::with(Limits { ahead_records: 1, ..Limits::default() });
    bench.receive("a +");
    assert_eq!(bench.receive_direct(1, "b +"), [""; 0], "it waits");
    assert_eq!(bench.input(Input::Drain), ["declined 1"]);
    assert_eq!(bench.receive_direct(2, "b +"), ["declined 2"]);
    assert_eq!(bench.core.queued_bytes(), 0);
    bench.input(Input::Revoked);
    assert_eq!(bench.receive_direct(3, "b +"), ["declined 3"]);
}

#[test]
fn a_direct_message_is_declined_while_older_ones_may_wait_in_a_topic() {
    let ends = Positions::from([("in".to_owned(), 1)]);
    let (mut bench, _) = Bench::owner_of(Snapshot { ends, ..Snapshot::default() }, Limits::default());
    assert_eq!(bench.receive_direct(1, "a +"), ["declined 1"]);
    bench.receive("a +");
    bench.land();
    assert_eq!(bench.receive_direct(2, "a +"), ["append"]);
}

#[test]
fn an_unreadable_direct_message_is_declined_and_changes_nothing() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_direct(1, "?"), ["declined 1"]);
    assert_eq!(bench.receive_direct(2, "a +"), ["append"]);
    assert_eq!(bench.entry(0).outbox.len(), 1, "no dead letter");
}

#[test]
fn a_direct_message_at_which_the_handler_panics_ends_the_claim_and_is_not_set_aside() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.land();
    let outputs = bench.receive_direct(1, "a panic");
    assert!(outputs[0].starts_with("step down: the handler panicked"), "{outputs:?}");
    bench.claim_again(1);
    assert_eq!(bench.receive("a +"), ["append"], "no message of a topic is suspected");
}
