//! A payment that is authorized first: captured, called off, or found paid all the same.

use super::*;

fn authorized() -> Desk {
    let mut desk = Desk::new();
    let value = json!({ "orderId": order(), "amountMinor": 1050, "currency": "BRL", "capture": "manual" });
    desk.saga_command("payment.request", "request-payment", &value);
    desk.provider("request", 1, "accepted");
    desk.says_of("p1", "authorized");
    desk
}

fn capture(desk: &mut Desk, amount_minor: Option<i64>) -> Vec<Outgoing> {
    let mut value = json!({ "orderId": order() });
    amount_minor.into_iter().for_each(|amount| value["amountMinor"] = amount.into());
    desk.saga_command("payment.capture", "capture", &value)
}

fn captured(desk: &Desk, amount_minor: i64) -> Reply {
    let id = desk.payment().id();
    Reply::ok(json!({ "outcome": "captured", "paymentId": id, "amountMinor": amount_minor }))
}

#[test]
fn what_is_authorized_is_set_aside_and_paid_when_it_is_captured() {
    let mut desk = authorized();
    assert_eq!((desk.status(), desk.wants(), desk.payment().captured_minor()), ("authorized", None, 0));
    assert_eq!(capture(&mut desk, None), []);
    assert_eq!((desk.status(), desk.wants().as_deref()), ("capturing", Some("capture/1")));
    assert_eq!(reply(&desk.provider("capture", 1, "captured")), captured(&desk, 1050));
    assert_eq!((desk.status(), desk.wants()), ("approved", None));
    assert_eq!(reply(&capture(&mut desk, None)), captured(&desk, 1050), "captured again, it is answered as before");
}

#[test]
fn less_can_be_captured_and_then_only_that_be_given_back() {
    let mut desk = authorized();
    for amount in [0, -5, 1051] {
        assert_eq!(refused(&reply(&capture(&mut desk, Some(amount)))), "capture_amount");
    }
    capture(&mut desk, Some(800));
    desk.provider("capture", 1, "captured");
    assert_eq!((desk.payment().captured_minor(), desk.payment().refundable_minor()), (800, 800));
    desk.refund(1);
    let Some(ProviderCall::Refund(refund)) = desk.intent().map(|intent| intent.what) else {
        panic!("no refund is wanted")
    };
    assert_eq!(refund.amount.map(|amount| amount.0), Some(800));
}

#[test]
fn a_capture_that_fails_is_told_and_made_again_by_the_next_command() {
    let mut desk = authorized();
    capture(&mut desk, None);
    assert!(matches!(reply(&desk.provider("capture", 1, "failed")), Reply::Failed { .. }));
    assert_eq!(desk.status(), "authorized");
    capture(&mut desk, None);
    assert_eq!(desk.wants().as_deref(), Some("capture/2"));
    assert_eq!(desk.provider("capture", 1, "captured"), [], "the call before is not waited for");
    assert_eq!(refused(&reply(&desk.provider("capture", 2, "refused"))), "capture_refused");
    assert_eq!(desk.status(), "authorized");
}

#[test]
fn a_capture_that_the_provider_tells_of_by_itself_counts_once() {
    let mut desk = authorized();
    capture(&mut desk, None);
    let id = desk.payment().id();
    assert_eq!(reply(&desk.says_of(&id, "approved")), captured(&desk, 1050));
    assert_eq!(desk.provider("capture", 1, "captured"), []);
    assert_eq!((desk.status(), desk.payment().captured_minor()), ("approved", 1050));
}

#[test]
fn what_is_authorized_and_not_wanted_any_more_is_let_go_and_given_back_if_it_was_captured() {
    for capturing in [false, true] {
        let mut desk = authorized();
        if capturing {
            capture(&mut desk, None);
        }
        assert_eq!(reply(&desk.refund(1)), done("cancelled"));
        assert_eq!((desk.status(), desk.wants().as_deref()), ("cancelled", Some("cancel/1")));
        if capturing {
            desk.says("approved");
            assert_eq!((desk.status(), desk.wants().as_deref()), ("refunding", Some("refund/1")));
        } else {
            desk.says("declined");
            assert_eq!((desk.status(), desk.wants()), ("cancelled", None));
        }
    }
}

#[test]
fn what_is_authorized_after_it_was_closed_is_called_off() {
    let mut cancelled = Desk::pending();
    cancelled.refund(1);
    let mut declined = Desk::pending();
    declined.says("declined");
    for mut desk in [cancelled, declined] {
        let status = desk.status();
        desk.says("authorized");
        assert_eq!((desk.status(), desk.wants().as_deref()), (status, Some("cancel/1.1")));
        desk.says("declined");
        assert_eq!((desk.status(), desk.wants(), desk.payment().is_open()), (status, None, false));
    }
}

#[test]
fn what_is_not_authorized_cannot_be_captured() {
    assert_eq!(refused(&reply(&capture(&mut Desk::pending(), None))), "not_authorized");
    assert_eq!(refused(&reply(&capture(&mut Desk::new(), None))), "no_payment");
    let mut declined = authorized();
    capture(&mut declined, None);
    assert_eq!(refused(&reply(&declined.says("declined"))), "not_authorized");
}

#[test]
fn an_early_authorization_is_kept_for_its_request() {
    let mut desk = Desk::new();
    desk.says("authorized");
    assert_eq!(reply(&desk.request(1)), taken());
    assert_eq!(desk.status(), "authorized");
    let mut unwanted = Desk::new();
    unwanted.says("authorized");
    assert_eq!((reply(&unwanted.refund(1)), unwanted.status()), (done("cancelled"), "cancelled"));
}
