//! The client against a local server that answers by a script: what is asked, with which key, and what becomes of every
//! way in which Stripe can fail.

mod script;

use std::sync::Arc;
use std::time::Duration;

use common::ids::OrderId;
use serde_json::{Value, json};

use super::*;
use crate::program::tests::provider_settings;
use crate::provider::guard::{Guarded, Patience};
use crate::provider::{ProviderKind, breaker};
use script::{Answer, Script};

fn charge() -> Charge {
    let order: OrderId = "3852cb18-9c19-4326-ac77-a1a0264bd98c".parse().unwrap();
    Charge {
        order,
        payment_id: "the-payment".to_owned(),
        provider: ProviderKind::Stripe,
        amount: Amount(1050),
        currency: "BRL".to_owned(),
        capture: Capture::Automatic,
        method: None,
        reference: Some("pi_1".to_owned()),
        call: 1,
        trace: None,
    }
}

fn refund() -> Refund {
    let Charge { order, payment_id, provider, reference, .. } = charge();
    let (refund_id, amount) = ("the-refund".to_owned(), Some(Amount(300)));
    Refund { order, payment_id, refund_id, provider, amount, reference, call: 1, trace: None }
}

fn stripe(script: &Script) -> Stripe {
    let mut settings = provider_settings().stripe;
    settings.base_url = script.url();
    settings.api_key = "sk_test_secret".into();
    settings.payment_method = "pm_card_visa".to_owned();
    Stripe::new(&settings).unwrap()
}

/// As the service uses it: impatient, twice.
fn guarded(script: &Script) -> Guarded<Stripe> {
    let breaker = breaker::Limits { failures: 3, open_for: Duration::from_secs(60) };
    let timeout = Duration::from_millis(300);
    Guarded::new(stripe(script), Patience { timeout, attempts: 2, pause: Duration::from_millis(1), breaker })
}

fn intent(status: &str) -> Value {
    json!({ "id": "pi_1", "object": "payment_intent", "status": status })
}

fn ok(status: &str) -> Answer {
    Answer::Json(200, intent(status))
}

fn error(status: u16, error: &Value) -> Answer {
    Answer::Json(status, json!({ "error": error }))
}

#[tokio::test]
async fn a_request_makes_an_intent_and_moves_no_money() {
    let script = Script::play([ok("requires_payment_method"), ok("requires_payment_method")]).await;
    let accepted = stripe(&script).request(&charge()).await.unwrap();
    assert_eq!(accepted.reference.as_deref(), Some("pi_1"));
    stripe(&script).request(&charge()).await.unwrap();
    let [first, second] = script.seen().try_into().unwrap();
    assert_eq!(first, second, "asked again it is the same key and the same words");
    assert_eq!((first.line.as_str(), first.key.as_deref()), ("POST /v1/payment_intents", Some("the-payment")));
    assert_eq!(first.authorization.as_deref(), Some("Bearer sk_test_secret"));
    for part in ["amount=1050", "currency=brl", "capture_method=automatic", "metadata%5Bpayment_id%5D=the-payment"] {
        assert!(first.body.contains(part), "{part}: {}", first.body);
    }
    assert!(!first.body.contains("confirm"), "{}", first.body);
}

#[tokio::test]
async fn a_result_looks_first_and_confirms_only_what_is_to_be_confirmed() {
    let script = Script::play([ok("requires_payment_method"), ok("succeeded"), ok("succeeded")]).await;
    assert_eq!(stripe(&script).result(&charge()).await, Ok(Standing::Approved));
    assert_eq!(stripe(&script).result(&charge()).await, Ok(Standing::Approved));
    let seen = script.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let look = "GET /v1/payment_intents/pi_1";
    assert_eq!(lines, [look, "POST /v1/payment_intents/pi_1/confirm", look], "what is paid is not confirmed again");
    assert_eq!(seen[1].key.as_deref(), Some("the-payment-confirm"));
    assert!(seen[1].body.contains("payment_method=pm_card_visa"), "{}", seen[1].body);
}

