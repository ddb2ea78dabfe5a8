//! `payment.request` and how the provider answers it.

use super::*;

#[test]
fn a_request_asks_the_provider_and_is_answered_when_it_took_it() {
    let mut desk = Desk::new();
    assert_eq!(desk.request(1), []);
    assert_eq!((desk.status(), desk.wants().as_deref()), ("requested", Some("request/1")));

    let sent = desk.provider("request", 1, "accepted");
    assert_eq!(reply(&sent), taken());
    let headers = &sent[0].headers;
    assert_eq!(headers.get(header::CORRELATION_ID), Some("payment.request/1"));
    assert_eq!((headers.get(header::STEP), headers.get(header::ATTEMPT)), (Some("request-payment"), Some("1")));
    assert!(headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!((desk.status(), desk.wants().as_deref()), ("pending", Some("result/1")));
}

#[test]
fn a_request_repeated_meanwhile_makes_no_second_call_and_is_the_one_that_is_answered() {
    let mut desk = Desk::new();
    desk.request(1);
    assert_eq!(desk.request(2), []);
    assert_eq!(desk.wants().as_deref(), Some("request/1"));
    let sent = desk.provider("request", 1, "accepted");
    assert_eq!(sent[0].headers.get(header::ATTEMPT), Some("2"));
}

#[test]
fn a_request_repeated_later_is_answered_as_before() {
    for verdict in [None, Some("approved"), Some("declined")] {
        let mut desk = Desk::pending();
        verdict.into_iter().for_each(|verdict| assert_eq!(desk.says(verdict), []));
        let before = desk.payment().clone();
        assert_eq!(reply(&desk.request(2)), taken());
        assert_eq!(desk.payment(), &before);
    }
}

#[test]
fn a_technical_failure_is_told_and_the_next_request_calls_again() {
    let mut desk = Desk::new();
    desk.request(1);
    let sent = desk.provider("request", 1, "failed");
    assert_eq!(reply(&sent), Reply::Failed { error: "no line".to_owned(), retry_after_ms: None });
    assert_eq!((desk.status(), desk.wants()), ("failed", None));

    assert_eq!(desk.request(2), []);
    assert_eq!(desk.wants().as_deref(), Some("request/2"));
    assert_eq!(reply(&desk.provider("request", 2, "accepted")), taken());
}

#[test]
fn an_answer_to_another_call_changes_nothing_but_is_recorded() {
    let mut desk = Desk::new();
    desk.request(1);
    desk.provider("request", 1, "failed");
    desk.request(2);
    for outcome in ["accepted", "failed"] {
        assert_eq!(desk.provider("request", 1, outcome), []);
        assert_eq!(desk.wants().as_deref(), Some("request/2"));
        assert!(desk.last_event().contains("nobody waits for it"), "{}", desk.last_event());
    }
}

#[test]
fn an_answer_said_twice_is_recorded() {
    let mut desk = Desk::pending();
    assert_eq!(desk.provider("request", 1, "accepted"), []);
    assert_eq!(desk.status(), "pending");
    assert_eq!(desk.payment().history.len(), 3);
}

#[test]
fn a_provider_that_tells_by_itself_is_not_asked_and_the_payment_rests() {
    let mut desk = Desk::new();
    desk.request(1);
    let answer = json!({ "orderId": order(), "operation": "request", "call": 1, "outcome": "accepted" }).to_string();
    let message = desk.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.provider-answered")], &answer);
    assert_eq!(reply(&desk.decide(Trigger::Message(&message))), taken());
    assert_eq!((desk.status(), desk.wants()), ("pending", None));
    assert!(!desk.payment().is_open());
}

#[test]
fn what_is_no_command_goes_to_the_dead_letters_and_changes_nothing() {
    let mut desk = Desk::pending();
    let before = desk.payment().clone();
    let nonsense = json!({ "orderId": order(), "operation": "refund", "call": 1, "outcome": "accepted" }).to_string();
    for (kind, value) in [
        (Some("payment.request"), "garbage"),
        (Some("payment.request"), r#"{"orderId":"7"}"#),
        (Some("payment.forget"), "{}"),
        (Some("payment.provider-answered"), nonsense.as_str()),
        (None, "{}"),
    ] {
        let headers: Vec<_> = kind.iter().map(|kind| (header::TYPE, *kind)).collect();
        let message = desk.message(topics::PAYMENT_COMMANDS, &headers, value);
        let sent = desk.decide(Trigger::Message(&message));
        assert_eq!(sent[0].topic, "payment-commands.dlq");
        assert_eq!(sent[0].value.bytes(), Some(value.as_bytes()));
    }
    assert_eq!(desk.payment(), &before);
}

#[test]
fn a_payment_reads_back_from_the_journal_as_it_was() {
    let mut desk = Desk::new();
    desk.request(1);
    let text = serde_json::to_string(desk.payment()).unwrap();
    assert_eq!(&serde_json::from_str::<Payment>(&text).unwrap(), desk.payment());
}

#[test]
fn a_failure_says_when_to_ask_again_where_the_provider_does() {
    let mut desk = Desk::new();
    desk.request(1);
    let sent = desk.answered(json!({ "operation": "request", "call": 1, "outcome": "failed", "retryAfterMs": 9000 }));
    assert_eq!(reply(&sent), Reply::Failed { error: "no line".to_owned(), retry_after_ms: Some(9000) });
    assert_eq!(desk.status(), "failed");
}

#[test]
fn a_request_that_the_provider_refuses_is_refused_however_often_it_is_asked() {
    let mut desk = Desk::new();
    desk.request(1);
    assert_eq!(refused(&reply(&desk.provider("request", 1, "refused"))), "payment_refused");
    assert_eq!(refused(&reply(&desk.request(1))), "payment_refused");
    assert_eq!((desk.status(), desk.wants()), ("declined", None));
}

#[test]
fn a_declined_payment_that_the_provider_has_a_name_for_is_called_off_there_once() {
    let mut desk = Desk::new();
    desk.request(1);
    desk.answered(json!({ "operation": "request", "call": 1, "outcome": "accepted", "reference": "pi_1" }));
    desk.says("declined");
    assert_eq!((desk.status(), desk.wants().as_deref()), ("declined", Some("cancel/1")));
    desk.says("declined");
    assert_eq!((desk.wants(), desk.payment().is_open()), (None, false));
}

#[test]
fn what_an_operation_cannot_have_as_its_outcome_goes_to_the_dead_letters() {
    for (operation, outcome) in [
        ("request", "refunded"),
        ("result", "accepted"),
        ("capture", "open"),
        ("refund", "captured"),
        ("cancel", "captured"),
    ] {
        let mut desk = Desk::pending();
        let before = desk.payment().clone();
        assert_eq!(desk.provider(operation, 1, outcome)[0].topic, "payment-commands.dlq");
        assert_eq!(desk.payment(), &before);
    }
}

#[test]
fn a_state_of_an_older_release_still_reads() {
    let old = json!({
        "order": order(), "provider": "simulated", "status": "approved", "price": { "amountMinor": 1050, "currency": "BRL" },
        "calls": 1, "refundCalls": 0, "approvals": [{ "message": "m", "paymentId": "p" }], "refunds": 0,
        "history": [{ "at": "2025-10-09T08:53:20.123Z", "what": "approved" }],
    });
    let payment: Payment = serde_json::from_value(old).unwrap();
    assert_eq!((payment.status.name(), payment.captured_minor(), payment.postings().len()), ("approved", 1050, 4));
}
