//! Appends whose acknowledgement counts as read back.

use uuid::Uuid;

use super::bench::Bench;
use crate::core::Core;
use crate::interface::Input;
use crate::limits::Limits;
use crate::record::Head;

#[test]
fn an_entry_that_is_acknowledged_behind_the_last_known_record_is_acted_on_at_once() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.receive("a +");
    assert_eq!(bench.store(), ["send 1: a + 1"]);
    assert_eq!(bench.store(), ["send 2: a + 2"]);
    assert_eq!(bench.core.awaited(), None);
}

#[test]
fn a_record_that_is_known_is_not_read_again() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    let head = bench.in_flight[0].head();
    bench.store();
    assert_eq!(bench.input(Input::ReadBack { offset: 1, head }), [""; 0]);
    assert_eq!(bench.input(Input::Stored { offset: 1, head }), [""; 0]);
    assert_eq!(bench.core.voids, 0);
    bench.receive("a +");
    assert_eq!(bench.land(), ["send 2: a + 2"], "reading goes on behind it");
}

#[test]
fn an_acknowledgement_behind_an_unknown_record_is_not_acted_on() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    let head = bench.in_flight[0].head();
    // Offset 1 is a foreign claim.
    assert_eq!(bench.input(Input::Stored { offset: 2, head }), [""; 0]);
    assert_eq!(bench.read_back(Head::Claim { nonce: Uuid::max() }), ["step down: a foreign claim"]);
    assert_eq!(bench.land(), [""; 0]);
}

#[test]
fn behind_a_void_record_that_was_read_an_acknowledgement_counts_again() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.read_back(Head::Entry { owner: -5, seq: 0 });
    assert_eq!(bench.store(), ["send 2: a + 1"]);
}

#[test]
fn an_acknowledgement_at_the_offset_of_another_known_record_shows_a_loss() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.receive("a +");
    let first = bench.in_flight[0].head();
    let second = bench.in_flight[1].head();
    assert!(!bench.core.is_contradicted_by(1, first), "nothing is known at its offset");
    bench.store();
    assert!(!bench.core.is_contradicted_by(1, first), "it is known itself");
    assert!(bench.core.is_contradicted_by(1, second));
    assert!(!bench.core.is_contradicted_by(2, second));
}

#[test]
fn a_claim_is_read_back_whatever_was_acknowledged() {
    let mut core: Core<super::Account, u8> = Core::new(0, 1, Limits::default());
    let mut out = Vec::new();
    let nonce = Uuid::nil();
    core.handle(Input::Assigned { nonce, instance: String::new() }, &mut out);
    out.clear();
    core.handle(Input::Stored { offset: 4, head: Head::Claim { nonce } }, &mut out);
    assert_eq!(out, []);
    assert!(!core.is_next(4));
    core.handle(Input::ReadBack { offset: 4, head: Head::Claim { nonce } }, &mut out);
    assert_eq!(out.len(), 1, "the state is loaded");
}
