//! Whole payments with the real executor and the simulated and manual providers.

use common::worker::Executor as _;

use common::journal::Trigger;
use common::messages::{Message, Outgoing, Reply, header};
use common::topics;
use serde_json::{Value, json};

use super::fixture::*;
use crate::provider::call::ProviderKind;
use crate::provider::executor::ProviderExecutor;
use crate::provider::registry::ProviderRegistry;

fn registry(kind: ProviderKind) -> std::sync::Arc<ProviderRegistry> {
    ProviderRegistry::new(&crate::provider::settings::ProviderSettings { kind, ..provider_settings() }).unwrap()
}

/// Executes the payment's intents until there are none. Returns the replies to the saga.
async fn run(fixture: &mut Fixture, kind: ProviderKind) -> Vec<Outgoing> {
    fixture.handler.provider = kind;
    let executor = ProviderExecutor { provider: registry(kind), mac: None };
    let mut replies = Vec::new();
    while let Some(intent) = fixture.intent() {
        fixture.now = fixture.now.max(intent.due);
        let answers = executor.execute(&intent, fixture.now).await;
        assert_eq!(
            answers,
            executor.execute(&intent, fixture.now).await,
            "a repeated call gives the same answers, with the same ids"
        );
        for answer in answers {
            assert_eq!(answer.key.as_ref().unwrap().text(), Some(order().to_string().as_str()));
            let bytes = answer.value.bytes().map(<[u8]>::to_vec);
            let message = Message { headers: answer.headers, value: bytes, ..fixture.message(&answer.topic, &[], "") };
            replies.extend(fixture.decide(Trigger::Message(&message)));
        }
    }
    replies
}

fn request_of(fixture: &mut Fixture, amount_minor: i64) {
    let value = json!({ "orderId": order(), "amountMinor": amount_minor, "currency": "BRL" }).to_string();
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.request")], &value);
    fixture.decide(Trigger::Message(&message));
}

#[tokio::test]
async fn the_simulated_provider_answers_by_the_cents() {
    for (amount_minor, status, waited) in [
        (1050, "approved", 0),
        (1013, "declined", 0),
        (1099, "approved", 5),
        (1044, "pending", 0),
        (1033, "pending", 0),
        (0, "approved", 0),
    ] {
        let mut fixture = Fixture::new();
        let began = fixture.now;
        request_of(&mut fixture, amount_minor);
        let mut replies = run(&mut fixture, ProviderKind::Simulated).await;
        let events = replies.extract_if(.., |sent| sent.topic == topics::ORDER_COMMANDS).count();
        assert_eq!(events, usize::from(amount_minor == 1033), "an action");
        if amount_minor > 0 {
            assert_eq!(reply(&replies), accepted());
        }
        assert_eq!((fixture.status(), fixture.now.since(began).as_secs()), (status, waited), "{amount_minor}");
    }
}

#[tokio::test]
async fn of_77_cents_two_requests_fail_and_the_third_is_accepted() {
    let mut fixture = Fixture::new();
    for (attempt, status) in [(1, "failed"), (2, "failed"), (3, "approved")] {
        request_of(&mut fixture, 1077);
        let replies = run(&mut fixture, ProviderKind::Simulated).await;
        assert_eq!(matches!(reply(&replies), Reply::Failed { .. }), attempt < 3);
        assert_eq!(fixture.status(), status);
    }
}

#[tokio::test]
async fn the_manual_provider_accepts_everything_and_an_operator_enters_the_result() {
    let mut fixture = Fixture::new();
    fixture.handler.provider = ProviderKind::Manual;
    request_of(&mut fixture, 1013);
    assert_eq!(reply(&run(&mut fixture, ProviderKind::Manual).await), accepted_by(ProviderKind::Manual));
    assert_eq!(fixture.status(), "pending");
    fixture.result("approved");
    assert_eq!(fixture.refund(1), []);
    assert_eq!(reply(&run(&mut fixture, ProviderKind::Manual).await), done("refunded"));
}

#[tokio::test]
async fn a_simulated_result_is_a_cloud_event_in_the_trace_of_its_order() {
    let mut fixture = Fixture::pending();
    let executor = ProviderExecutor { provider: registry(ProviderKind::Simulated), mac: None };
    let intent = fixture.intent().unwrap();
    let sent = executor.execute(&intent, fixture.now).await;
    assert_eq!(sent[0].topic, topics::PAYMENT_RESULTS);
    assert_eq!(sent[0].headers.get(header::TYPE), Some("payment.result"));
    assert!(sent[0].headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    let paid = json!({ "orderId": order(), "status": "approved", "paymentId": fixture.payment().id() });
    assert_eq!(value(&sent[0]), paid);
    fixture.result("declined");
    assert_eq!(fixture.intent_id(), None);
}

#[tokio::test]
async fn with_a_failure_rate_calls_fail_whatever_the_amount() {
    let settings = crate::provider::settings::ProviderSettings { failure_rate: 1.0, ..provider_settings() };
    let executor = ProviderExecutor { provider: ProviderRegistry::new(&settings).unwrap(), mac: None };
    let mut fixture = Fixture::new();
    fixture.request(1);
    let sent = executor.execute(&fixture.intent().unwrap(), fixture.now).await;
    let outcome = value(&sent[0])["outcome"].clone();
    let error = value(&sent[0])["error"].to_string();
    assert_eq!((outcome, error.contains("failure_rate")), (json!("failed"), true));
}

#[tokio::test]
async fn a_payment_stays_with_its_provider() {
    let mut fixture = Fixture::new();
    fixture.handler.provider = ProviderKind::Manual;
    request_of(&mut fixture, 1013);
    let executor = ProviderExecutor { provider: registry(ProviderKind::Simulated), mac: None };
    let sent = executor.execute(&fixture.intent().unwrap(), fixture.now).await;
    assert_eq!(value(&sent[0])["resultAfterMs"], Value::Null, "the simulated provider would answer a delay");
}

#[tokio::test]
async fn the_simulated_provider_fails_the_first_refund_by_its_cents() {
    let mut fixture = Fixture::approved();
    fixture.refund_part("r1", Some(66));
    let sent = run(&mut fixture, ProviderKind::Simulated).await;
    assert_eq!(refused(&reply(&sent)), "refund_failed");
    assert_eq!(fixture.cases.len(), 1, "somebody decides about it");
    assert_eq!(fixture.refund_part("r1", Some(66)), []);
    let sent = run(&mut fixture, ProviderKind::Simulated).await;
    assert!(matches!(reply(&sent), Reply::Ok { .. }), "{sent:?}");
    assert_eq!(fixture.payment().refunded_minor(), 66);
}
