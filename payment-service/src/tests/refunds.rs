//! `payment.refund`, the compensation of a request: before it, during it, after it, twice.

use super::*;

#[test]
fn a_payment_that_is_not_paid_yet_is_cancelled() {
    let mut requested = Desk::new();
    requested.request(1);
    let mut failed = Desk::new();
    failed.request(1);
    failed.provider("request", 1, "failed");
    for mut desk in [requested, failed, Desk::pending()] {
        for attempt in 1..=2 {
            assert_eq!(reply(&desk.refund(attempt)), done("cancelled"));
            assert_eq!(desk.status(), "cancelled");
        }
    }
}

#[test]
fn a_provider_that_took_a_cancelled_payment_is_asked_to_call_it_off_and_how_it_ended() {
    let mut late = Desk::new();
    late.request(1);
    late.refund(1);
    assert_eq!(late.wants(), None);
    late.provider("request", 1, "accepted");
    let mut pending = Desk::pending();
    pending.refund(1);
    for desk in [&mut late, &mut pending] {
        assert_eq!((desk.status(), desk.wants().as_deref()), ("cancelled", Some("cancel/1")));
    }
    late.says("declined");
    assert_eq!((late.status(), late.wants()), ("cancelled", None));
    pending.says("approved");
    assert_eq!((pending.status(), pending.wants().as_deref()), ("refunding", Some("refund/1")));
}

#[test]
fn a_cancelled_payment_does_not_wait_for_its_result_for_ever() {
    let mut desk = Desk::pending();
    desk.refund(1);
    let until = desk.payment().wake_at().unwrap();
    assert_eq!(until.since(desk.now).as_secs(), 7 * 24 * 60 * 60);
    desk.now = until;
    desk.decide(Trigger::Timer(&key(order())));
    assert_eq!((desk.status(), desk.wants(), desk.payment().is_open()), ("cancelled", None, false));
    desk.says("approved");
    assert_eq!(desk.status(), "refunding");
}

#[test]
fn a_refund_that_comes_before_its_request_is_recorded_and_the_request_refused() {
    let mut desk = Desk::new();
    assert_eq!(reply(&desk.refund(1)), done("cancelled"));
    assert_eq!(refused(&reply(&desk.request(1))), "payment_cancelled");
    assert_eq!((desk.status(), desk.wants()), ("cancelled", None));
}

#[test]
fn a_provider_that_takes_a_cancelled_payment_does_not_bring_it_back() {
    let mut desk = Desk::new();
    desk.request(1);
    desk.refund(1);
    assert_eq!(desk.provider("request", 1, "accepted"), []);
    assert_eq!(desk.status(), "cancelled");
}

#[test]
fn a_paid_one_is_given_back_and_the_refund_answered_only_then() {
    let mut desk = Desk::approved();
    assert_eq!(desk.refund(1), []);
    assert_eq!((desk.status(), desk.wants().as_deref()), ("refunding", Some("refund/1")));
    let Some(ProviderCall::Refund(refund)) = desk.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!(refund.payment_id, "p1");

    assert_eq!(reply(&desk.provider("refund", 1, "refunded")), done("refunded"));
    assert_eq!((desk.status(), desk.wants()), ("refunded", None));
    assert_eq!(reply(&desk.refund(2)), done("refunded"));
    assert_eq!(refused(&reply(&desk.request(2))), "payment_cancelled");
}

#[test]
fn a_refund_repeated_meanwhile_makes_no_second_call_and_is_the_one_that_is_answered() {
    let mut desk = Desk::approved();
    desk.refund(1);
    assert_eq!(desk.refund(2), []);
    assert_eq!(desk.wants().as_deref(), Some("refund/1"));
    let sent = desk.provider("refund", 1, "refunded");
    assert_eq!(sent[0].headers.get(header::ATTEMPT), Some("2"));
    assert_eq!(desk.provider("refund", 1, "refunded"), []);
    assert_eq!(desk.status(), "refunded");
}

