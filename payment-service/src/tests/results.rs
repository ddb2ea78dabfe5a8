//! `payment-results`: typed by people, early, twice, late, contradicting, misplaced, unreadable.

use super::*;

#[test]
fn a_person_types_the_result_without_key_and_headers() {
    for (typed, status) in [
        (r#"{"orderId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","status":"approved"}"#, "approved"),
        (r#"{"orderId":"3852CB18-9C19-4326-AC77-A1A0264BD98C","status":" Approved\n","by":"me"}"#, "approved"),
        (r#"{"orderId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","status":"DECLINED","reason":"no funds"}"#, "declined"),
    ] {
        let mut desk = Desk::pending();
        assert_eq!(desk.typed(typed), []);
        assert_eq!((desk.status(), desk.wants()), (status, None));
        assert!(!desk.payment().is_open());
    }
}

#[test]
fn a_reason_is_recorded_but_not_more_of_it_than_a_person_reads() {
    let mut desk = Desk::pending();
    desk.typed(&json!({ "orderId": order(), "status": "declined", "reason": "ü".repeat(1000) }).to_string());
    assert_eq!(desk.last_event(), format!("declined: {}", "ü".repeat(200)));
}

#[test]
fn garbage_goes_to_the_dead_letters_as_it_came() {
    let mut desk = Desk::pending();
    let before = desk.payment().clone();
    let unknown = json!({ "orderId": order(), "status": "perhaps" }).to_string();
    for value in ["\u{1}\u{2}", "", "[]", r#"{"orderId":"me","status":"approved"}"#, &unknown] {
        let sent = desk.typed(value);
        assert_eq!(sent[0].topic, "payment-results.dlq");
        assert_eq!(sent[0].value.bytes(), Some(value.as_bytes()));
    }
    assert_eq!(desk.payment(), &before);
}

#[test]
fn a_result_that_comes_before_the_provider_has_answered_counts_and_answers_the_request() {
    for status in ["approved", "declined"] {
        let mut desk = Desk::new();
        desk.request(1);
        assert_eq!(reply(&desk.says(status)), taken());
        assert_eq!((desk.status(), desk.wants()), (status, None));
        assert_eq!(desk.provider("request", 1, "accepted"), []);
        assert_eq!(desk.status(), status);
    }
}

#[test]
fn a_result_of_a_request_that_seemed_to_fail_counts() {
    let mut desk = Desk::new();
    desk.request(1);
    desk.provider("request", 1, "failed");
    assert_eq!(desk.says("approved"), []);
    assert_eq!(reply(&desk.request(2)), taken());
    assert_eq!(desk.status(), "approved");
}

#[test]
fn an_early_result_is_kept_and_a_request_then_calls_no_provider() {
    for status in ["approved", "declined"] {
        let mut desk = Desk::new();
        assert_eq!(desk.says(status), []);
        assert_eq!(desk.status(), "unrequested");
        assert_eq!(reply(&desk.request(1)), taken());
        assert_eq!((desk.status(), desk.wants()), (status, None));
    }
}

#[test]
fn an_early_result_is_forgotten_after_seven_days() {
    let mut desk = Desk::new();
    desk.says("approved");
    let until = desk.payment().wake_at().unwrap();
    assert_eq!(until.since(desk.now).as_secs(), 7 * 24 * 60 * 60);
    assert!(desk.payment().is_open());
    desk.decide(Trigger::Timer(&key(order())));
    assert_eq!(desk.status(), "unrequested");
    desk.now = until;
    desk.decide(Trigger::Timer(&key(order())));
    assert_eq!(desk.status(), "none");
}

#[test]
fn an_early_approval_is_given_back_when_the_refund_comes_first() {
    let mut desk = Desk::new();
    desk.says("approved");
    assert_eq!(desk.refund(1), []);
    assert_eq!(reply(&desk.provider("refund", 1, "refunded")), done("refunded"));
    assert_eq!(refused(&reply(&desk.request(1))), "payment_cancelled");
}

#[test]
fn the_same_result_again_changes_nothing_but_is_recorded() {
    for status in ["approved", "declined"] {
        for mut desk in [Desk::pending(), Desk::new()] {
            desk.says(status);
            let before = desk.payment().clone();
            assert_eq!(desk.says(status), []);
            assert_eq!(desk.payment().status, before.status);
            assert_eq!(desk.payment().history.len(), before.history.len() + 1);
        }
    }
}

#[test]
fn a_decline_of_what_is_paid_or_closed_changes_nothing_but_is_recorded() {
    let mut cancelled = Desk::pending();
    cancelled.refund(1);
    let mut refunding = Desk::approved();
    refunding.refund(1);
    for mut desk in [Desk::approved(), cancelled, refunding] {
        let status = desk.status();
        assert_eq!(desk.says("declined"), []);
        assert_eq!(desk.status(), status);
        assert_eq!(desk.last_event(), format!("declined, when it was {status}: nothing changes"));
    }
}

#[test]
fn an_approval_of_a_closed_payment_is_given_back() {
    let mut cancelled = Desk::pending();
    cancelled.refund(1);
    let mut declined = Desk::pending();
    declined.says("declined");
    let mut unknown = Desk::new();
    unknown.refund(1);
    for mut desk in [cancelled, declined, unknown] {
        assert_eq!(desk.says_of("p1", "approved"), []);
        assert_eq!((desk.status(), desk.wants().as_deref()), ("refunding", Some("refund/1")));
        assert_eq!(desk.provider("refund", 1, "refunded"), []);
        assert_eq!(desk.status(), "refunded");
    }
}

#[test]
fn an_approval_already_given_back_is_not_given_back_twice_but_another_one_is() {
    let mut desk = Desk::approved();
    desk.refund(1);
    desk.provider("refund", 1, "refunded");
    assert_eq!(desk.says_of("p1", "approved"), []);
    assert_eq!(desk.status(), "refunded");
    assert_eq!(desk.last_event(), "approved, said again: nothing changes");

    desk.says_of("p2", "approved");
    let Some(ProviderCall::Refund(refund)) = desk.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!((refund.payment_id.as_str(), refund.call), ("p2", 2));
}

#[test]
fn two_late_approvals_are_given_back_one_after_the_other() {
    let mut desk = Desk::pending();
    desk.refund(1);
    desk.says_of("p1", "approved");
    desk.says_of("p2", "approved");
    desk.says_of("p2", "approved");
    assert_eq!(desk.refund(2), []);
    assert_eq!(desk.provider("refund", 1, "refunded"), []);
    assert_eq!(desk.wants().as_deref(), Some("refund/2"));
    assert_eq!(reply(&desk.provider("refund", 2, "refunded")), done("refunded"));
    assert_eq!(desk.status(), "refunded");
}

#[test]
fn a_misplaced_result_is_put_back_where_its_order_lies() {
    let mut desk = Desk { partition: (home() + 1) % PARTITIONS, ..Desk::new() };
    let typed = r#"{ "status":"approved", "orderId":"3852CB18-9C19-4326-AC77-A1A0264BD98C" }"#;
    let sent = desk.typed(typed);
    assert_eq!(desk.status(), "none");
    assert_eq!((&*sent[0].topic, sent[0].partition), (topics::PAYMENT_RESULTS, Some(home())));
    assert_eq!(sent[0].key.as_ref().unwrap().text(), Some(order().to_string().as_str()));
    assert_eq!(sent[0].value.bytes(), Some(typed.as_bytes()));
    let lay = format!("{}/{}/1", topics::PAYMENT_RESULTS, desk.partition);
    assert_eq!(sent[0].headers.get("put_back_from"), Some(lay.as_str()));
    assert!(sent[0].headers.get(header::ID).is_some_and(|id| id.len() == 36));

    let result = json!({ "orderId": order(), "status": "declined" }).to_string();
    let message = desk.message(topics::PAYMENT_RESULTS, &[(header::ID, "its-own")], &result);
    assert_eq!(desk.decide(Trigger::Message(&message))[0].headers.get(header::ID), Some("its-own"));
}

#[test]
fn a_flood_of_results_leaves_a_history_that_is_bounded() {
    let mut desk = Desk::approved();
    (0..500).for_each(|_| _ = desk.says("approved"));
    assert_eq!(desk.payment().history.len(), 40);
}