#[tokio::test]
async fn a_time_out_after_the_charge_went_through_is_asked_about_and_not_charged_again() {
    let script = Script::play([ok("requires_payment_method"), Answer::Never, ok("succeeded")]).await;
    assert_eq!(guarded(&script).result(&charge()).await, Ok(Standing::Approved));
    let seen = script.seen();
    let confirms = seen.iter().filter(|seen| seen.line.ends_with("/confirm")).count();
    assert_eq!((confirms, seen.len()), (1, 3), "{seen:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_tried_again_with_the_same_key() {
    let script = Script::play([Answer::Cut, ok("requires_payment_method")]).await;
    assert!(guarded(&script).request(&charge()).await.is_ok());
    let seen = script.seen();
    assert_eq!((seen.len(), &seen[0]), (2, &seen[1]));
}

#[tokio::test]
async fn a_declined_card_is_an_answer_and_no_failure() {
    let declined = json!({ "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" });
    let script = Script::play([ok("requires_confirmation"), error(402, &declined)]).await;
    let guarded = guarded(&script);
    let standing = guarded.result(&charge()).await;
    assert_eq!(standing, Ok(Standing::Declined(Some("insufficient_funds".to_owned()))));
    assert_eq!(guarded.seen().failures, 0);

    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = declined;
    let script = Script::play([Answer::Json(200, failed)]).await;
    assert_eq!(stripe(&script).result(&charge()).await, standing, "found later, it is the same answer");
}

#[tokio::test]
async fn too_many_requests_says_when_to_ask_again_and_opens_nothing() {
    let script = Script::play([Answer::Busy(7)]).await;
    let guarded = guarded(&script);
    let busy = guarded.request(&charge()).await.unwrap_err();
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((script.seen().len(), guarded.seen().failures), (1, 0));
}

#[tokio::test]
async fn errors_of_stripe_open_the_breaker_and_then_it_is_not_asked() {
    let broken = || error(500, &json!({ "message": "oh no" }));
    let script = Script::play([broken(), broken(), broken()]).await;
    let guarded = Arc::new(guarded(&script));
    let first = guarded.request(&charge()).await.unwrap_err();
    assert!(matches!(&first, ProviderError::Failed(why) if why.contains("500") && why.contains("oh no")), "{first}");
    assert!(matches!(guarded.request(&charge()).await, Err(ProviderError::CircuitOpen(_))));
    assert_eq!((guarded.seen().state, script.seen().len()), (breaker::State::Open, 3));
    let refused = guarded.request(&charge()).await.unwrap_err();
    assert!(refused.retry_after().is_some_and(|after| after > Duration::from_secs(50)), "{refused}");
    assert_eq!(script.seen().len(), 3, "while it is open nobody is asked");
}

#[tokio::test]
async fn a_request_that_stripe_cannot_take_is_refused() {
    let script = Script::play([error(400, &json!({ "code": "amount_too_small", "message": "too small" }))]).await;
    let guarded = guarded(&script);
    let refused = guarded.request(&charge()).await.unwrap_err();
    assert!(matches!(&refused, ProviderError::Refused(why) if why.contains("too small")), "{refused}");
    assert_eq!((script.seen().len(), guarded.seen().failures), (1, 0), "asking again would not help");
}

#[tokio::test]
async fn the_key_is_in_no_error() {
    let script =
        Script::play([error(401, &json!({ "message": "Invalid API Key provided: sk_test_secret" })), Answer::Cut])
            .await;
    for _ in 0..2 {
        let failed = stripe(&script).request(&charge()).await.unwrap_err().to_string();
        assert!(!failed.contains("sk_test"), "{failed}");
    }
}

#[tokio::test]
async fn a_capture_takes_what_is_set_aside_also_when_it_was_taken_before() {
    let moved_on = json!({ "code": "payment_intent_unexpected_state", "message": "it succeeded" });
    let script =
        Script::play([ok("succeeded"), error(400, &moved_on), ok("succeeded"), error(400, &moved_on), ok("canceled")])
            .await;
    let stripe = stripe(&script);
    assert_eq!(stripe.capture(&charge(), Amount(800)).await, Ok(()));
    assert_eq!(stripe.capture(&charge(), Amount(800)).await, Ok(()));
    assert!(matches!(stripe.capture(&charge(), Amount(800)).await, Err(ProviderError::Refused(_))));
    let seen = &script.seen()[0];
    assert_eq!((seen.body.as_str(), seen.key.as_deref()), ("amount_to_capture=800", Some("the-payment-capture")));
}

#[tokio::test]
async fn what_is_called_off_may_turn_out_to_be_paid() {
    let moved_on = json!({ "code": "payment_intent_unexpected_state", "message": "it succeeded" });
    let script = Script::play([ok("canceled"), error(400, &moved_on), ok("succeeded")]).await;
    let stripe = stripe(&script);
    assert_eq!(stripe.cancel(&charge()).await, Ok(Standing::Declined(Some("cancelled".to_owned()))));
    assert_eq!(stripe.cancel(&charge()).await, Ok(Standing::Approved));
}

#[tokio::test]
async fn a_refund_has_its_own_key_and_what_is_refunded_already_is_done() {
    let made = |status: &str| {
        Answer::Json(200, json!({ "id": "re_1", "status": status, "failure_reason": "lost_or_stolen_card" }))
    };
    let already = error(400, &json!({ "code": "charge_already_refunded" }));
    let script = Script::play([made("pending"), already, made("failed")]).await;
    let stripe = stripe(&script);
    assert_eq!(stripe.refund(&refund()).await, Ok(()));
    assert_eq!(stripe.refund(&refund()).await, Ok(()));
    let failed = stripe.refund(&refund()).await.unwrap_err();
    assert!(matches!(&failed, ProviderError::Refused(why) if why.contains("lost_or_stolen_card")), "{failed}");
    let seen = &script.seen()[0];
    assert_eq!((seen.line.as_str(), seen.key.as_deref()), ("POST /v1/refunds", Some("the-refund")));
    assert!(seen.body.contains("payment_intent=pi_1") && seen.body.contains("amount=300"), "{}", seen.body);
}

#[tokio::test]
async fn an_intent_that_was_never_heard_of_is_found_by_its_key() {
    let script = Script::play([ok("requires_payment_method"), ok("succeeded")]).await;
    let unheard = Charge { reference: None, ..charge() };
    assert_eq!(stripe(&script).result(&unheard).await, Ok(Standing::Approved));
    assert_eq!(script.seen()[0].key.as_deref(), Some("the-payment"));
}

#[tokio::test]
async fn an_error_that_stripe_only_repeats_for_a_key_is_left_behind_with_the_next_key() {
    let script = Script::play([error(500, &json!({})), Answer::Replayed(500), ok("requires_payment_method")]).await;
    assert!(guarded(&script).request(&charge()).await.is_ok());
    let keys: Vec<String> = script.seen().into_iter().filter_map(|seen| seen.key).collect();
    assert_eq!(keys, ["the-payment", "the-payment", "the-payment-2"]);
}

#[tokio::test]
async fn a_refund_that_seemed_to_fail_is_looked_for_before_another_key_is_used() {
    let list = |id: &str| {
        let made = json!({ "status": "succeeded", "metadata": { "refund_id": id } });
        Answer::Json(200, json!({ "object": "list", "data": [made] }))
    };
    let script = Script::play([Answer::Replayed(500), list("the-refund")]).await;
    assert_eq!(stripe(&script).refund(&refund()).await, Ok(()));
    assert_eq!(script.seen()[1].line, "GET /v1/refunds?payment_intent=pi_1&limit=100", "it was made");

    let made = Answer::Json(200, json!({ "id": "re_1", "status": "succeeded" }));
    let script = Script::play([Answer::Replayed(500), list("another"), made]).await;
    assert_eq!(stripe(&script).refund(&refund()).await, Ok(()));
    assert_eq!(script.seen()[2].key.as_deref(), Some("the-refund-2"), "it was not");
}
