//! Charges beyond the first: the payment stays paid, and each further charge is refunded once.

use common::journal::Entity as _;
use serde_json::json;

use super::fixture::*;
use crate::entity::Payment;
use crate::ledger::Posting;
use crate::provider::call::{ProviderCall, Refund};

fn refund(fixture: &Fixture) -> Refund {
    match fixture.intent().map(|intent| intent.what) {
        Some(ProviderCall::Refund(refund)) => refund,
        other => panic!("no refund: {other:?}"),
    }
}

fn answer(fixture: &mut Fixture, refund: &Refund, outcome: &str) {
    let answer =
        json!({ "operation": "refund", "call": refund.call, "outcome": outcome, "refundId": refund.refund_id });
    assert_eq!(fixture.answer(answer), []);
}

fn balanced(payment: &Payment) -> bool {
    let sum = |side: fn(&Posting) -> i64| payment.postings().iter().map(side).sum::<i64>();
    sum(|posting| posting.debit_minor) == sum(|posting| posting.credit_minor)
}

#[test]
fn a_second_charge_is_refunded_while_the_first_is_kept() {
    let mut fixture = Fixture::approved();
    fixture.result_of("p2", "approved");
    let second = refund(&fixture);
    assert_eq!((fixture.status(), second.payment_id.as_str()), ("approved", "p2"));
    assert_eq!(second.amount.map(|amount| amount.0), Some(1050));
    answer(&mut fixture, &second, "failed");
    let again = refund(&fixture);
    assert_eq!((again.refund_id == second.refund_id, again.call), (true, 2));
    assert!(fixture.intent().unwrap().due > fixture.now, "after a pause");
    answer(&mut fixture, &again, "refunded");
    answer(&mut fixture, &again, "refunded");
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), ("approved", None, false));
    assert_eq!((fixture.payment().captured_minor(), fixture.payment().refunded_minor()), (2100, 1050));
    assert!(balanced(fixture.payment()));
    for known in ["p1", "p2"] {
        fixture.result_of(known, "approved");
        assert_eq!((fixture.intent_id(), fixture.last_event()), (None, "approved again: nothing changes"));
    }
    // The first charge is still there.
    assert_eq!(fixture.refund(1), []);
    assert_eq!(refund(&fixture).payment_id, "p1");
    assert_eq!(reply(&fixture.provider_answered("refund", 1, "refunded")), done("refunded"));
    assert_eq!((fixture.payment().captured_minor(), fixture.payment().refunded_minor()), (2100, 2100));
}

#[test]
fn a_second_charge_goes_on_being_refunded_when_the_first_is_refunded_too() {
    let mut fixture = Fixture::approved();
    fixture.result_of("p2", "approved");
    let second = refund(&fixture);
    fixture.refund(1);
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!((fixture.status(), fixture.payment().is_open()), ("refunded", true));
    assert_eq!(refund(&fixture).refund_id, second.refund_id);
    answer(&mut fixture, &second, "refunded");
    assert!(!fixture.payment().is_open());
}

#[test]
fn a_second_charge_before_the_request_is_refunded() {
    let mut fixture = Fixture::new();
    fixture.result_of("p1", "approved");
    fixture.result_of("p2", "approved");
    let second = refund(&fixture);
    assert_eq!((fixture.status(), second.payment_id.as_str(), second.amount), ("unrequested", "p2", None));
    answer(&mut fixture, &second, "refunded");
    assert_eq!(reply(&fixture.request(1)), accepted());
    assert_eq!((fixture.status(), fixture.intent_id()), ("approved", None));
}

#[test]
fn the_same_approval_without_an_id_is_refunded_once() {
    let mut fixture = Fixture::pending();
    fixture.result("declined");
    for _ in 0..3 {
        fixture.result("approved");
    }
    fixture.provider_answered("refund", 1, "refunded");
    assert_eq!((fixture.status(), fixture.intent_id()), ("refunded", None));
    fixture.result("approved");
    let own = fixture.payment().id();
    fixture.result_of(&own, "approved");
    assert_eq!(
        (fixture.status(), fixture.intent_id()),
        ("refunded", None),
        "the provider's report of the same payment"
    );
    fixture.result_of("another", "approved");
    assert_eq!(fixture.status(), "refunding", "another payment");
}

#[test]
fn an_approval_without_an_id_repeats_any_other() {
    let mut fixture = Fixture::approved();
    fixture.result("approved");
    assert_eq!((fixture.status(), fixture.intent_id()), ("approved", None));
}

#[test]
fn the_number_of_charges_is_bounded() {
    let mut fixture = Fixture::approved();
    for number in 0..100 {
        fixture.result_of(&format!("again {number}"), "approved");
    }
    assert_eq!(fixture.handler_intents(), 40);
    assert!(fixture.last_event().starts_with("too many charges"), "{}", fixture.last_event());
    let first = refund(&fixture);
    answer(&mut fixture, &first, "refunded");
    fixture.result_of("one more", "approved");
    assert_eq!(fixture.handler_intents(), 40);
}

#[test]
fn a_state_with_a_second_charge_and_hints_is_read_as_it_was_written() {
    let mut fixture = Fixture::approved();
    fixture.result_of("p2", "approved");
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
}
