//! The behaviour of an owner, one rule per test. Separate from the code, so that it reads as its specification.

mod back_pressure;
mod bench;
mod direct;
mod inputs;
mod positions;
mod set_aside;
mod stored;

use uuid::Uuid;
use vocabulary::blob::Json;
use vocabulary::messages::Outgoing;
use vocabulary::time::Timestamp;

use self::bench::{Account, Accounts, Bench, account};
use crate::core::Core;
use crate::entity::Key;
use crate::error::{Failure, StepDown, StoreError};
use crate::interface::{Env, Input, Output, Snapshot};
use crate::limits::Limits;
use crate::record::{Head, Positions, size_of};
use crate::store::Store;
use crate::transaction::STATE_BYTES;

#[test]
fn a_worker_decides_nothing_before_its_state_is_loaded() {
    let mut core: Core<Account, u8> = Core::new(0, 1, Limits::default());
    let mut out = Vec::new();
    core.handle(Input::Assigned { nonce: Uuid::nil(), instance: String::new() }, &mut out);
    out.clear();
    core.handle(Input::ReadBack { offset: 3, head: Head::Claim { nonce: Uuid::max() } }, &mut out);
    assert_eq!(out, [], "a claim before its own is no reason to step down");
    core.handle(Input::ReadBack { offset: 4, head: Head::Claim { nonce: Uuid::nil() } }, &mut out);
    assert_eq!(out, [Output::Load { claim: 4 }]);
    core.handle(Input::ReadBack { offset: 5, head: Head::Claim { nonce: Uuid::max() } }, &mut out);
    assert_eq!(out[1..], [Output::StepDown(StepDown::ForeignClaim)], "one after it is");
    core.handle(Input::Loaded(Snapshot::default()), &mut out);
    assert!(core.is_idle() && out.len() == 2);
}

#[test]
fn it_sends_nothing_before_it_has_read_it_back() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.land(), ["send 1: a + 1"]);
}

#[test]
fn the_next_batch_builds_on_the_last_without_waiting_for_it() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!((bench.entry(0).seq, bench.entry(1).seq), (0, 1));
    assert_eq!(bench.land(), ["send 1: a + 1"]);
    assert_eq!(bench.land(), ["send 2: a + 2"]);
}

#[test]
fn a_batch_is_one_entry_with_each_key_once() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_all(&["a +", "b +", "a +"]), ["append"]);
    let entry = bench.entry(0);
    assert_eq!(entry.entities.iter().map(|write| &write.key).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(entry.positions, Positions::from([("in".to_owned(), 3)]));
    assert_eq!(bench.land(), ["send 1: a + 1, b + 1, a + 2"]);
}

#[test]
fn a_message_that_comes_twice_is_decided_once() {
    let mut bench = Bench::owner();
    let message = bench.message_on("in", "a +");
    assert_eq!(bench.input(Input::Message(message.clone())), ["append"]);
    assert_eq!(bench.input(Input::Message(message)), [""; 0]);
}

#[test]
fn it_steps_down_on_a_foreign_claim_and_sends_nothing_more() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.read_back(Head::Claim { nonce: Uuid::max() }), ["step down: a foreign claim"]);
    assert_eq!(bench.land(), [""; 0]);
    assert!(bench.core.is_idle());
}

#[test]
fn a_void_record_changes_nothing() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.read_back(Head::Entry { owner: -5, seq: 0 }), [""; 0]);
    assert_eq!(bench.read_back(Head::Garbage), [""; 0]);
    assert_eq!(bench.core.voids, 2);
    assert_eq!(bench.land(), ["send 3: a + 1"]);
}

#[test]
fn it_steps_down_when_the_journal_lost_a_record_of_its_claim() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    bench.receive("a +");
    bench.in_flight.remove(0);
    assert_eq!(
        bench.land(),
        ["step down: the journal lost a record of this claim: number 1 was read back, and 0 is next"]
    );
    assert!(bench.core.is_idle());
}

#[test]
fn it_names_the_oldest_append_that_was_not_read_back() {
    let mut core: Core<Account, u8> = Core::new(0, 1, Limits::default());
    assert_eq!(core.awaited(), None);
    core.handle(Input::Assigned { nonce: Uuid::nil(), instance: String::new() }, &mut Vec::new());
    assert_eq!(core.awaited(), Some(0), "the claim");
    let mut bench = Bench::owner();
    assert_eq!(bench.core.awaited(), None);
    bench.receive("a +");
    bench.receive("a +");
    assert_eq!(bench.core.awaited(), Some(1));
    bench.land();
    assert_eq!(bench.core.awaited(), Some(2));
}

