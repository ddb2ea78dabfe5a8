//! The providers' rules, and a whole payment with the real actor between its desk and its provider.

use common::worker::Executor as _;

use super::*;
use crate::program::tests::provider_settings;
use crate::provider::executor::Cashier;
use crate::provider::registry::Switchboard;

fn switchboard(kind: ProviderKind) -> std::sync::Arc<Switchboard> {
    Switchboard::new(&crate::provider::settings::ProviderSettings { kind, ..provider_settings() }).unwrap()
}

/// Lets the provider answer what the payment wants, until it wants nothing more. Says what was sent to the saga.
async fn run(desk: &mut Desk, kind: ProviderKind) -> Vec<Outgoing> {
    desk.handler.provider = kind;
    let cashier = Cashier { provider: switchboard(kind) };
    let mut told = Vec::new();
    while let Some(intent) = desk.intent() {
        desk.now = desk.now.max(intent.due);
        let answers = cashier.execute(&intent, desk.now).await;
        assert_eq!(
            answers,
            cashier.execute(&intent, desk.now).await,
            "asked again it says the same, with the same ids"
        );
        for answer in answers {
            assert_eq!(answer.key.as_ref().unwrap().text(), Some(order().to_string().as_str()));
            let bytes = answer.value.bytes().map(<[u8]>::to_vec);
            let message = Message { headers: answer.headers, value: bytes, ..desk.message(&answer.topic, &[], "") };
            told.extend(desk.decide(Trigger::Message(&message)));
        }
    }
    told
}

fn request_of(desk: &mut Desk, amount_minor: i64) {
    let value = json!({ "orderId": order(), "amountMinor": amount_minor, "currency": "BRL" }).to_string();
    let message = desk.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, "payment.request")], &value);
    desk.decide(Trigger::Message(&message));
}

#[tokio::test]
async fn the_simulated_provider_answers_by_the_cents() {
    for (amount_minor, status, waited) in
        [(1050, "approved", 0), (1013, "declined", 0), (1099, "approved", 5), (1044, "pending", 0)]
    {
        let mut desk = Desk::new();
        let began = desk.now;
        request_of(&mut desk, amount_minor);
        let told = run(&mut desk, ProviderKind::Simulated).await;
        assert_eq!(reply(&told), taken());
        assert_eq!((desk.status(), desk.now.since(began).as_secs()), (status, waited), "{amount_minor}");
    }
}

#[tokio::test]
async fn of_77_cents_two_requests_fail_and_the_third_goes_through() {
    let mut desk = Desk::new();
    for (attempt, status) in [(1, "failed"), (2, "failed"), (3, "approved")] {
        request_of(&mut desk, 1077);
        let told = run(&mut desk, ProviderKind::Simulated).await;
        assert_eq!(matches!(reply(&told), Reply::Failed { .. }), attempt < 3);
        assert_eq!(desk.status(), status);
    }
}

#[tokio::test]
async fn the_manual_provider_takes_everything_and_a_person_says_the_result() {
    let mut desk = Desk::new();
    desk.handler.provider = ProviderKind::Manual;
    request_of(&mut desk, 1013);
    assert_eq!(reply(&run(&mut desk, ProviderKind::Manual).await), taken());
    assert_eq!(desk.status(), "pending");
    desk.says("approved");
    assert_eq!(desk.refund(1), []);
    assert_eq!(reply(&run(&mut desk, ProviderKind::Manual).await), done("refunded"));
}

#[tokio::test]
async fn a_simulated_result_is_a_cloud_event_in_the_trace_of_its_order() {
    let mut desk = Desk::pending();
    let cashier = Cashier { provider: switchboard(ProviderKind::Simulated) };
    let intent = desk.intent().unwrap();
    let sent = cashier.execute(&intent, desk.now).await;
    assert_eq!(sent[0].topic, topics::PAYMENT_RESULTS);
    assert_eq!(sent[0].headers.get(header::TYPE), Some("payment.result"));
    assert!(sent[0].headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    let paid = json!({ "orderId": order(), "status": "approved", "paymentId": desk.payment().id() });
    assert_eq!(value(&sent[0]), paid);
    desk.says("declined");
    assert_eq!(desk.wants(), None);
}

#[tokio::test]
async fn with_a_failure_rate_calls_fail_whatever_the_amount() {
    let settings = crate::provider::settings::ProviderSettings { failure_rate: 1.0, ..provider_settings() };
    let cashier = Cashier { provider: Switchboard::new(&settings).unwrap() };
    let mut desk = Desk::new();
    desk.request(1);
    let said = cashier.execute(&desk.intent().unwrap(), desk.now).await;
    let (outcome, error) = (value(&said[0])["outcome"].clone(), value(&said[0])["error"].to_string());
    assert_eq!((outcome, error.contains("failure_rate")), (json!("failed"), true));
}

#[tokio::test]
async fn a_payment_stays_with_the_provider_that_took_it() {
    let mut desk = Desk::new();
    desk.handler.provider = ProviderKind::Manual;
    request_of(&mut desk, 1013);
    let cashier = Cashier { provider: switchboard(ProviderKind::Simulated) };
    let said = cashier.execute(&desk.intent().unwrap(), desk.now).await;
    assert_eq!(value(&said[0])["resultAfterMs"], Value::Null, "the simulated one would say when to ask");
}