#[test]
fn a_refund_that_fails_is_told_and_made_again_by_the_next_command() {
    let mut desk = Desk::approved();
    desk.refund(1);
    let sent = desk.provider("refund", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no line".to_owned(), retry_after_ms: None });

    assert_eq!(desk.refund(2), []);
    let again = desk.intent().unwrap();
    assert_eq!((again.id, again.due), (format!("{}/refund/3", order()), desk.now));
    assert_eq!(desk.provider("refund", 2, "refunded"), []);
    assert_eq!(reply(&desk.provider("refund", 3, "refunded")), done("refunded"));
}

#[test]
fn a_refund_that_fails_and_that_no_command_waits_for_is_made_again_after_a_growing_pause() {
    let mut desk = Desk::pending();
    desk.refund(1);
    desk.says("approved");
    for (call, pause) in [(1, 2), (2, 4), (3, 8)] {
        assert_eq!(desk.provider("refund", call, "failed"), []);
        let again = desk.intent().unwrap();
        assert_eq!(
            (again.id, again.due.since(desk.now).as_secs()),
            (format!("{}/refund/{}", order(), call + 1), pause)
        );
    }
}

#[test]
fn of_a_declined_one_nothing_is_to_be_given_back() {
    let mut desk = Desk::pending();
    desk.says("declined");
    for attempt in 1..=2 {
        assert_eq!(reply(&desk.refund(attempt)), done("nothing_to_do"));
        assert_eq!(desk.status(), "declined");
    }
}

#[test]
fn an_answer_to_a_refund_that_nobody_waits_for_is_recorded() {
    let mut desk = Desk::pending();
    for outcome in ["refunded", "failed"] {
        assert_eq!(desk.provider("refund", 1, outcome), []);
        assert!(desk.last_event().contains("nobody waits for it"));
    }
    assert_eq!(desk.status(), "pending");
}

#[test]
fn a_refund_that_the_provider_refuses_is_told_as_refused_and_yet_not_forgotten() {
    let mut desk = Desk::approved();
    desk.refund(1);
    assert_eq!(refused(&reply(&desk.provider("refund", 1, "refused"))), "refund_refused");
    assert_eq!((desk.status(), desk.wants().as_deref()), ("refunding", Some("refund/2")));
}

#[test]
fn every_call_for_the_same_refund_has_the_same_id_and_another_approval_another_one() {
    let mut desk = Desk::approved();
    desk.refund(1);
    let refund_id = |desk: &Desk| match desk.intent().map(|intent| intent.what) {
        Some(ProviderCall::Refund(refund)) => refund.refund_id,
        other => panic!("no refund: {other:?}"),
    };
    let first = refund_id(&desk);
    desk.provider("refund", 1, "failed");
    assert_eq!(refund_id(&desk), first);
    desk.provider("refund", 2, "refunded");
    desk.says_of("p2", "approved");
    assert_ne!(refund_id(&desk), first);
}

#[test]
fn one_that_is_not_known_yet_is_asked_about_again_with_growing_pauses() {
    let mut desk = Desk::pending();
    for (ask, pause) in [(0, 2), (1, 4), (2, 8)] {
        let asked = desk.intent().unwrap();
        assert_eq!(desk.provider("result", ask, "open"), []);
        let again = desk.intent().unwrap();
        assert_eq!(again.due.since(desk.now).as_secs(), pause);
        assert_ne!(again.id, asked.id, "it is another question");
        desk.now = again.due;
    }
    desk.provider("result", 1, "open");
    assert_eq!(desk.wants().as_deref(), Some("result/1.3"), "an answer that comes again changes nothing");
    desk.provider("result", 3, "silent");
    assert_eq!((desk.status(), desk.wants(), desk.payment().is_open()), ("pending", None, false));
}

#[test]
fn a_cancelled_one_is_called_off_for_seven_days_however_often_the_provider_fails() {
    let mut desk = Desk::pending();
    desk.refund(1);
    let until = desk.payment().wake_at();
    desk.now = desk.now.plus(std::time::Duration::from_secs(60));
    desk.provider("cancel", 0, "failed");
    assert_eq!((desk.payment().wake_at(), desk.wants().as_deref()), (until, Some("cancel/1.1")));
}
