//! `payment.request`, and the provider's answers to it.

use common::journal::{Entity as _, Trigger};
use common::messages::{Reply, header};
use common::topics;
use serde_json::json;

use super::fixture::*;
use crate::entity::Payment;

#[test]
fn a_request_calls_the_provider_and_is_answered_when_it_is_accepted() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.request(1), []);
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("requested", Some("request/1")));

    let sent = fixture.provider_answered("request", 1, "accepted");
    assert_eq!(reply(&sent), accepted());
    let headers = &sent[0].headers;
    assert_eq!(headers.get(header::CORRELATION_ID), Some("payment.request/1"));
    assert_eq!((headers.get(header::STEP), headers.get(header::ATTEMPT)), (Some("request-payment"), Some("1")));
    assert!(headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("pending", Some("result/1")));
}

#[test]
fn a_request_repeated_meanwhile_makes_no_second_call_and_is_the_one_answered() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    assert_eq!(fixture.request(2), []);
    assert_eq!(fixture.intent_id().as_deref(), Some("request/1"));
    let sent = fixture.provider_answered("request", 1, "accepted");
    assert_eq!(sent[0].headers.get(header::ATTEMPT), Some("2"));
}

#[test]
fn a_request_repeated_later_is_answered_as_before() {
    for verdict in [None, Some("approved"), Some("declined")] {
        let mut fixture = Fixture::pending();
        verdict.into_iter().for_each(|verdict| assert_eq!(fixture.result(verdict), []));
        let before = fixture.payment().clone();
        assert_eq!(reply(&fixture.request(2)), accepted());
        assert_eq!(fixture.payment(), &before);
    }
}

#[test]
fn a_technical_failure_is_reported_and_the_next_request_calls_again() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    let sent = fixture.provider_answered("request", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: None });
    assert_eq!((fixture.status(), fixture.intent_id()), ("failed", None));

    assert_eq!(fixture.request(2), []);
    assert_eq!(fixture.intent_id().as_deref(), Some("request/2"));
    assert_eq!(reply(&fixture.provider_answered("request", 2, "accepted")), accepted());
}

#[test]
fn an_answer_to_another_call_changes_nothing_but_is_recorded() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    fixture.provider_answered("request", 1, "failed");
    fixture.request(2);
    for outcome in ["accepted", "failed"] {
        assert_eq!(fixture.provider_answered("request", 1, outcome), []);
        assert_eq!(fixture.intent_id().as_deref(), Some("request/2"));
        assert!(fixture.last_event().contains("is not awaited"), "{}", fixture.last_event());
    }
}

#[test]
fn a_repeated_answer_is_recorded() {
    let mut fixture = Fixture::pending();
    assert_eq!(fixture.provider_answered("request", 1, "accepted"), []);
    assert_eq!(fixture.status(), "pending");
    assert_eq!(fixture.payment().history.iter().count(), 3);
}

#[test]
fn a_provider_that_reports_by_itself_is_not_queried_and_the_payment_is_closed() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    let answer = json!({ "orderId": order(), "operation": "request", "call": 1, "outcome": "accepted" }).to_string();
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.provider-answered")], &answer);
    assert_eq!(reply(&fixture.decide(Trigger::Message(&message))), accepted());
    assert_eq!((fixture.status(), fixture.intent_id()), ("pending", None));
    assert!(!fixture.payment().is_open());
}

#[test]
fn a_message_that_is_not_a_command_goes_to_the_dead_letters_and_changes_nothing() {
    let mut fixture = Fixture::pending();
    let before = fixture.payment().clone();
    let nonsense = json!({ "orderId": order(), "operation": "refund", "call": 1, "outcome": "accepted" }).to_string();
    for (kind, value) in [
        (Some("payment.request"), "garbage"),
        (Some("payment.request"), r#"{"orderId":"7"}"#),
        (Some("payment.forget"), "{}"),
        (Some("payment.provider-answered"), nonsense.as_str()),
        (None, "{}"),
    ] {
        let headers: Vec<_> = kind.iter().map(|kind| (header::TYPE, *kind)).collect();
        let message = fixture.message(topics::PAYMENT_COMMANDS, &headers, value);
        let sent = fixture.decide(Trigger::Message(&message));
        assert_eq!(sent[0].topic, "payment-commands.dlq");
        assert_eq!(sent[0].value.bytes(), Some(value.as_bytes()));
    }
    assert_eq!(fixture.payment(), &before);
}

#[test]
fn a_payment_reads_back_from_the_journal_as_it_was() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    let text = serde_json::to_string(fixture.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), fixture.payment());
}

