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
fn a_provider_that_took_a_cancelled_payment_is_still_asked_how_it_ended() {
    let mut late = Desk::new();
    late.request(1);
    late.refund(1);
    assert_eq!(late.wants(), None);
    late.provider("request", 1, "accepted");
    let mut pending = Desk::pending();
    pending.refund(1);
    for desk in [&mut late, &mut pending] {
        assert_eq!((desk.status(), desk.wants().as_deref()), ("cancelled", Some("result/1")));
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
    let Some(Act::Refund(refund)) = desk.intent().map(|intent| intent.what) else { panic!("no refund is wanted") };
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
