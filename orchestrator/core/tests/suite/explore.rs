//! Explores the order saga with its participants: the real engine and definition, small models of inventory, payment
//! and order, and all interleavings of messages, timers, crashes, the provider, customers and operators. From every
//! reachable state the saga ends correctly once faults cease, and every state satisfies the invariants
//! (`explore/checks`). `EXPLORE=full` explores more, for some minutes; `-- --nocapture` prints the number of states.
//!
//! The states are finite by these bounds: two attempts for each step (a compensation keeps its hundred, the conclusion
//! has no limit), and a bounded number of timeouts while the reply is under way, of provider failures, payment results,
//! crashes and operations (`Bounds`). Time is not modelled: a timer is set or not. Repetition, delay and reordering of
//! messages are unbounded if messages travel `AtAnyTime` (`explore/post`).
//!
//! Requirements on the participants, besides those in the engine's documentation:
//! - The saga and the payment service read payment results in the same order, so these share one partition. Otherwise
//!   one of them may take an approval for the final result, and the other the refusal before it.
//! - A payment that is declined, cancelled or refunded refunds any later approval by itself: the saga has moved on. The
//!   payment service must learn of the approval: here results arrive by themselves or never; polling is not modelled.
//! - An approval for an order whose payment was never requested belongs to no payment: it is kept for a request, and
//!   dropped at last. An order rejected before its payment is requested sends no refund.

mod checks;
mod engine;
mod messages;
mod participants;
mod post;
mod world;

use self::checks::{AGAIN, CONSERVED, ENDS_WELL, Explored, Found, INCIDENT, NEVER_BOTH, UNDONE, UNPAID, explore};
use self::engine::Engine;
use self::participants::Forgets;
use self::world::{Bounds, ResultKind};
use crate::harness;

const USUAL: Bounds = Bounds {
    orders: 1,
    pieces: 1,
    early: 1,
    failures: 1,
    results: 1,
    kinds: &[ResultKind::Approved, ResultKind::Declined],
    crashes: None,
    operations: 0,
};

/// Replaces a text that the definition must contain.
fn with(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the definition has no {old:?}");
    text.replace(old, new)
}

/// The order saga with two attempts for each step.
fn two_attempts() -> String {
    with(&with(harness::ORDER, "attempts = 5,", "attempts = 2,"), "attempts = 10,", "attempts = 2,")
}

fn full() -> bool {
    std::env::var("EXPLORE").is_ok_and(|how| how == "full")
}

/// Explores without a violation, and visits at least this many states and these outcomes.
fn holds(name: &str, text: &str, bounds: Bounds, least: usize, to_see: &[&str]) {
    let Found { states, seen, broken } = explore(name, Explored::new(Engine::new(text), bounds), None);
    assert!(broken.is_empty(), "{name}: {broken:?}");
    assert!(states >= least, "{name}: only {states} states");
    for one in to_see {
        assert!(seen.contains(one), "{name}: never seen: {one}");
    }
}

/// The order saga with one attempt for each step, which reaches each outcome sooner.
fn one_attempt() -> String {
    with(&two_attempts(), "attempts = 2,", "attempts = 1,")
}

#[test]
fn messages_may_come_at_any_time_in_any_order_and_again() {
    let unpaid = "payment_not_completed";
    holds("at any time", &two_attempts(), USUAL, 100_000, &["confirmed", unpaid, AGAIN]);
    let contradicting = Bounds {
        results: 2,
        kinds: &[ResultKind::Approved, ResultKind::AlsoApproved, ResultKind::Declined],
        failures: 0,
        early: 0,
        ..USUAL
    };
    holds("results that contradict each other", &two_attempts(), contradicting, 5_000, &["confirmed", unpaid]);
    let silent = Bounds { results: 0, early: 2, ..USUAL };
    holds("a provider that is silent", &two_attempts(), silent, 10_000, &["cancelled", unpaid, AGAIN]);
    let once = Bounds { early: 2, failures: 0, ..USUAL };
    holds("one attempt", &one_attempt(), once, 10_000, &["confirmed", unpaid, "cancelled", AGAIN]);
    if full() {
        holds(
            "one attempt, and a failure",
            &one_attempt(),
            Bounds { early: 2, ..USUAL },
            1_000_000,
            &["confirmed", unpaid],
        );
        let more = Bounds { early: 2, ..USUAL };
        holds("at any time, two early timeouts", &two_attempts(), more, 1_000_000, &["confirmed", unpaid, AGAIN]);
        let more = Bounds { early: 1, ..contradicting };
        holds("results that contradict each other, and a early timeout", &two_attempts(), more, 100_000, &[]);
    }
}

#[test]
fn services_may_crash_before_sending_their_outbox_and_send_it_again() {
    let bounds = Bounds { crashes: Some(1), failures: 0, ..USUAL };
    holds("as Kafka carries them, one crash", &two_attempts(), bounds, 100_000, &["confirmed", AGAIN]);
    if full() {
        let more = Bounds { crashes: Some(2), failures: 0, ..USUAL };
        holds("as Kafka carries them, two crashes", &two_attempts(), more, 1_000_000, &["confirmed", AGAIN]);
        let more = Bounds { crashes: Some(1), ..USUAL };
        holds("as Kafka carries them, a crash and a failure", &two_attempts(), more, 500_000, &["confirmed", AGAIN]);
    }
}