#[test]
fn it_steps_down_when_something_failed_and_then_claims_anew() {
    let mut bench = Bench::owner();
    assert_eq!(bench.input(Input::Failed(Failure::Send("disk full".into()))), ["step down: disk full"]);
    assert_eq!(bench.input(Input::Failed(Failure::Send("again".into()))), [""; 0]);
    assert_eq!(bench.input(Input::Assigned { nonce: Uuid::max(), instance: "me".into() }), ["append"]);
}

#[test]
fn what_may_not_be_delivered_is_sent_again_after_a_claim() {
    let message = |text: &str| Outgoing::event("done", "k", "done", "1", "s", Timestamp(0), text);
    let unsent = vec![(-9, vec![message("x"), message("y")]), (-4, vec![message("z")])];
    let positions = Positions::from([("in".to_owned(), 5)]);
    let (mut bench, outputs) =
        Bench::owner_of(Snapshot { unsent, positions, ..Snapshot::default() }, Limits::default());
    assert_eq!(outputs, [r#"claimed {"in": 5}"#, "send -9: x, y", "send -4: z"]);
    bench.next.insert("in", 5);
    bench.input(Input::Delivered { offset: -9 });
    bench.input(Input::Delivered { offset: -4 });
    bench.receive("a +");
    assert_eq!(bench.entry(0).delivered, -9, "y is not acknowledged");
    bench.input(Input::Delivered { offset: -9 });
    bench.land();
    bench.receive("a +");
    assert_eq!(bench.entry(0).delivered, 1, "now only the messages of record 1 are in flight");
}

#[test]
fn at_rest_the_mark_is_written_once() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.input(Input::Idle), [""; 0], "not while an entry is in flight");
    bench.land();
    assert_eq!(bench.input(Input::Idle), [""; 0], "nor a message");
    bench.input(Input::Delivered { offset: 1 });
    assert_eq!(bench.input(Input::Idle), ["append"]);
    assert_eq!(bench.entry(0).delivered, 2);
    bench.land();
    assert_eq!(bench.input(Input::Idle), [""; 0]);
}

#[test]
fn timers_wait_for_the_ends_seen_at_the_claim() {
    let open = vec![("a".to_owned(), account(&[], Some(5)))];
    let ends = Positions::from([("in".to_owned(), 2)]);
    let (mut bench, _) = Bench::owner_of(Snapshot { open, ends, ..Snapshot::default() }, Limits::default());
    assert_eq!(bench.advance_to(9), [""; 0]);
    assert_eq!(bench.core.next_timer(), None);
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.land(), ["send 1: a + 2"]);
    assert_eq!(bench.receive("b +"), ["append"]);
    assert_eq!(bench.land(), ["send 2: b + 1", "append"], "the second message was the end");
    assert_eq!(bench.land(), ["send 3: a fired 3"]);
}

#[test]
fn it_is_open_when_the_view_has_what_the_claim_decided() {
    let mut bench = Bench::seeding("seeded");
    assert!(!bench.core.is_open(), "its first entry is in flight");
    assert_eq!(bench.land(), ["send 1: seeded + 1"]);
    assert!(!bench.core.is_open(), "and not in the view");
    bench.view_applied = 2;
    bench.advance_to(1);
    assert!(bench.core.is_open());
    bench.receive("a +");
    assert!(bench.core.is_open(), "what comes later changes nothing");
}

#[test]
fn what_a_handler_cannot_work_with_is_not_written() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_all(&["a +", "b refuse"]), ["refused: b is not as it was"]);
    assert!(bench.core.is_idle());
}

#[test]
fn it_is_open_at_once_when_the_claim_decided_nothing() {
    assert!(Bench::owner().core.is_open());
    assert!(!Core::<Account, u8>::new(0, 1, Limits::default()).is_open());
}

