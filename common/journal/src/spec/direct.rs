//! Messages that reach the worker without a topic.

use uuid::Uuid;

use super::bench::Bench;
use crate::interface::{Input, Snapshot};
use crate::limits::Limits;
use crate::record::{Head, LastMessages, Positions};

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
fn a_direct_message_that_changes_nothing_is_accepted_with_an_entry_of_its_own() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.receive_direct(1, "a nothing"), ["append"]);
    assert_eq!(bench.land(), ["send 1: a + 1"]);
    assert_eq!(bench.land(), ["accepted 1"]);
    bench.receive_direct(2, "a nothing");
    assert_eq!(bench.read_back(Head::Claim { nonce: Uuid::max() }), ["step down: a foreign claim"]);
    assert_eq!(bench.land(), [""; 0], "a former owner may not have seen what it is about");
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
fn a_direct_message_is_declined_until_the_ends_seen_at_the_claim_are_reached() {
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
    assert_eq!(bench.receive_all(&["a +", "a +"]), ["append"], "no message of a topic is suspected");
}

#[test]
fn a_direct_message_that_ended_a_claim_is_declined_and_set_aside_when_its_topic_brings_it() {
    let mut bench = Bench::owner();
    let mut poison = bench.message_on("in", "a panic");
    poison.headers.push("ce_id", "poison");
    bench.input(Input::Direct { message: poison.clone(), ticket: 1 });
    bench.claim_again(0);
    assert_eq!(bench.input(Input::Direct { message: poison.clone(), ticket: 2 }), ["declined 2"]);
    assert_eq!(bench.input(Input::Message(poison.clone())), ["append"]);
    assert_eq!(bench.entry(0).outbox[0].topic, "in.dlq");
    bench.land();
    poison.offset = 1;
    assert_eq!(bench.input(Input::Message(poison)), ["append"], "sent again, it is set aside at once");
    assert_eq!(bench.entry(0).outbox[0].topic, "in.dlq");
}

#[test]
fn a_direct_message_whose_record_is_too_long_is_declined_when_it_comes_again() {
    let mut bench = Bench::with(Limits { record_bytes: 20_000, gather: 1, ..Limits::default() });
    let mut long = bench.message_on("in", &format!("a {}", "x".repeat(40_000)));
    long.headers.push("ce_id", "long");
    let outputs = bench.input(Input::Direct { message: long.clone(), ticket: 1 });
    assert!(outputs[0].starts_with("step down: a record of"), "{outputs:?}");
    bench.claim_again(0);
    assert_eq!(bench.input(Input::Direct { message: long, ticket: 2 }), ["declined 2"]);
}
