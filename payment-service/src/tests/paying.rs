//! How an order is paid: the method and its token, nothing to pay, and what the customer must do.

use common::messages::{Message, MessageMac, Origin, Outgoing, header};
use common::payments::{ACTION, PaymentMethod};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use crate::entity::Payment;
use crate::provider::call::{Charge, ProviderCall, ProviderKind};

fn requested(fixture: &mut Fixture, amount: i64, fields: &Value) -> Vec<Outgoing> {
    let mut value = json!({ "orderId": order(), "amountMinor": amount, "currency": "BRL" });
    value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    fixture.saga_command("payment.request", "request-payment", &value)
}

fn charge(fixture: &Fixture) -> Charge {
    match fixture.intent().map(|intent| intent.what) {
        Some(ProviderCall::Request(charge)) => charge,
        other => panic!("no request: {other:?}"),
    }
}

/// Sends the provider's answer to a query.
fn queried(fixture: &mut Fixture, query: u32, outcome: &str, action: &Value) -> Vec<Outgoing> {
    fixture.answer(json!({ "operation": "result", "call": query, "outcome": outcome, "action": action }))
}

fn confirm() -> Value {
    json!({ "type": "confirm", "clientSecret": "pi_1_secret_2" })
}

#[test]
fn the_method_and_its_token_reach_the_provider_and_no_log() {
    let mut fixture = Fixture::new();
    requested(&mut fixture, 1050, &json!({ "payment": { "method": "card", "token": "pm_hidden" } }));
    let charged = charge(&fixture);
    assert_eq!((charged.method, charged.token.as_ref().unwrap().reveal()), (Some(PaymentMethod::Card), "pm_hidden"));
    assert!(!format!("{:?} {charged:?}", fixture.payment()).contains("pm_hidden"));
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());

    let mut older = Fixture::new();
    requested(&mut older, 1050, &json!({ "paymentMethod": "pm_1" }));
    assert_eq!((charge(&older).method, charge(&older).token.unwrap().reveal()), (None, "pm_1"));
}

#[test]
fn a_method_that_the_provider_does_not_support_is_refused() {
    for (kind, method, taken) in [
        (ProviderKind::Stripe, "invoice", false),
        (ProviderKind::Stripe, "pix", true),
        (ProviderKind::Manual, "invoice", true),
        (ProviderKind::Simulated, "wallet", true),
    ] {
        let mut fixture = Fixture::new();
        fixture.handler.provider = kind;
        let sent = requested(&mut fixture, 1050, &json!({ "payment": { "method": method } }));
        assert_eq!(sent.is_empty(), taken, "{kind:?} {method}");
        if !taken {
            assert_eq!(refused(&reply(&sent)), "method_not_supported");
            assert_eq!(fixture.status(), "none");
        }
    }
}

#[test]
fn nothing_to_pay_is_approved_without_the_provider_and_nothing_is_booked() {
    for (kind, secret) in [(ProviderKind::Simulated, ""), (ProviderKind::Stripe, "a secret of the tests")] {
        let mut fixture = Fixture::new();
        fixture.handler.provider = kind;
        fixture.handler.mac = MessageMac::new(secret).unwrap();
        let sent = requested(&mut fixture, 0, &json!({}));
        let [answer, result] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(reply(std::slice::from_ref(answer)), accepted_by(kind));
        assert_eq!((&*result.topic, &value(result)["status"]), (topics::PAYMENT_RESULTS, &json!("approved")));
        assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().postings().len()), ("approved", None, 0));

        // The service reads its own result, and any other approval of it.
        let bytes = result.value.bytes().map(<[u8]>::to_vec);
        let read = fixture.message(topics::PAYMENT_RESULTS, &[], "");
        let read = Message { headers: result.headers.clone(), value: bytes, ..read };
        if let Some(mac) = &fixture.handler.mac {
            assert_eq!(mac.verify(&read), Origin::Verified);
        }
        assert_eq!(fixture.decide(common::journal::Trigger::Message(&read)), []);
        assert_eq!(fixture.result_of("another", "approved"), []);
        assert_eq!((fixture.status(), fixture.intent_id()), ("approved", None));

        assert_eq!(reply(&requested(&mut fixture, 0, &json!({}))), accepted_by(kind), "repeated");
        assert_eq!(refused(&reply(&fixture.refund_part("r1", None))), "nothing_to_refund");
        assert_eq!(reply(&fixture.refund(1)), done("refunded"));
        assert_eq!(reply(&fixture.refund(2)), done("refunded"));
        assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().postings().len()), ("refunded", None, 0));
    }
}

#[test]
fn nothing_to_pay_is_refused_after_its_cancellation() {
    let mut fixture = Fixture::new();
    fixture.refund(1);
    assert_eq!(refused(&reply(&requested(&mut fixture, 0, &json!({})))), "payment_cancelled");
}

#[test]
fn an_authorization_of_nothing_is_authorized_and_captured() {
    let mut fixture = Fixture::new();
    let sent = requested(&mut fixture, 0, &json!({ "capture": "manual" }));
    assert_eq!(value(&sent[1])["status"], "authorized");
    let captured = fixture.saga_command("payment.capture", "capture", &json!({ "orderId": order() }));
    assert!(matches!(reply(&captured), common::messages::Reply::Ok { .. }));
}

#[test]
fn an_action_is_reported_to_the_order_when_it_changes_and_ends_with_the_result() {
    let mut fixture = Fixture::pending();
    let sent = queried(&mut fixture, 0, "open", &confirm());
    let [event] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&*event.topic, event.headers.get(header::TYPE)), (topics::ORDER_COMMANDS, Some(ACTION)));
    assert_eq!(event.key.as_ref().unwrap().text(), Some(order().to_string().as_str()));
    assert_eq!(value(event), json!({ "orderId": order(), "number": 1, "action": confirm() }));
    assert!(fixture.intent().unwrap().due > fixture.now, "the provider is asked again");
    assert_eq!(queried(&mut fixture, 1, "open", &confirm()), [], "it is the same");
    assert_eq!(queried(&mut fixture, 2, "failed", &Value::Null), [], "a failed query says nothing about it");
    let sent = queried(&mut fixture, 3, "open", &Value::Null);
    assert_eq!(value(&sent[0]), json!({ "orderId": order(), "number": 2 }));
    queried(&mut fixture, 4, "silent", &confirm());
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
    assert!(!format!("{:?}", fixture.payment()).contains("secret_2"));
    fixture.result("approved");
    assert_eq!((fixture.status(), &fixture.payment().action.required), ("approved", &None));
    assert_eq!(queried(&mut fixture, 5, "open", &confirm()), [], "a late answer");
}

#[test]
fn an_answer_to_an_older_query_reports_no_action() {
    let mut fixture = Fixture::pending();
    queried(&mut fixture, 0, "open", &Value::Null);
    assert_eq!(queried(&mut fixture, 0, "open", &confirm()), []);
}

#[test]
fn an_action_that_is_abandoned_ends_with_the_compensation() {
    let mut fixture = Fixture::pending();
    queried(&mut fixture, 0, "silent", &confirm());
    assert_eq!(reply(&fixture.refund(1)), done("cancelled"));
    assert_eq!((fixture.status(), &fixture.payment().action.required), ("cancelled", &None));
}
