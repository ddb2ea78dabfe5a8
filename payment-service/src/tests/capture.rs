//! A payment that is authorized first: captured, cancelled, or paid at the provider despite its cancellation.

use common::journal::Entity as _;
use common::messages::{Outgoing, Reply};
use serde_json::json;

use super::fixture::*;
use crate::provider::call::ProviderCall;

fn authorized() -> Fixture {
    let mut fixture = Fixture::new();
    let value = json!({ "orderId": order(), "amountMinor": 1050, "currency": "BRL", "capture": "manual" });
    fixture.saga_command("payment.request", "request-payment", &value);
    fixture.provider_answered("request", 1, "accepted");
    fixture.result_of("p1", "authorized");
    fixture
}

fn capture(fixture: &mut Fixture, amount_minor: Option<i64>) -> Vec<Outgoing> {
    let mut value = json!({ "orderId": order() });
    amount_minor.into_iter().for_each(|amount| value["amountMinor"] = amount.into());
    fixture.saga_command("payment.capture", "capture", &value)
}

fn captured(fixture: &Fixture, amount_minor: i64) -> Reply {
    let id = fixture.payment().id();
    Reply::ok(json!({ "outcome": "captured", "paymentId": id, "amountMinor": amount_minor }))
}

#[test]
fn an_authorized_payment_is_paid_when_it_is_captured() {
    let mut fixture = authorized();
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().captured_minor()), ("authorized", None, 0));
    assert_eq!(capture(&mut fixture, None), []);
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("capturing", Some("capture/1")));
    assert_eq!(reply(&fixture.provider_answered("capture", 1, "captured")), captured(&fixture, 1050));
    assert_eq!((fixture.status(), fixture.intent_id()), ("approved", None));
    assert_eq!(
        reply(&capture(&mut fixture, None)),
        captured(&fixture, 1050),
        "captured again, it is answered as before"
    );
}

#[test]
fn less_can_be_captured_and_then_only_that_is_refunded() {
    let mut fixture = authorized();
    for amount in [0, -5, 1051] {
        assert_eq!(refused(&reply(&capture(&mut fixture, Some(amount)))), "capture_amount");
    }
    capture(&mut fixture, Some(800));
    fixture.provider_answered("capture", 1, "captured");
    assert_eq!((fixture.payment().captured_minor(), fixture.payment().refundable_minor()), (800, 800));
    fixture.refund(1);
    let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
        panic!("no refund is intended")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(800));
}

#[test]
fn a_failed_capture_is_reported_and_made_again_by_the_next_command() {
    let mut fixture = authorized();
    capture(&mut fixture, None);
    assert!(matches!(reply(&fixture.provider_answered("capture", 1, "failed")), Reply::Failed { .. }));
    assert_eq!(fixture.status(), "authorized");
    capture(&mut fixture, None);
    assert_eq!(fixture.intent_id().as_deref(), Some("capture/2"));
    assert_eq!(fixture.provider_answered("capture", 1, "captured"), [], "the call before is not awaited");
    assert_eq!(refused(&reply(&fixture.provider_answered("capture", 2, "refused"))), "capture_refused");
    assert_eq!(fixture.status(), "authorized");
}

#[test]
fn a_capture_that_the_provider_reports_by_itself_counts_once() {
    let mut fixture = authorized();
    capture(&mut fixture, None);
    let id = fixture.payment().id();
    assert_eq!(reply(&fixture.result_of(&id, "approved")), captured(&fixture, 1050));
    assert_eq!(fixture.provider_answered("capture", 1, "captured"), []);
    assert_eq!((fixture.status(), fixture.payment().captured_minor()), ("approved", 1050));
}

#[test]
fn a_cancelled_authorization_is_cancelled_at_the_provider_and_refunded_if_it_was_captured() {
    for capturing in [false, true] {
        let mut fixture = authorized();
        if capturing {
            capture(&mut fixture, None);
        }
        assert_eq!(reply(&fixture.refund(1)), done("cancelled"));
        assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("cancelled", Some("cancel/1")));
        if capturing {
            fixture.result("approved");
            assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("refunding", Some("refund/1")));
        } else {
            fixture.result("declined");
            assert_eq!((fixture.status(), fixture.intent_id()), ("cancelled", None));
        }
    }
}

#[test]
fn an_authorization_of_a_closed_payment_is_cancelled_at_the_provider() {
    let mut cancelled = Fixture::pending();
    cancelled.refund(1);
    let mut declined = Fixture::pending();
    declined.result("declined");
    for mut fixture in [cancelled, declined] {
        let status = fixture.status();
        fixture.result("authorized");
        assert_eq!((fixture.status(), fixture.intent_id().as_deref()), (status, Some("cancel/1.1")));
        fixture.result("declined");
        assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), (status, None, false));
    }
}

#[test]
fn only_an_authorized_payment_can_be_captured() {
    assert_eq!(refused(&reply(&capture(&mut Fixture::pending(), None))), "not_authorized");
    assert_eq!(refused(&reply(&capture(&mut Fixture::new(), None))), "no_payment");
    let mut declined = authorized();
    capture(&mut declined, None);
    assert_eq!(refused(&reply(&declined.result("declined"))), "not_authorized");
}

#[test]
fn an_early_authorization_is_kept_for_its_request() {
    let mut fixture = Fixture::new();
    fixture.result("authorized");
    assert_eq!(reply(&fixture.request(1)), accepted());
    assert_eq!(fixture.status(), "authorized");
    let mut unwanted = Fixture::new();
    unwanted.result("authorized");
    assert_eq!((reply(&unwanted.refund(1)), unwanted.status()), (done("cancelled"), "cancelled"));
}
