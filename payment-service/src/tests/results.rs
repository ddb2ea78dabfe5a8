//! `payment-results`: typed by operators, early, twice, late, contradicting, misplaced, unreadable.

use common::journal::{Entity as _, Trigger};
use common::messages::header;
use common::topics;
use serde_json::json;

use super::fixture::*;
use crate::entity::key;
use crate::provider::call::ProviderCall;

#[test]
fn an_operator_types_the_result_without_key_and_headers() {
    for (typed, status) in [
        (r#"{"orderId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","status":"approved"}"#, "approved"),
        (r#"{"orderId":"3852CB18-9C19-4326-AC77-A1A0264BD98C","status":" Approved\n","by":"me"}"#, "approved"),
        (r#"{"orderId":"3852cb18-9c19-4326-ac77-a1a0264bd98c","status":"DECLINED","reason":"no funds"}"#, "declined"),
    ] {
        let mut fixture = Fixture::pending();
        assert_eq!(fixture.raw_result(typed), []);
        assert_eq!((fixture.status(), fixture.intent_id()), (status, None));
        assert!(!fixture.payment().is_open());
    }
}

#[test]
fn a_recorded_reason_is_bounded() {
    let mut fixture = Fixture::pending();
    fixture.raw_result(&json!({ "orderId": order(), "status": "declined", "reason": "ü".repeat(1000) }).to_string());
    let cut = format!("{}… (cut: 1000 characters)", "ü".repeat(176));
    assert_eq!(fixture.last_event(), format!("declined: {cut}"));
}

#[test]
fn a_result_without_effect_is_counted_in_one_entry_of_the_history() {
    let authorized = {
        let mut fixture = Fixture::pending();
        fixture.result("authorized");
        fixture
    };
    let declined = || {
        let mut fixture = Fixture::pending();
        fixture.result("declined");
        fixture
    };
    for (mut fixture, result) in [
        (authorized, "authorized"),
        (Fixture::approved(), "authorized"),
        (Fixture::approved(), "declined"),
        (declined(), "declined"),
    ] {
        let before = fixture.payment().history.0.len();
        for _ in 0..100 {
            assert_eq!(fixture.result(result), []);
        }
        let history = &fixture.payment().history.0;
        assert_eq!((history.len(), history[before].repeats), (before + 1, 99), "{result}: {history:?}");
        assert_eq!(history[before].what, format!("{result}, when it was {}: nothing changes", fixture.status()));
    }
}

#[test]
fn garbage_goes_to_the_dead_letters_unchanged() {
    let mut fixture = Fixture::pending();
    let before = fixture.payment().clone();
    let unknown = json!({ "orderId": order(), "status": "perhaps" }).to_string();
    for value in ["\u{1}\u{2}", "", "[]", r#"{"orderId":"me","status":"approved"}"#, &unknown] {
        let sent = fixture.raw_result(value);
        assert_eq!(sent[0].topic, "payment-results.dlq");
        assert_eq!(sent[0].value.bytes(), Some(value.as_bytes()));
    }
    assert_eq!(fixture.payment(), &before);
}

#[test]
fn a_result_before_the_provider_has_answered_counts_and_answers_the_request() {
    for status in ["approved", "declined"] {
        let mut fixture = Fixture::new();
        fixture.request(1);
        assert_eq!(reply(&fixture.result(status)), accepted());
        assert_eq!((fixture.status(), fixture.intent_id()), (status, None));
        assert_eq!(fixture.provider_answered("request", 1, "accepted"), []);
        assert_eq!(fixture.status(), status);
    }
}

#[test]
fn a_result_of_a_request_that_seemed_to_fail_counts() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    fixture.provider_answered("request", 1, "failed");
    assert_eq!(fixture.result("approved"), []);
    assert_eq!(reply(&fixture.request(2)), accepted());
    assert_eq!(fixture.status(), "approved");
}

#[test]
fn an_early_result_is_kept_and_a_request_then_calls_no_provider() {
    for status in ["approved", "declined"] {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.result(status), []);
        assert_eq!(fixture.status(), "unrequested");
        assert_eq!(reply(&fixture.request(1)), accepted());
        assert_eq!((fixture.status(), fixture.intent_id()), (status, None));
    }
}

#[test]
fn an_early_result_is_removed_after_seven_days() {
    let mut fixture = Fixture::new();
    fixture.result("approved");
    let until = fixture.payment().wake_at().unwrap();
    assert_eq!(until.since(fixture.now).as_secs(), 7 * 24 * 60 * 60);
    assert!(fixture.payment().is_open());
    fixture.decide(Trigger::Timer(&key(order())));
    assert_eq!(fixture.status(), "unrequested");
    fixture.now = until;
    fixture.decide(Trigger::Timer(&key(order())));
    assert_eq!(fixture.status(), "none");
}

#[test]
fn an_early_approval_is_refunded_if_the_refund_comes_before_the_request() {
    let mut fixture = Fixture::new();
    fixture.result("approved");
    assert_eq!(fixture.refund(1), []);
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!(refused(&reply(&fixture.request(1))), "payment_cancelled");
}

#[test]
fn the_same_result_again_changes_nothing_but_is_recorded() {
    for status in ["approved", "declined"] {
        for mut fixture in [Fixture::pending(), Fixture::new()] {
            fixture.result(status);
            let before = fixture.payment().clone();
            assert_eq!(fixture.result(status), []);
            assert_eq!(fixture.payment().status, before.status);
            assert_eq!(fixture.payment().history.iter().count(), before.history.iter().count() + 1);
        }
    }
}

#[test]
fn a_decline_of_a_paid_or_closed_payment_changes_nothing_but_is_recorded() {
    let mut cancelled = Fixture::pending();
    cancelled.refund(1);
    let mut refunding = Fixture::approved();
    refunding.refund(1);
    for mut fixture in [Fixture::approved(), cancelled, refunding] {
        let status = fixture.status();
        assert_eq!(fixture.result("declined"), []);
        assert_eq!(fixture.status(), status);
        assert_eq!(fixture.last_event(), format!("declined, when it was {status}: nothing changes"));
    }
}

#[test]
fn an_approval_of_a_closed_payment_is_refunded() {
    let mut cancelled = Fixture::pending();
    cancelled.refund(1);
    let mut declined = Fixture::pending();
    declined.result("declined");
    let mut unknown = Fixture::new();
    unknown.refund(1);
    for mut fixture in [cancelled, declined, unknown] {
        assert_eq!(fixture.result_of("p1", "approved"), []);
        assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("refunding", Some("refund/1")));
        assert_eq!(fixture.provider_answered("refund", 1, "refunded"), []);
        assert_eq!(fixture.status(), "refunded");
    }
}