#[test]
fn with_too_many_open_those_that_the_view_has_rest_and_come_back_when_needed() {
    let limits = Limits { open_in_memory: 1, gather: 1, ..Limits::default() };
    let resting = vec![("c".to_owned(), Timestamp(30))];
    let (mut bench, _) = Bench::owner_of(Snapshot { resting, ..Snapshot::default() }, limits);
    bench.receive("a wake 20");
    bench.land();
    bench.receive("b want X");
    bench.land();
    assert!(bench.core.has("a") && bench.core.has("b"), "the view does not have it yet");
    bench.store.insert("a".to_owned(), Account { entries: 1, ..account(&[], Some(20)) });
    bench.store.insert("c".to_owned(), Account { entries: 6, ..account(&[], Some(30)) });
    bench.view_applied = 3;
    assert_eq!(bench.advance_to(2), [""; 0]);
    assert_eq!((bench.core.has("a"), bench.core.has("b")), (false, true), "b has an intent");
    assert_eq!(bench.advance_to(20), ["append"], "its timer goes on");
    assert_eq!(bench.land(), ["send 3: a fired 2"]);
    assert_eq!(bench.advance_to(30), ["append"]);
    assert_eq!(bench.land(), ["send 4: c fired 7"]);
}

#[test]
fn a_timer_fires_when_it_is_due_and_once() {
    let mut bench = Bench::owner();
    bench.receive("a wake 20");
    bench.land();
    assert_eq!(bench.core.next_timer(), Some(Timestamp(20)));
    assert_eq!(bench.advance_to(19), [""; 0]);
    assert_eq!(bench.advance_to(20), ["append"]);
    assert_eq!(bench.land(), ["send 2: a fired 2"]);
    assert_eq!(bench.advance_to(99), [""; 0]);
}

#[test]
fn an_unreadable_message_becomes_what_the_handler_returns_and_reading_goes_on() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive_all(&["?", "a +"]), ["append"]);
    let entry = bench.entry(0);
    assert_eq!(entry.outbox[0].topic, "in.dlq");
    assert_eq!(entry.positions, Positions::from([("in".to_owned(), 2)]));
    assert_eq!(entry.entities.len(), 1);
    assert_eq!(bench.land(), ["send 1: ?, a + 1"]);
}

#[test]
fn a_batch_has_at_most_so_many_messages() {
    let mut bench = Bench::with(Limits { batch_messages: 2, gather: 1, ..Limits::default() });
    assert_eq!(bench.receive_all(&["a +", "b +", "c +"]), ["append", "append"]);
    assert_eq!((bench.entry(0).outbox.len(), bench.entry(1).outbox.len()), (2, 1));
}

#[test]
fn a_batch_ends_when_it_is_large() {
    let one = size_of(&Outgoing::event("done", "a", "done", "1", "s", Timestamp(1), "a + 1"));
    let one = one + STATE_BYTES;
    let mut bench = Bench::with(Limits { batch_bytes: one + one / 2, gather: 1, ..Limits::default() });
    assert_eq!(bench.receive_all(&["a +", "b +", "c +"]), ["append", "append"]);
    assert_eq!((bench.entry(0).outbox.len(), bench.entry(1).outbox.len()), (2, 1));
}

#[test]
fn what_a_batch_holds_counts_also_where_it_was_never_written() {
    let long = "x".repeat(2_000);
    let open = account(&[&long], None);
    let limits = Limits { batch_bytes: 1_500, gather: 1, ..Limits::default() };
    let open = vec![("a".to_owned(), open.clone()), ("b".to_owned(), open)];
    let (mut bench, _) = Bench::owner_of(Snapshot { open, ..Snapshot::default() }, limits);
    assert_eq!(bench.receive_all(&["a +", "b +"]), ["append", "append"], "loaded states");
    let mut bench = Bench::with(limits);
    let texts = [format!("a {long}"), format!("b {long}")];
    assert_eq!(
        bench.receive_all(&texts.each_ref().map(String::as_str)),
        ["append", "append"],
        "states taken from messages"
    );
}

#[test]
fn a_timer_that_is_due_waits_for_what_is_in_flight_and_does_not_keep_the_worker_awake() {
    let mut bench = Bench::owner();
    bench.receive("a wake 20");
    assert_eq!(bench.advance_to(25), [""; 0]);
    assert_eq!(bench.core.next_timer(), None);
    assert_eq!(bench.land(), ["send 1: a wake 20 1", "append"]);
}

#[test]
fn deciding_runs_ahead_of_reading_back_by_so_many_records_and_bytes() {
    let mut bench = Bench::with(Limits { batch_messages: 1, ahead_records: 2, gather: 1, ..Limits::default() });
    assert_eq!(bench.receive_all(&["a +", "b +", "c +"]), ["append", "append"]);
    assert_eq!(bench.core.queued(), 1);
    assert_eq!(bench.land(), ["send 1: a + 1", "append"]);
    let mut bench = Bench::with(Limits { batch_messages: 1, ahead_bytes: 1, gather: 1, ..Limits::default() });
    assert_eq!(bench.receive_all(&["a +", "b +"]), ["append"]);
}