#[test]
fn two_orders_compete_for_the_last_piece() {
    let bounds = Bounds { orders: 2, early: 0, failures: 0, ..USUAL };
    holds("two orders", &two_attempts(), bounds, 100_000, &["confirmed", "rejected", "payment_not_completed"]);
    if full() {
        let more = Bounds { results: 0, early: 1, ..bounds };
        holds("two orders, a early timeout", &two_attempts(), more, 10_000, &["rejected", AGAIN]);
    }
}

#[test]
fn operators_may_interfere_at_any_moment() {
    let bounds = Bounds { operations: 1, early: 0, ..USUAL };
    holds("an operator", &two_attempts(), bounds, 10_000, &["cancelled", "confirmed", AGAIN]);
    let bounds = Bounds { operations: 2, early: 0, failures: 0, ..USUAL };
    holds("two operations", &two_attempts(), bounds, 10_000, &["cancelled", "confirmed", AGAIN]);
    if full() {
        let more = Bounds { operations: 2, failures: 0, ..USUAL };
        holds("two operations, and an early timeout", &two_attempts(), more, 1_000_000, &["cancelled", AGAIN]);
    }
}

/// With one attempt for each compensation, one failure is an incident, which a late reply or an operator ends.
#[test]
fn an_incident_names_the_stuck_step_and_an_operator_ends_it() {
    let text = with(&two_attempts(), "attempts = 100,", "attempts = 1,");
    holds(
        "incidents",
        &text,
        Bounds { early: 1, operations: 1, failures: 0, ..USUAL },
        10_000,
        &[INCIDENT, "cancelled"],
    );
    holds("incidents, the refund failing", &text, Bounds { early: 0, failures: 2, ..USUAL }, 10_000, &[INCIDENT]);
}

/// The payment is the pivot, with a deadline before it. A stuck step after it is an incident.
#[test]
fn after_a_pivot_nothing_is_compensated_and_a_deadline_applies_only_before_it() {
    let text = with(&two_attempts(), "receive = {", "pivot = true\nreceive = {");
    let text = with(&text, "[start]", "deadline = \"1h\"\n[start]");
    let seen = ["confirmed", "cancelled", "payment_not_completed", INCIDENT, AGAIN];
    holds("a pivot and a deadline", &text, Bounds { failures: 0, ..USUAL }, 10_000, &seen);
    let bounds = Bounds { operations: 1, failures: 0, early: 0, ..USUAL };
    holds("a pivot, a deadline and an operator", &text, bounds, 10_000, &seen);
}

/// The inventory reserves after a release that arrived first. Once the saga knows, a reply to that release no longer
/// ends the compensation.
#[test]
fn a_late_success_is_undone_also_if_the_participant_forgets_the_compensation_before_it() {
    let bounds = Bounds { results: 0, early: 2, failures: 0, ..USUAL };
    let mut explored = Explored::new(Engine::new(&one_attempt()), bounds);
    explored.system.forgets = Forgets::Barred;
    let Found { states, seen, broken } = explore("a forgetful inventory", explored, Some(UNDONE));
    assert!(!broken.contains(&UNDONE), "{UNDONE}");
    assert!(states >= 1_000 && seen.contains(&AGAIN), "{states} states, {seen:?}");
}

fn is_caught(name: &str, property: &'static str, explored: Explored) {
    let found = explore(name, explored, Some(property));
    assert!(found.broken.contains(&property), "{name}: nothing is violated");
}

#[test]
fn confirming_before_it_is_paid_is_caught() {
    let text = with(&two_attempts(), "name = \"finalize\"", "name = \"finalize\"\nafter = [\"request-payment\"]");
    is_caught("planted: confirm before paid", UNPAID, Explored::new(Engine::new(&text), USUAL));
}

#[test]
fn skipping_compensations_of_unknown_outcomes_is_caught() {
    let engine = Engine::new(&one_attempt()).with_bug_that_skips_unknown_outcomes();
    is_caught("planted: an unknown outcome is not compensated", ENDS_WELL, Explored::new(engine, USUAL));
}

#[test]
fn executing_a_repeated_command_twice_is_caught() {
    for (forgets, name, property) in [
        (Forgets::Reserved, "planted: a repeated reserve reserves again", CONSERVED),
        (Forgets::Barred, "planted: a reserve after its release reserves", ENDS_WELL),
    ] {
        let mut explored = Explored::new(Engine::new(&one_attempt()), USUAL);
        explored.system.bounds.pieces = 2;
        explored.system.forgets = forgets;
        is_caught(name, property, explored);
    }
}

/// Why payment results must lie on one partition.
#[test]
fn reading_payment_results_in_another_order_than_the_saga_is_caught() {
    let mut explored = Explored::new(Engine::new(&one_attempt()), Bounds { results: 2, early: 0, ..USUAL });
    explored.system.backwards = true;
    is_caught("planted: payment results in another order", NEVER_BOTH, explored);
}
