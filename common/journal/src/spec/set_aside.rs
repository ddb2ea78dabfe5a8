//! Messages that can't be processed or read are set aside, and the partition goes on.

use vocabulary::messages::Damage;
use vocabulary::topics::INPUT_MAX_BYTES;

use super::bench::{Account, Bench, account};
use crate::error::Failure;
use crate::interface::{Input, Snapshot};
use crate::limits::Limits;
use crate::record::Positions;

#[test]
fn a_message_whose_record_is_too_long_is_found_and_set_aside() {
    let long = format!("b thrice {}", "x".repeat(20_000));
    let texts = ["a +", &long, "c +"];
    let mut bench = Bench::with(Limits { record_bytes: 50_000, gather: 1, ..Limits::default() });
    let too_long = |outputs: &[String]| outputs.last().is_some_and(|last| last.contains("longer than a journal takes"));
    assert!(too_long(&bench.receive_all(&texts)), "all three are in one batch");
    bench.claim_again(0);
    let outputs = bench.receive_all(&texts);
    assert_eq!(outputs[0], "append", "a alone is decided");
    assert!(too_long(&outputs), "b alone is the cause: {outputs:?}");
    bench.claim_again(0);
    let outputs = bench.receive_all(&texts);
    assert_eq!(outputs, ["append"; 3]);
    assert_eq!(bench.entry(1).outbox[0].topic, "in.dlq");
    assert_eq!(bench.entry(2).entities[0].key, "c", "the next message is decided");
    assert_eq!(bench.entry(2).positions, Positions::from([("in".to_owned(), 3)]));
    assert_eq!(bench.land_set_aside(), None, "a was decided");
    let reason = bench.land_set_aside().unwrap();
    assert!(reason.starts_with("in/1: set aside, since it can't be processed: a record of"), "{reason}");
}

#[test]
fn a_message_at_which_the_handler_panics_is_set_aside() {
    let mut bench = Bench::owner();
    let outputs = bench.receive_all(&["a +", "b panic", "c +"]);
    assert!(outputs[0].starts_with("step down: the handler panicked"), "{outputs:?}");
    bench.claim_again(0);
    let outputs = bench.receive_all(&["a +", "b panic", "c +"]);
    assert_eq!(outputs, ["append"]);
    assert_eq!(bench.entry(0).outbox.len(), 3, "a's, c's and the dead letter");
    let reason = bench.land_set_aside().unwrap();
    assert!(reason.starts_with("in/1: set aside, since it can't be processed: the handler panicked"), "{reason}");
}

#[test]
fn a_message_that_would_send_too_much_is_set_aside() {
    // The account is the key and in the text of what is sent.
    let long = format!("{} +", "a".repeat(INPUT_MAX_BYTES / 2));
    let mut bench = Bench::owner();
    let outputs = bench.receive(&long);
    assert!(outputs[0].contains("longer than topic done takes"), "{outputs:?}");
    bench.claim_again(0);
    let outputs = bench.receive(&long);
    assert_eq!(outputs, ["append"]);
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 1)]));
    let reason = bench.land_set_aside().unwrap();
    assert!(reason.starts_with("in/0: set aside, since it can't be processed: a message of"), "{reason}");
}

#[test]
fn a_message_over_the_bounds_of_all_messages_is_a_dead_letter_and_undecided() {
    let mut bench = Bench::owner();
    let long = format!("a {}", "x".repeat(INPUT_MAX_BYTES));
    assert_eq!(bench.receive(&long), ["append"]);
    let entry = bench.entry(0);
    assert_eq!((entry.entities.len(), &*entry.outbox[0].topic), (0, "in.dlq"));
    let reason = entry.outbox[0].headers.get("__streams.errors.message").unwrap();
    assert!(reason.starts_with("the message has"), "{reason}");
}

/// Entities whose timers are due at 10.
fn waking(keys: &[&str]) -> Snapshot<Account> {
    let open = keys.iter().map(|key| ((*key).to_owned(), account(&[], Some(10)))).collect();
    Snapshot { open, ..Snapshot::default() }
}

#[test]
fn a_timer_at_which_the_handler_panics_is_held_and_the_others_fire() {
    let mut bench = Bench::owner();
    let outputs = bench.advance_to(10);
    assert_eq!(outputs, Vec::<String>::new());
    bench.core.handle(Input::Failed(Failure::Stalled), &mut Vec::new());
    let outputs = bench.claim_with(waking(&["broken", "fine"]));
    let [.., held, down] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert!(held.starts_with("timer held broken: the handler panicked"), "{held}");
    assert!(down.starts_with("step down: the handler panicked"), "{down}");
    let outputs = bench.claim_with(waking(&["broken", "fine"]));
    assert_eq!(outputs.last().map(String::as_str), Some("append"), "{outputs:?}");
    let keys: Vec<_> = bench.entry(0).entities.iter().map(|write| &*write.key).collect();
    assert_eq!(keys, ["fine"]);
    assert_eq!(bench.receive("broken see"), ["append"], "its messages are decided");
}

