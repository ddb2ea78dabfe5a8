//! `payment.refund`, the compensation of a request: before it, during it, after it, twice.

use common::journal::{Entity as _, Trigger};
use common::messages::{Reply, header};

use super::fixture::*;
use crate::entity::key;
use crate::provider::call::ProviderCall;

#[test]
fn a_payment_that_is_not_paid_yet_is_cancelled() {
    let mut requested = Fixture::new();
    requested.request(1);
    let mut failed = Fixture::new();
    failed.request(1);
    failed.provider_answered("request", 1, "failed");
    for mut fixture in [requested, failed, Fixture::pending()] {
        for attempt in 1..=2 {
            assert_eq!(reply(&fixture.refund(attempt)), done("cancelled"));
            assert_eq!(fixture.status(), "cancelled");
        }
    }
}

#[test]
fn a_provider_that_accepted_a_cancelled_payment_is_asked_to_cancel_it() {
    let mut late = Fixture::new();
    late.request(1);
    late.refund(1);
    assert_eq!(late.intent_id(), None);
    late.provider_answered("request", 1, "accepted");
    let mut pending = Fixture::pending();
    pending.refund(1);
    for fixture in [&mut late, &mut pending] {
        assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("cancelled", Some("cancel/1")));
    }
    late.result("declined");
    assert_eq!((late.status(), late.intent_id()), ("cancelled", None));
    pending.result("approved");
    assert_eq!((pending.status(), pending.intent_id().as_deref()), ("refunding", Some("refund/1")));
}

#[test]
fn a_cancelled_payment_does_not_wait_for_its_result_for_ever() {
    let mut fixture = Fixture::pending();
    fixture.refund(1);
    let until = fixture.payment().wake_at().unwrap();
    assert_eq!(until.since(fixture.now).as_secs(), 7 * 24 * 60 * 60);
    fixture.now = until;
    fixture.decide(Trigger::Timer(&key(order())));
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), ("cancelled", None, false));
    fixture.result("approved");
    assert_eq!(fixture.status(), "refunding");
}

#[test]
fn a_refund_before_its_request_is_recorded_and_the_request_refused() {
    let mut fixture = Fixture::new();
    assert_eq!(reply(&fixture.refund(1)), done("cancelled"));
    assert_eq!(refused(&reply(&fixture.request(1))), "payment_cancelled");
    assert_eq!((fixture.status(), fixture.intent_id()), ("cancelled", None));
}

#[test]
fn a_late_acceptance_does_not_reopen_a_cancelled_payment() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    fixture.refund(1);
    assert_eq!(fixture.provider_answered("request", 1, "accepted"), []);
    assert_eq!(fixture.status(), "cancelled");
}

#[test]
fn a_paid_payment_is_refunded_and_the_command_answered_only_then() {
    let mut fixture = Fixture::approved();
    assert_eq!(fixture.refund(1), []);
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("refunding", Some("refund/1")));
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!(refund.payment_id, "p1");

    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!((fixture.status(), fixture.intent_id()), ("refunded", None));
    assert_eq!(reply(&fixture.refund(2)), done("refunded"));
    assert_eq!(refused(&reply(&fixture.request(2))), "payment_cancelled");
}

#[test]
fn a_refund_repeated_meanwhile_makes_no_second_call_and_is_the_one_answered() {
    let mut fixture = Fixture::approved();
    fixture.refund(1);
    assert_eq!(fixture.refund(2), []);
    assert_eq!(fixture.intent_id().as_deref(), Some("refund/1"));
    let sent = fixture.provider_answered("refund", 1, "refunded");
    assert_eq!(sent[0].headers.get(header::ATTEMPT), Some("2"));
    assert_eq!(fixture.provider_answered("refund", 1, "refunded"), []);
    assert_eq!(fixture.status(), "refunded");
}

#[test]
fn a_failed_refund_is_reported_and_made_again_by_the_next_command() {
    let mut fixture = Fixture::approved();
    fixture.refund(1);
    let sent = fixture.provider_answered("refund", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: None });

    assert_eq!(fixture.refund(2), []);
    let again = fixture.intent().unwrap();
    assert_eq!((again.id, again.due), (format!("{}/refund/3", order()), fixture.now));
    assert_eq!(fixture.provider_answered("refund", 2, "refunded"), []);
    assert_eq!(reply(&fixture.provider_answered("refund", 3, "refunded")), done("refunded"));
}