#[test]
fn an_approval_is_not_refunded_twice_but_another_one_is() {
    let mut fixture = Fixture::approved();
    fixture.refund(1);
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!(fixture.result_of("p1", "approved"), []);
    assert_eq!(fixture.status(), "refunded");
    assert_eq!(fixture.last_event(), "approved again: nothing changes");

    fixture.result_of("p2", "approved");
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!((refund.payment_id.as_str(), refund.call), ("p2", 2));
}

#[test]
fn two_late_approvals_are_refunded_one_after_the_other() {
    let mut fixture = Fixture::pending();
    fixture.refund(1);
    fixture.result_of("p1", "approved");
    fixture.result_of("p2", "approved");
    fixture.result_of("p2", "approved");
    assert_eq!(fixture.refund(2), []);
    assert_eq!(fixture.provider_answered("refund", 1, "refunded"), []);
    assert_eq!(fixture.intent_id().as_deref(), Some("refund/2"));
    assert_eq!(reply(&fixture.provider_answered("refund", 2, "refunded")), done("refunded"));
    assert_eq!(fixture.status(), "refunded");
}

#[test]
fn a_misplaced_result_is_put_back_on_the_partition_of_its_order() {
    let mut fixture = Fixture { partition: (home() + 1) % PARTITIONS, ..Fixture::new() };
    let typed = r#"{ "status":"approved", "orderId":"3852CB18-9C19-4326-AC77-A1A0264BD98C" }"#;
    let sent = fixture.raw_result(typed);
    assert_eq!(fixture.status(), "none");
    assert_eq!((&*sent[0].topic, sent[0].partition), (topics::PAYMENT_RESULTS, Some(home())));
    assert_eq!(sent[0].key.as_ref().unwrap().text(), Some(order().to_string().as_str()));
    assert_eq!(sent[0].value.bytes(), Some(typed.as_bytes()));
    let lay = format!("{}/{}/1", topics::PAYMENT_RESULTS, fixture.partition);
    assert_eq!(sent[0].headers.get("put_back_from"), Some(lay.as_str()));
    assert!(sent[0].headers.get(header::ID).is_some_and(|id| id.len() == 36));

    let result = json!({ "orderId": order(), "status": "declined" }).to_string();
    let message = fixture.message(topics::PAYMENT_RESULTS, &[(header::ID, "its-own")], &result);
    assert_eq!(fixture.decide(Trigger::Message(&message))[0].headers.get(header::ID), Some("its-own"));
}

#[test]
fn a_flood_of_results_leaves_a_bounded_history() {
    let mut fixture = Fixture::approved();
    let decided = fixture.payment().history.clone();
    (0..500).for_each(|_| _ = fixture.result("approved"));
    assert_eq!(fixture.payment().history.iter().count(), decided.iter().count() + 1);
    let counted = fixture.payment().history.iter().last().unwrap();
    assert_eq!((counted.repeats, counted.last), (499, Some(fixture.now)));
}

#[test]
fn results_that_change_nothing_push_no_decision_out_of_the_history() {
    let mut fixture = Fixture::approved();
    let decided = fixture.payment().history.clone();
    for n in 0..100 {
        let declined = json!({ "orderId": order(), "status": "declined", "reason": format!("reason {n}") });
        assert_eq!(fixture.raw_result(&declined.to_string()), []);
    }
    assert!(fixture.payment().history.iter().count() <= 40);
    assert!(decided.iter().all(|event| fixture.payment().history.iter().any(|kept| kept == event)));
    fixture.refund(1);
    assert!(fixture.payment().history.iter().any(|event| event.what == "to be refunded"));
    let mut history = fixture.payment().history.clone();
    (0..100).for_each(|_| history.note(fixture.now, "a decision"));
    assert_eq!(history.iter().count(), 40);
    assert_eq!(history.iter().next(), decided.iter().next(), "the first event stays");
}
