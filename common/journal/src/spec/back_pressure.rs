//! What an owner does while its outputs can't be delivered.

use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use super::bench::{Bench, account};
use crate::interface::{Input, Snapshot};
use crate::limits::Limits;

fn limits() -> Limits {
    Limits { undelivered_messages: 2, gather: 1, ..Limits::default() }
}

fn unsent(records: i64) -> Vec<(i64, Vec<Outgoing>)> {
    let message = |offset: i64| Outgoing::event("done", "k", "done", "1", "s", Timestamp(0), &offset.to_string());
    (-records..0).map(|offset| (offset, vec![message(offset)])).collect()
}

#[test]
fn with_too_much_undelivered_nothing_is_decided() {
    let mut bench = Bench::with(limits());
    for offset in 1..3 {
        assert_eq!(bench.receive("a +"), ["append"]);
        assert_eq!(bench.land(), [format!("send {offset}: a + {offset}")]);
    }
    assert_eq!(bench.receive("a +"), [""; 0]);
    assert!(bench.core.is_blocked());
    assert_eq!((bench.core.undelivered(), bench.core.queued()), (2, 1));
    assert_eq!(bench.deliver(1, 1), ["append"], "one was delivered");
    assert!(!bench.core.is_blocked());
}

#[test]
fn a_timer_waits_for_deliveries_and_does_not_keep_the_worker_awake() {
    let open = vec![("a".to_owned(), account(&[], Some(5)))];
    let snapshot = Snapshot { open, unsent: unsent(2), ..Snapshot::default() };
    let (mut bench, _) = Bench::owner_of(snapshot, limits());
    assert_eq!(bench.advance_to(9), [""; 0]);
    assert_eq!(bench.core.next_timer(), None);
    assert_eq!(bench.core.earliest_timer(), Some(Timestamp(5)), "shown as late");
    assert_eq!(bench.deliver(-2, 1), ["append"]);
}

#[test]
fn side_effects_are_requested_once_also_while_nothing_is_decided() {
    let open = vec![("a".to_owned(), account(&["X"], None))];
    let snapshot = Snapshot { open, unsent: unsent(2), ..Snapshot::default() };
    let (mut bench, outputs) = Bench::owner_of(snapshot, limits());
    assert_eq!(outputs, ["claimed {}", "send -2: -2", "send -1: -1", "execute X"]);
    assert_eq!(bench.advance_to(2), [""; 0]);
    assert_eq!(bench.deliver(-2, 1), [""; 0], "X was requested before");
}

#[test]
fn a_take_over_sends_what_is_unsent_in_portions_and_in_order() {
    let snapshot = Snapshot { unsent: unsent(5), ..Snapshot::default() };
    let (mut bench, outputs) = Bench::owner_of(snapshot, limits());
    assert_eq!(outputs, ["claimed {}", "send -5: -5", "send -4: -4"]);
    assert_eq!(bench.core.undelivered(), 5);
    assert_eq!(bench.deliver(-4, 1), ["send -3: -3"]);
    assert_eq!(bench.receive("a +"), [""; 0]);
    assert_eq!(bench.deliver(-5, 1), ["send -2: -2"]);
    assert_eq!(bench.deliver(-3, 1), ["send -1: -1"]);
    assert_eq!(bench.deliver(-2, 1), ["append"]);
    assert_eq!(bench.entry(0).delivered, -1, "the last of them is not acknowledged");
}

#[test]
fn what_waits_is_delivered_before_a_drain_ends() {
    let snapshot = Snapshot { unsent: unsent(3), ..Snapshot::default() };
    let (mut bench, _) = Bench::owner_of(snapshot, limits());
    assert_eq!(bench.input(Input::Drain), [""; 0]);
    assert_eq!(bench.deliver(-3, 1), ["send -1: -1"]);
    assert_eq!(bench.deliver(-2, 1), [""; 0]);
    assert_eq!(bench.deliver(-1, 1), ["append"], "the mark");
    assert_eq!(bench.land(), ["drained"]);
}
