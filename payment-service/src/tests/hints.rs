//! Payments whose provider knows the truth: a message on `payment-results` that this service did not write is a hint.

use common::journal::{Entity as _, Trigger};
use common::messages::{Message, MessageMac, Outgoing, header};
use common::money::Amount;
use common::time::Timestamp;
use common::topics;
use common::worker::Executor as _;
use serde_json::{Value, json};

use super::fixture::*;
use crate::entity::Payment;
use crate::messages::PROVIDER_EVENT;
use crate::provider::call::{Charge, ProviderCall, ProviderKind, Refund};
use crate::provider::executor::ProviderExecutor;
use crate::provider::port::{Accepted, ChargeStatus, PaymentProvider, ProviderError, RefundStatus};

fn mac() -> MessageMac {
    MessageMac::new("a secret of the tests").unwrap().unwrap()
}

/// A payment with Stripe that is requested.
fn requested() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.handler.provider = ProviderKind::Stripe;
    fixture.handler.mac = Some(mac());
    fixture.request(1);
    fixture
}

/// A payment that Stripe accepted as `pi_1`.
pub(super) fn pending() -> Fixture {
    let mut fixture = requested();
    accept(&mut fixture, 1);
    fixture
}

fn accept(fixture: &mut Fixture, call: u32) -> Vec<Outgoing> {
    let accepted = json!({ "operation": "request", "call": call, "outcome": "accepted", "reference": "pi_1",
        "resultAfterMs": 5000 });
    fixture.answer(accepted)
}

/// A result as this service writes it.
pub(super) fn verdict(fixture: &mut Fixture, status: &str) -> Vec<Outgoing> {
    let value = json!({ "orderId": order(), "status": status, "paymentId": fixture.payment().id() });
    let id = format!("verdict {} at {}", status, fixture.offset);
    let order = order().to_string();
    let sent = Outgoing::event(topics::PAYMENT_RESULTS, &order, "payment.result", id, &order, fixture.now, &value);
    receive(fixture, mac().mark(sent))
}

fn receive(fixture: &mut Fixture, sent: Outgoing) -> Vec<Outgoing> {
    let value = sent.value.bytes().map(<[u8]>::to_vec);
    let message = Message { headers: sent.headers, value, ..fixture.message(&sent.topic, &[], "") };
    fixture.decide(Trigger::Message(&message))
}

fn due(fixture: &Fixture) -> Option<Timestamp> {
    fixture.intent().map(|intent| intent.due)
}

fn pass(fixture: &mut Fixture, seconds: u64) {
    fixture.now = fixture.now.plus(std::time::Duration::from_secs(seconds));
}

#[test]
fn a_bare_result_is_a_hint_and_only_the_marked_one_counts() {
    for status in ["approved", "declined", "authorized"] {
        let mut fixture = pending();
        assert_eq!(fixture.intent_id().as_deref(), Some("result/1"));
        assert_eq!(fixture.result(status), []);
        assert_eq!(fixture.status(), "pending");
        assert_eq!(fixture.intent_id().as_deref(), Some("result/1.1"), "it is another query");
        assert_eq!(due(&fixture), Some(fixture.now));
        verdict(&mut fixture, status);
        assert_eq!(fixture.status(), status);
    }
}

#[test]
fn a_result_with_a_forged_mark_is_a_hint() {
    let mut fixture = pending();
    let value = json!({ "orderId": order(), "status": "approved" });
    let other = MessageMac::new("another secret of the tests").unwrap().unwrap();
    let order = order().to_string();
    let sent = Outgoing::event(topics::PAYMENT_RESULTS, &order, "payment.result", "1", &order, fixture.now, &value);
    assert_eq!(receive(&mut fixture, other.mark(sent)), []);
    assert_eq!(fixture.status(), "pending");
}

#[test]
fn a_hint_during_a_query_lets_the_provider_be_asked_again_soon() {
    let mut fixture = pending();
    pass(&mut fixture, 5);
    let query = fixture.intent().unwrap();
    assert!(query.due <= fixture.now, "it is being asked");
    fixture.result("approved");
    assert_eq!(fixture.intent().unwrap().id, query.id, "the query under way goes on");
    fixture.provider_answered("result", 0, "open");
    let again = fixture.intent().unwrap();
    assert_eq!((again.due.since(fixture.now).as_secs(), again.id != query.id), (2, true));
}

#[test]
fn a_flood_of_hints_makes_a_bounded_number_of_queries_and_keeps_the_pauses() {
    let mut fixture = pending();
    for _ in 0..500 {
        fixture.result("approved");
    }
    assert_eq!(fixture.intent_id().as_deref(), Some("result/1.1"));
    assert!(fixture.payment().hints.again, "one more when it is answered");
    fixture.provider_answered("result", 1, "open");
    fixture.now = due(&fixture).unwrap();
    fixture.provider_answered("result", 2, "open");
    let pause = due(&fixture).unwrap().since(fixture.now).as_secs();
    assert_eq!(pause, 2, "hints do not lengthen the pauses");
    fixture.result("approved");
    assert_eq!(due(&fixture).unwrap().since(fixture.now).as_secs(), 2, "it is asked soon already");
}