#[test]
fn a_timer_that_would_send_too_much_is_found_among_others() {
    let mut bench = Bench::owner();
    bench.advance_to(10);
    bench.core.handle(Input::Failed(Failure::Stalled), &mut Vec::new());
    let outputs = bench.claim_with(waking(&["fine", "wide", "well"]));
    assert!(outputs.last().unwrap().contains("longer than topic done takes"), "{outputs:?}");
    // Now each is decided alone, in the order of their keys; the first record is in flight.
    let outputs = bench.claim_with(waking(&["fine", "wide", "well"]));
    assert_eq!(outputs.last().map(String::as_str), Some("append"), "{outputs:?}");
    let mut all = Vec::new();
    for _ in 0..3 {
        if bench.in_flight.is_empty() {
            break;
        }
        all.extend(bench.land());
    }
    assert!(all.iter().any(|output| output.starts_with("timer held wide: a message of")), "{all:?}");
    let outputs = bench.claim_with(waking(&["wide"]));
    assert!(!outputs.iter().any(|output| output == "append" || output.starts_with("step down")), "{outputs:?}");
}

#[test]
fn a_suspected_timer_whose_decision_changes_nothing_is_suspected_no_longer() {
    let mut bench = Bench::owner();
    bench.advance_to(10);
    bench.core.handle(Input::Failed(Failure::Stalled), &mut Vec::new());
    let outputs = bench.claim_with(waking(&["calm", "wide"]));
    assert!(outputs.last().unwrap().contains("longer than topic done takes"), "{outputs:?}");
    let outputs = bench.claim_with(waking(&["calm", "wide"]));
    assert!(!outputs.iter().any(|output| output == "append"), "calm alone is decided: {outputs:?}");
    let is_held = |output: &String| output.starts_with("timer held wide: a message of");
    assert!(outputs.iter().any(is_held), "wide is decided alone: {outputs:?}");
    let outputs = bench.claim_with(waking(&["calm", "fine", "well"]));
    assert_eq!(outputs.last().map(String::as_str), Some("append"), "{outputs:?}");
    let keys: Vec<_> = bench.entry(0).entities.iter().map(|write| &*write.key).collect();
    assert_eq!(keys, ["fine", "well"], "all three are one batch");
}

#[test]
fn after_the_suspects_batches_are_whole_again() {
    let long = format!("a {}", "x".repeat(40_000));
    let mut bench = Bench::with(Limits { record_bytes: 90_000, gather: 1, ..Limits::default() });
    let together = [&*long, &*long];
    assert!(bench.receive_all(&together)[0].contains("longer than a journal takes"), "too long together");
    bench.claim_again(0);
    assert_eq!(bench.receive_all(&together), ["append", "append"], "each alone is not");
    assert_eq!(bench.receive_all(&["a +", "b +"]), ["append"]);
}

#[test]
fn damaged_offsets_become_a_dead_letter_and_are_passed_durably() {
    let mut bench = Bench::owner();
    let mut last = bench.message_on("in", "");
    last.offset = 6;
    last.value = None;
    let damage = Damage { first: 0, last: 6, problem: "bad compression".to_owned() };
    assert_eq!(bench.input(Input::Damaged(last, damage)), ["append"]);
    assert_eq!(bench.entry(0).outbox[0].topic, "in.dlq");
    assert_eq!(bench.entry(0).positions, Positions::from([("in".to_owned(), 7)]));
    bench.next.insert("in", 5);
    assert_eq!(bench.receive("a +"), [""; 0], "offset 5 is passed");
    bench.next.insert("in", 7);
    let reason = bench.land_set_aside();
    assert_eq!(reason.as_deref(), Some("in/6: offsets 0 to 6 can't be read: bad compression"), "once it is durable");
    assert_eq!(bench.receive("a +"), ["append"]);
    assert_eq!(bench.entry(0).entities[0].key, "a");
}

#[test]
fn damaged_offsets_without_a_dead_letter_are_reported_with_the_next_entry() {
    let mut bench = Bench::owner();
    let message = bench.message_on("shared", "");
    let damage = Damage { first: 0, last: 0, problem: "bad compression".to_owned() };
    assert_eq!(bench.input(Input::Damaged(message, damage)), [""; 0]);
    assert_eq!(bench.input(Input::Idle), ["append"]);
    let reason = bench.land_set_aside();
    assert_eq!(reason.as_deref(), Some("shared/0: offset 0 can't be read: bad compression"));
}