#[test]
fn a_failed_refund_without_a_waiting_command_is_made_again_after_a_growing_pause() {
    let mut fixture = Fixture::pending();
    fixture.refund(1);
    fixture.result("approved");
    for (call, pause) in [(1, 2), (2, 4), (3, 8)] {
        assert_eq!(fixture.provider_answered("refund", call, "failed"), []);
        let again = fixture.intent().unwrap();
        assert_eq!(
            (again.id, again.due.since(fixture.now).as_secs()),
            (format!("{}/refund/{}", order(), call + 1), pause)
        );
    }
}

#[test]
fn a_declined_payment_needs_no_refund() {
    let mut fixture = Fixture::pending();
    fixture.result("declined");
    for attempt in 1..=2 {
        assert_eq!(reply(&fixture.refund(attempt)), done("nothing_to_do"));
        assert_eq!(fixture.status(), "declined");
    }
}

#[test]
fn an_answer_to_a_refund_that_is_not_awaited_is_recorded() {
    let mut fixture = Fixture::pending();
    for outcome in ["refunded", "failed"] {
        assert_eq!(fixture.provider_answered("refund", 1, outcome), []);
        assert!(fixture.last_event().contains("is not awaited"));
    }
    assert_eq!(fixture.status(), "pending");
}

#[test]
fn a_refund_that_the_provider_refuses_is_reported_as_refused_and_still_made_again() {
    let mut fixture = Fixture::approved();
    fixture.refund(1);
    assert_eq!(refused(&reply(&fixture.provider_answered("refund", 1, "refused"))), "refund_refused");
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("refunding", Some("refund/2")));
}

#[test]
fn every_call_for_the_same_refund_has_the_same_id_and_another_approval_another_one() {
    let mut fixture = Fixture::approved();
    fixture.refund(1);
    let refund_id = |fixture: &Fixture| match fixture.intent().map(|intent| intent.what) {
        Some(ProviderCall::Refund(refund)) => refund.refund_id,
        other => panic!("no refund: {other:?}"),
    };
    let first = refund_id(&fixture);
    fixture.provider_answered("refund", 1, "failed");
    assert_eq!(refund_id(&fixture), first);
    fixture.provider_answered("refund", 2, "refunded");
    fixture.result_of("p2", "approved");
    assert_ne!(refund_id(&fixture), first);
}

#[test]
fn an_open_payment_is_queried_again_with_growing_pauses() {
    let mut fixture = Fixture::pending();
    for (ask, pause) in [(0, 2), (1, 4), (2, 8)] {
        let command = fixture.intent().unwrap();
        assert_eq!(fixture.provider_answered("result", ask, "open"), []);
        let again = fixture.intent().unwrap();
        assert_eq!(again.due.since(fixture.now).as_secs(), pause);
        assert_ne!(again.id, command.id, "it is another query");
        fixture.now = again.due;
    }
    fixture.provider_answered("result", 1, "open");
    assert_eq!(fixture.intent_id().as_deref(), Some("result/1.3"), "a repeated answer changes nothing");
    fixture.provider_answered("result", 3, "silent");
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), ("pending", None, false));
}

#[test]
fn a_provider_is_asked_to_cancel_for_seven_days_however_often_it_fails() {
    let mut fixture = Fixture::pending();
    fixture.refund(1);
    let until = fixture.payment().wake_at();
    fixture.now = fixture.now.plus(std::time::Duration::from_secs(60));
    fixture.provider_answered("cancel", 0, "failed");
    assert_eq!((fixture.payment().wake_at(), fixture.intent_id().as_deref()), (until, Some("cancel/1.1")));
}

/// An outage of the provider, and a caller who asks for too much again and again.
#[test]
fn repeated_failures_and_refusals_push_no_change_out_of_the_history() {
    let mut fixture = Fixture::approved();
    let before = fixture.payment().history.0.clone();
    for number in 0..80 {
        fixture.refund_part(&format!("r{number}"), Some(9999));
    }
    fixture.refund(1);
    for call in 1..=80 {
        fixture.provider_answered("refund", call, "failed");
    }
    let history = &fixture.payment().history.0;
    assert!(before.iter().all(|event| history.contains(event)), "{history:#?}");
    let counted = |what: &str| history.iter().find(|event| event.what.starts_with(what)).map(|event| event.repeats);
    assert_eq!(counted("a refund is refused: refund_too_large"), Some(79), "{history:#?}");
    assert_eq!(counted("the refund failed: "), Some(79), "{history:#?}");
    assert_eq!(history.len(), before.len() + 3, "with the beginning of the refund: {history:#?}");
}