#[test]
fn a_hint_at_an_authorized_or_closed_payment_lets_the_provider_be_asked() {
    let mut authorized = pending();
    verdict(&mut authorized, "authorized");
    assert_eq!((authorized.intent_id(), authorized.payment().is_open()), (None, false));
    let mut declined = pending();
    verdict(&mut declined, "declined");
    let mut cancelled = pending();
    cancelled.refund(1);
    for fixture in [&mut declined, &mut cancelled] {
        assert_eq!(fixture.intent_id().map(|id| id.starts_with("cancel/")), Some(true));
        verdict(fixture, "declined");
        assert_eq!(fixture.intent_id(), None);
    }
    for (mut fixture, call) in [(authorized, "result/"), (declined, "cancel/"), (cancelled, "cancel/")] {
        pass(&mut fixture, 60);
        let status = fixture.status();
        fixture.result("approved");
        assert_eq!((fixture.status(), due(&fixture)), (status, Some(fixture.now)));
        assert_eq!(fixture.intent_id().map(|id| id.starts_with(call)), Some(true));
        verdict(&mut fixture, "approved");
        assert_eq!(fixture.status(), if status == "authorized" { "approved" } else { "refunding" });
    }
}

#[test]
fn an_authorization_that_ends_at_the_provider_is_noticed_by_a_hint() {
    let mut fixture = pending();
    verdict(&mut fixture, "authorized");
    fixture.result("declined");
    assert_eq!((fixture.status(), due(&fixture)), ("authorized", Some(fixture.now)));
    assert!(fixture.payment().is_open());
    verdict(&mut fixture, "authorized");
    assert_eq!((fixture.status(), fixture.intent_id(), fixture.payment().is_open()), ("authorized", None, false));
    pass(&mut fixture, 10);
    fixture.result("declined");
    verdict(&mut fixture, "declined");
    assert_eq!(fixture.status(), "declined");
}

#[test]
fn a_hint_about_an_unknown_or_unrequested_payment_changes_nothing() {
    let mut fixture = Fixture::new();
    fixture.handler.provider = ProviderKind::Stripe;
    fixture.handler.mac = Some(mac());
    assert_eq!(fixture.result("approved"), []);
    assert_eq!(fixture.status(), "none");
    let mut requested = requested();
    requested.result("approved");
    assert_eq!((requested.status(), requested.intent_id().as_deref()), ("requested", Some("request/1")));
    accept(&mut requested, 1);
    assert_eq!(requested.intent_id().as_deref(), Some("result/1"), "it is asked now");
}

#[test]
fn a_reference_from_outside_is_never_refunded() {
    let foreign =
        json!({ "orderId": order(), "status": "approved", "reference": "pi_SOMEBODY", "paymentId": "pi_SOMEBODY" });
    let mut fixture = pending();
    verdict(&mut fixture, "declined");
    fixture.raw_result(&foreign.to_string());
    assert_eq!(fixture.status(), "declined");
    for kind in [ProviderKind::Manual, ProviderKind::Simulated] {
        let mut fixture = Fixture::new();
        fixture.handler.provider = kind;
        fixture.request(1);
        fixture.result("declined");
        fixture.raw_result(&foreign.to_string());
        let Some(ProviderCall::Refund(refund)) = fixture.intent().map(|intent| intent.what) else {
            panic!("no refund is intended")
        };
        assert_eq!(refund.reference, None);
    }
}

#[test]
fn with_a_secret_an_operators_result_is_marked_first() {
    let mut fixture = Fixture::new();
    fixture.handler.provider = ProviderKind::Manual;
    fixture.handler.mac = Some(mac());
    fixture.request(1);
    fixture.provider_answered("request", 1, "accepted");
    let typed = r#"{ "status":"approved", "orderId":"3852CB18-9C19-4326-AC77-A1A0264BD98C" }"#;
    let sent = fixture.raw_result(typed);
    assert_eq!((fixture.status(), sent.len()), ("pending", 1));
    assert_eq!((&*sent[0].topic, sent[0].partition), (topics::PAYMENT_RESULTS, Some(home())));
    assert_eq!(sent[0].value.bytes(), Some(typed.as_bytes()));
    assert_eq!(receive(&mut fixture, sent[0].clone()), []);
    assert_eq!(fixture.status(), "approved");
}

/// A provider that has every answer.
struct Paid;