#[test]
fn with_a_record_in_flight_small_batches_gather() {
    let mut bench = Bench::with(Limits { gather: 2, ..Limits::default() });
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.receive("b +"), [""; 0]);
    assert_eq!(bench.receive("c +"), ["append"]);
    assert_eq!(bench.entry(1).outbox.len(), 2);
}

#[test]
fn draining_decides_nothing_more_writes_the_mark_and_then_is_done() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    assert_eq!(bench.input(Input::Drain), [""; 0]);
    assert_eq!(bench.receive("b +"), [""; 0]);
    assert_eq!(bench.land(), ["send 1: a + 1"]);
    assert_eq!(bench.input(Input::Delivered { offset: 1 }), ["append"]);
    assert_eq!(bench.entry(0).delivered, 2);
    assert_eq!(bench.land(), ["drained"]);
    assert_eq!(bench.advance_to(99), [""; 0]);
}

#[test]
fn an_intent_is_requested_when_it_is_durable_and_once() {
    let mut bench = Bench::owner();
    assert_eq!(bench.receive("a want X"), ["append"]);
    assert_eq!(bench.land(), ["send 1: a want X 1", "execute X"]);
    bench.receive("a want Y");
    assert_eq!(bench.land(), ["send 2: a want Y 2", "execute Y"]);
}

#[test]
fn an_intent_that_is_no_longer_wanted_is_abandoned() {
    let mut bench = Bench::owner();
    bench.receive_all(&["a want X", "a want Y"]);
    bench.land();
    assert_eq!(bench.receive("a drop X"), ["append"]);
    assert_eq!(bench.land(), ["send 2: a drop X 3", "abandon X"]);
    bench.receive("a drop Y");
    assert_eq!(bench.land(), ["send 3: a drop Y 4", "abandon Y"]);
}

#[test]
fn intents_of_open_entities_are_requested_again_after_a_claim() {
    let open = vec![("a".to_owned(), account(&["X"], None)), ("b".to_owned(), account(&[], None))];
    let (mut bench, outputs) = Bench::owner_of(Snapshot { open, ..Snapshot::default() }, Limits::default());
    assert_eq!(outputs, ["claimed {}", "execute X"]);
    bench.receive("a drop X");
    assert_eq!(bench.land(), ["send 1: a drop X 2", "abandon X"]);
}

#[test]
fn a_closed_entity_stays_until_the_view_has_applied_its_last_record() {
    let mut bench = Bench::owner();
    bench.receive("a close");
    bench.land();
    assert_eq!(bench.receive("a see"), ["append"], "the view does not have it yet");
    assert_eq!(bench.land(), ["send 2: a see 1"]);
    bench.view_applied = 2;
    bench.store.insert("a".to_owned(), Account { entries: 41, closed: true, ..Account::default() });
    bench.receive("a see");
    assert_eq!(bench.land(), ["send 3: a see 41"], "from here on the view is read");
    bench.receive("a close");
    bench.land();
    bench.receive("a see");
    assert_eq!(bench.land(), ["send 5: a see 42"], "its last record is a newer one now");
}

#[test]
fn a_store_that_cannot_be_read_is_a_reason_to_step_down() {
    fn broken() -> StoreError {
        StoreError::Unavailable("disk".to_owned())
    }
    struct Broken;
    impl Store<Account> for Broken {
        fn load(&self, _: &Key) -> Result<Option<Account>, StoreError> {
            Err(broken())
        }
        fn with_prefix(&self, _: &str) -> Result<Vec<Account>, StoreError> {
            Err(broken())
        }
    }
    let mut bench = Bench::owner();
    let message = bench.message_on("in", "a see");
    let mut out = Vec::new();
    bench.core.handle(Input::Message(message), &mut out);
    let env = Env { handler: &Accounts::default(), store: &Broken, now: Timestamp(0), view_applied: 0 };
    bench.core.pump(&env, &mut out);
    assert_eq!(out, [Output::StepDown(StepDown::Failed(Failure::Store(broken())))]);
}

#[test]
fn an_entry_carries_the_states_as_json() {
    let mut bench = Bench::owner();
    bench.receive("a +");
    let state = bench.entry(0).entities[0].state.clone().unwrap();
    assert_eq!(state, Json::of(&Account { entries: 1, ..Account::default() }).unwrap());
}