#[test]
fn a_failure_has_the_retry_time_of_the_provider() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    let sent = fixture.answer(json!({ "operation": "request", "call": 1, "outcome": "failed", "retryAfterMs": 9000 }));
    assert_eq!(reply(&sent), Reply::Failed { error: "no answer".to_owned(), retry_after_ms: Some(9000) });
    assert_eq!(fixture.status(), "failed");
}

#[test]
fn a_request_that_the_provider_refuses_is_refused_however_often_it_is_sent() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    assert_eq!(refused(&reply(&fixture.provider_answered("request", 1, "refused"))), "payment_refused");
    assert_eq!(refused(&reply(&fixture.request(1))), "payment_refused");
    assert_eq!((fixture.status(), fixture.intent_id()), ("declined", None));
}

#[test]
fn a_declined_payment_that_the_provider_has_an_id_for_is_cancelled_there_once() {
    let mut fixture = Fixture::new();
    fixture.request(1);
    fixture.answer(json!({ "operation": "request", "call": 1, "outcome": "accepted", "reference": "pi_1" }));
    fixture.result("declined");
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("declined", Some("cancel/1")));
    fixture.result("declined");
    assert_eq!((fixture.intent_id(), fixture.payment().is_open()), (None, false));
}

#[test]
fn an_outcome_that_an_operation_cannot_have_goes_to_the_dead_letters() {
    for (operation, outcome) in [
        ("request", "refunded"),
        ("result", "accepted"),
        ("capture", "open"),
        ("refund", "captured"),
        ("cancel", "captured"),
    ] {
        let mut fixture = Fixture::pending();
        let before = fixture.payment().clone();
        assert_eq!(fixture.provider_answered(operation, 1, outcome)[0].topic, "payment-commands.dlq");
        assert_eq!(fixture.payment(), &before);
    }
}

#[test]
fn a_state_of_an_older_release_is_still_read() {
    let old = json!({
        "order": order(), "provider": "simulated", "status": "approved",
        "price": { "amountMinor": 1050, "currency": "BRL" },
        "calls": 1, "refundCalls": 0, "approvals": [{ "message": "m", "paymentId": "p" }], "refunds": 0,
        "history": [{ "at": "2025-10-09T08:53:20.123Z", "what": "approved" }],
    });
    let payment: Payment = serde_json::from_value(old).unwrap();
    assert_eq!((payment.status.name(), payment.captured_minor(), payment.postings().len()), ("approved", 1050, 4));
}

#[test]
fn a_request_in_an_unknown_currency_or_of_less_than_nothing_is_refused() {
    for (amount, currency, why) in [
        (1050, "XTS", "unknown_currency"),
        (1050, "brl", "unknown_currency"),
        (1050, "", "unknown_currency"),
        (-1, "BRL", "negative_amount"),
    ] {
        let mut fixture = Fixture::new();
        let value = json!({ "orderId": order(), "amountMinor": amount, "currency": currency });
        assert_eq!(refused(&reply(&fixture.saga_command("payment.request", "request-payment", &value))), why);
        assert_eq!(fixture.status(), "none");
    }
}

#[test]
fn an_early_result_ends_when_its_request_is_refused() {
    for (result, status, intent) in
        [("approved", "refunding", Some("refund/1")), ("authorized", "cancelled", None), ("declined", "declined", None)]
    {
        let mut fixture = Fixture::new();
        fixture.result(result);
        let value = json!({ "orderId": order(), "amountMinor": -1, "currency": "BRL" });
        for _ in 0..2 {
            let sent = fixture.saga_command("payment.request", "request-payment", &value);
            assert_eq!(refused(&reply(&sent)), "negative_amount", "{result}");
            assert_eq!((fixture.status(), fixture.intent_id().as_deref()), (status, intent), "{result}");
        }
        if intent.is_some() {
            assert_eq!(fixture.provider_answered("refund", 1, "refunded"), []);
            assert_eq!(fixture.status(), "refunded");
        }
        assert!(!fixture.payment().is_open(), "{result}");
        let reply = reply(&fixture.request(1));
        assert!(result == "declined" || refused(&reply) == "payment_cancelled", "{result}: {reply:?}");
    }
}

#[test]
fn amounts_have_the_digits_of_the_currency() {
    let mut fixture = Fixture::new();
    let value = json!({ "orderId": order(), "amountMinor": 500, "currency": "JPY" });
    fixture.saga_command("payment.request", "request-payment", &value);
    fixture.provider_answered("request", 1, "accepted");
    fixture.result("approved");
    assert_eq!(fixture.payment().money(fixture.payment().captured_minor()).to_string(), "500");
    fixture.refund_part("r1", Some(50));
    assert_eq!(fixture.last_event(), "50 of it to be refunded (r1)");
}