impl PaymentProvider for Paid {
    async fn request(&self, _: &Charge) -> Result<Accepted, ProviderError> {
        Ok(Accepted { result_after: None, reference: Some("pi_1".to_owned()) })
    }
    async fn result(&self, _: &Charge) -> Result<ChargeStatus, ProviderError> {
        Ok(ChargeStatus::Approved)
    }
    async fn capture(&self, _: &Charge, _: Amount) -> Result<(), ProviderError> {
        Ok(())
    }
    async fn cancel(&self, _: &Charge) -> Result<ChargeStatus, ProviderError> {
        Ok(ChargeStatus::Approved)
    }
    async fn refund(&self, _: &Refund) -> Result<RefundStatus, ProviderError> {
        Ok(RefundStatus::Made)
    }
}

#[tokio::test]
async fn the_providers_answer_is_marked_and_counts() {
    let mut fixture = pending();
    fixture.result("approved");
    let executor = ProviderExecutor { provider: Paid, mac: Some(mac()) };
    let sent = executor.execute(&fixture.intent().unwrap(), fixture.now).await;
    receive(&mut fixture, sent[0].clone());
    assert_eq!(fixture.status(), "approved");
}

fn event(fixture: &mut Fixture, change: impl FnOnce(&mut Value)) {
    let payment_id = Payment::new(order(), ProviderKind::Stripe, None).id();
    let mut event = json!({ "orderId": order(), "event": "evt_1", "kind": "payment_intent.succeeded",
        "paymentId": payment_id, "reference": "pi_1", "amountMinor": 1050, "currency": "brl" });
    change(&mut event);
    let message = fixture.message(topics::PAYMENT_COMMANDS, &[(header::TYPE, PROVIDER_EVENT)], &event.to_string());
    assert_eq!(fixture.decide(Trigger::Message(&message)), []);
}

#[test]
fn an_event_that_fits_is_a_hint_and_one_that_does_not_is_recorded_and_not_used() {
    let mut fixture = pending();
    event(&mut fixture, |_| {});
    assert_eq!((fixture.status(), fixture.intent_id().as_deref()), ("pending", Some("result/1.1")));
    for (field, wrong) in [
        ("amountMinor", json!(1)),
        ("amountMinor", Value::Null),
        ("currency", json!("usd")),
        ("currency", Value::Null),
        ("reference", json!("pi_2")),
        ("paymentId", json!("another")),
    ] {
        let mut fixture = pending();
        event(&mut fixture, |event| event[field] = wrong.clone());
        assert_eq!(fixture.intent_id().as_deref(), Some("result/1"), "{field} {wrong}");
        assert!(fixture.last_event().contains("does not fit and is not used"), "{}", fixture.last_event());
    }
    let mut manual = Fixture::pending();
    event(&mut manual, |_| {});
    assert!(manual.last_event().contains("does not fit"), "{}", manual.last_event());
    let mut unknown = Fixture::new();
    event(&mut unknown, |_| {});
    assert_eq!(unknown.status(), "none");
}

#[test]
fn a_payment_cancelled_while_it_is_requested_is_cancelled_at_the_provider_once_its_id_is_known() {
    let mut fixture = requested();
    let request = fixture.intent().unwrap();
    assert_eq!(reply(&fixture.refund(1)), done("cancelled"));
    assert_eq!(fixture.intent().map(|intent| intent.id), Some(request.id), "the call goes on, also after a crash");
    assert_eq!(accept(&mut fixture, 1), []);
    let Some(ProviderCall::Cancel { charge, .. }) = fixture.intent().map(|intent| intent.what) else {
        panic!("no cancellation is intended")
    };
    assert_eq!((charge.reference.as_deref(), due(&fixture)), (Some("pi_1"), Some(fixture.now)));
    verdict(&mut fixture, "declined");
    assert_eq!((fixture.status(), fixture.intent_id()), ("cancelled", None));
}

#[test]
fn the_id_of_a_cancelled_payment_is_sought_until_the_provider_answers() {
    let mut failed = requested();
    failed.provider_answered("request", 1, "failed");
    let mut cancelled = requested();
    cancelled.refund(1);
    cancelled.provider_answered("request", 1, "failed");
    let mut declined = requested();
    verdict(&mut declined, "declined");
    declined.provider_answered("request", 1, "failed");
    failed.refund(1);
    for mut fixture in [failed, cancelled, declined] {
        assert_eq!(fixture.intent_id().as_deref(), Some("request/2"));
        fixture.provider_answered("request", 2, "failed");
        let again = fixture.intent().unwrap();
        assert!(again.id.ends_with("request/3") && again.due > fixture.now, "{again:?}");
        assert_eq!(accept(&mut fixture, 3), []);
        assert_eq!(fixture.intent_id().as_deref().map(|id| id.starts_with("cancel/")), Some(true));
    }
    let mut refused = requested();
    refused.refund(1);
    refused.provider_answered("request", 1, "refused");
    assert_eq!((refused.intent_id(), refused.payment().is_open()), (None, false), "there is nothing to cancel");
}
