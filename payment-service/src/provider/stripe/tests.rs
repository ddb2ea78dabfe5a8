//! The client against a local server that answers by a script: the requests with their keys, and every way in which
//! Stripe can fail.

mod rejections;
mod script;

use std::sync::Arc;
use std::time::Duration;

use common::ids::OrderId;
use common::sensitive::Sensitive;
use serde_json::{Value, json};

use super::*;
use crate::provider::breaker;
use crate::provider::call::ProviderKind;
use crate::provider::guard::{CallPolicy, Guarded};
use crate::tests::fixture::provider_settings;
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
        token: None,
        reference: Some("pi_1".to_owned()),
        call: 1,
        trace: None,
    }
}

fn refund() -> Refund {
    let Charge { order, payment_id, provider, reference, .. } = charge();
    let amount = Some(Amount(300));
    let refund_id = "the-refund".to_owned();
    let currency = "BRL".to_owned();
    Refund { order, payment_id, refund_id, provider, amount, currency, reference, call: 1, trace: None }
}

fn stripe(script: &Script) -> Stripe {
    let mut settings = provider_settings().stripe;
    settings.base_url = script.url();
    settings.api_key = "sk_test_secret".into();
    settings.payment_method = "pm_card_visa".to_owned();
    Stripe::new(&settings).unwrap()
}

/// As the service uses it, with a short timeout and two attempts.
fn guarded(script: &Script) -> Guarded<Stripe> {
    let breaker = breaker::Limits { failures: 3, open_for: Duration::from_secs(60) };
    let timeout = Duration::from_millis(300);
    Guarded::new(stripe(script), CallPolicy { timeout, attempts: 2, pause: Duration::from_millis(1), breaker })
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
    let [first, second] = script.received().try_into().unwrap();
    assert_eq!(first, second, "a repeated request has the same key and body");
    assert_eq!((first.line.as_str(), first.key.as_deref()), ("POST /v1/payment_intents", Some("the-payment")));
    assert_eq!(first.authorization.as_deref(), Some("Bearer sk_test_secret"));
    for part in ["amount=1050", "currency=brl", "capture_method=automatic", "metadata%5Bpayment_id%5D=the-payment"] {
        assert!(first.body.contains(part), "{part}: {}", first.body);
    }
    assert!(!first.body.contains("confirm"), "{}", first.body);
}

#[tokio::test]
async fn a_query_reads_first_and_confirms_only_what_is_unconfirmed() {
    let script = Script::play([ok("requires_payment_method"), ok("succeeded"), ok("succeeded")]).await;
    assert_eq!(stripe(&script).result(&charge()).await, Ok(ChargeStatus::Approved));
    assert_eq!(stripe(&script).result(&charge()).await, Ok(ChargeStatus::Approved));
    let received = script.received();
    let lines: Vec<&str> = received.iter().map(|received| received.line.as_str()).collect();
    let read = "GET /v1/payment_intents/pi_1";
    assert_eq!(lines, [read, "POST /v1/payment_intents/pi_1/confirm", read], "what is paid is not confirmed again");
    assert_eq!(received[1].key.as_deref(), Some("the-payment-confirm"));
    assert!(received[1].body.contains("payment_method=pm_card_visa"), "{}", received[1].body);
}

#[tokio::test]
async fn a_time_out_after_the_charge_is_queried_and_not_charged_again() {
    let script = Script::play([ok("requires_payment_method"), Answer::Never, ok("succeeded")]).await;
    assert_eq!(guarded(&script).result(&charge()).await, Ok(ChargeStatus::Approved));
    let received = script.received();
    let confirms = received.iter().filter(|received| received.line.ends_with("/confirm")).count();
    assert_eq!((confirms, received.len()), (1, 3), "{received:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_tried_again_with_the_same_key() {
    let script = Script::play([Answer::Cut, ok("requires_payment_method")]).await;
    assert!(guarded(&script).request(&charge()).await.is_ok());
    let received = script.received();
    assert_eq!((received.len(), &received[0]), (2, &received[1]));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_kept_and_is_tried_again() {
    let mut long = intent("requires_payment_method");
    long["description"] = "x".repeat(client::LONGEST_ANSWER).into();
    let script = Script::play([Answer::Json(200, long), ok("requires_payment_method")]).await;
    assert!(guarded(&script).request(&charge()).await.is_ok());
    let script = Script::play([error(500, &json!({ "message": "x".repeat(client::LONGEST_ANSWER) }))]).await;
    let failed = stripe(&script).request(&charge()).await.unwrap_err();
    assert!(failed.to_string().contains("no reason given"), "{failed}");
}

#[tokio::test]
async fn a_declined_card_is_an_answer_and_no_failure() {
    let declined = json!({ "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds" });
    let script = Script::play([ok("requires_confirmation"), error(402, &declined)]).await;
    let guarded = guarded(&script);
    let status = guarded.result(&charge()).await;
    assert_eq!(status, Ok(ChargeStatus::Declined(Some("insufficient_funds".to_owned()))));
    assert_eq!(guarded.health().failures, 0);

    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = declined;
    let script = Script::play([Answer::Json(200, failed)]).await;
    assert_eq!(stripe(&script).result(&charge()).await, status, "read later, it is the same answer");
}

#[tokio::test]
async fn too_many_requests_has_a_retry_time_and_does_not_open_the_breaker() {
    let script = Script::play([Answer::Busy(7)]).await;
    let guarded = guarded(&script);
    let busy = guarded.request(&charge()).await.unwrap_err();
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((script.received().len(), guarded.health().failures), (1, 0));
}

#[tokio::test]
async fn errors_of_stripe_open_the_breaker_and_then_it_is_not_called() {
    let broken = || error(500, &json!({ "message": "oh no" }));
    let script = Script::play([broken(), broken(), broken()]).await;
    let guarded = Arc::new(guarded(&script));
    let first = guarded.request(&charge()).await.unwrap_err();
    assert!(matches!(&first, ProviderError::Failed(why) if why.contains("500") && why.contains("oh no")), "{first}");
    assert!(matches!(guarded.request(&charge()).await, Err(ProviderError::CircuitOpen(_))));
    assert_eq!((guarded.health().state, script.received().len()), (breaker::State::Open, 3));
    let refused = guarded.request(&charge()).await.unwrap_err();
    assert!(refused.retry_after().is_some_and(|after| after > Duration::from_secs(50)), "{refused}");
    assert_eq!(script.received().len(), 3, "while it is open Stripe is not called");
}

#[tokio::test]
async fn a_request_that_stripe_rejects_is_refused() {
    let script = Script::play([error(400, &json!({ "type": "invalid_request_error", "message": "too small" }))]).await;
    let guarded = guarded(&script);
    let refused = guarded.request(&charge()).await.unwrap_err();
    assert!(matches!(&refused, ProviderError::Refused(why) if why.contains("too small")), "{refused}");
    assert_eq!((script.received().len(), guarded.health().failures), (1, 0), "another attempt would not help");
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
async fn a_capture_succeeds_also_if_it_was_made_before() {
    let moved_on = json!({ "code": "payment_intent_unexpected_state", "message": "it succeeded" });
    let script =
        Script::play([ok("succeeded"), error(400, &moved_on), ok("succeeded"), error(400, &moved_on), ok("canceled")])
            .await;
    let stripe = stripe(&script);
    assert_eq!(stripe.capture(&charge(), Amount(800)).await, Ok(()));
    assert_eq!(stripe.capture(&charge(), Amount(800)).await, Ok(()));
    assert!(matches!(stripe.capture(&charge(), Amount(800)).await, Err(ProviderError::Refused(_))));
    let received = &script.received()[0];
    assert_eq!(
        (received.body.as_str(), received.key.as_deref()),
        ("amount_to_capture=800", Some("the-payment-capture"))
    );
}

#[tokio::test]
async fn a_cancelled_intent_may_turn_out_to_be_paid() {
    let moved_on = json!({ "code": "payment_intent_unexpected_state", "message": "it succeeded" });
    let script = Script::play([ok("canceled"), error(400, &moved_on), ok("succeeded")]).await;
    let stripe = stripe(&script);
    assert_eq!(stripe.cancel(&charge()).await, Ok(ChargeStatus::Declined(Some("cancelled".to_owned()))));
    assert_eq!(stripe.cancel(&charge()).await, Ok(ChargeStatus::Approved));
}

#[tokio::test]
async fn a_refund_has_its_own_key_and_what_is_refunded_already_is_done() {
    let made = |status: &str| {
        Answer::Json(200, json!({ "id": "re_1", "status": status, "failure_reason": "lost_or_stolen_card" }))
    };
    let already = error(400, &json!({ "code": "charge_already_refunded" }));
    let script = Script::play([made("pending"), already, made("failed")]).await;
    let stripe = stripe(&script);
    assert_eq!(stripe.refund(&refund()).await, Ok(RefundStatus::Pending));
    assert_eq!(stripe.refund(&refund()).await, Ok(RefundStatus::Made));
    assert_eq!(stripe.refund(&refund()).await, Ok(RefundStatus::Failed("lost_or_stolen_card".to_owned())));
    let received = &script.received()[0];
    assert_eq!((received.line.as_str(), received.key.as_deref()), ("POST /v1/refunds", Some("the-refund")));
    assert!(received.body.contains("payment_intent=pi_1") && received.body.contains("amount=300"), "{}", received.body);
}

#[tokio::test]
async fn a_refund_needs_the_id_that_stripe_gave() {
    let script = Script::play([]).await;
    let unknown = Refund { reference: None, payment_id: "pi_SOMEBODY".to_owned(), ..refund() };
    assert!(matches!(stripe(&script).refund(&unknown).await, Err(ProviderError::Refused(_))));
    assert!(script.received().is_empty());
}

#[tokio::test]
async fn amounts_are_in_stripes_units_of_the_currency() {
    let made = Answer::Json(200, json!({ "id": "re_1", "status": "succeeded" }));
    let script = Script::play([ok("requires_payment_method"), ok("succeeded"), made]).await;
    let stripe = stripe(&script);
    let charge = Charge { currency: "ISK".to_owned(), amount: Amount(500), ..charge() };
    stripe.request(&charge).await.unwrap();
    stripe.capture(&charge, Amount(400)).await.unwrap();
    stripe.refund(&Refund { currency: "ISK".to_owned(), amount: Some(Amount(3)), ..refund() }).await.unwrap();
    let bodies: Vec<String> = script.received().into_iter().map(|received| received.body).collect();
    for (body, part) in bodies.iter().zip(["amount=50000&currency=isk", "amount_to_capture=40000", "amount=300"]) {
        assert!(body.contains(part), "{part}: {body}");
    }
    let charge = Charge { currency: "KWD".to_owned(), amount: Amount(1234), ..charge };
    assert!(matches!(stripe.request(&charge).await, Err(ProviderError::Refused(_))));
}

#[tokio::test]
async fn an_intent_without_a_known_id_is_found_by_its_key() {
    let script = Script::play([ok("requires_payment_method"), ok("succeeded")]).await;
    let unknown = Charge { reference: None, ..charge() };
    assert_eq!(stripe(&script).result(&unknown).await, Ok(ChargeStatus::Approved));
    assert_eq!(script.received()[0].key.as_deref(), Some("the-payment"));
}

#[tokio::test]
async fn an_error_that_stripe_repeats_for_a_key_is_avoided_with_the_next_key() {
    let script = Script::play([error(500, &json!({})), Answer::Replayed(500), ok("requires_payment_method")]).await;
    assert!(guarded(&script).request(&charge()).await.is_ok());
    let keys: Vec<String> = script.received().into_iter().filter_map(|received| received.key).collect();
    assert_eq!(keys, ["the-payment", "the-payment", "the-payment-2"]);
}

#[tokio::test]
async fn a_refund_that_seemed_to_fail_is_read_before_another_key_is_used() {
    let list = |id: &str| {
        let made = json!({ "status": "succeeded", "metadata": { "refund_id": id } });
        Answer::Json(200, json!({ "object": "list", "data": [made] }))
    };
    let script = Script::play([Answer::Replayed(500), list("the-refund")]).await;
    assert_eq!(stripe(&script).refund(&refund()).await, Ok(RefundStatus::Made));
    assert_eq!(script.received()[1].line, "GET /v1/refunds?payment_intent=pi_1&limit=100", "it was made");

    let made = Answer::Json(200, json!({ "id": "re_1", "status": "succeeded" }));
    let script = Script::play([Answer::Replayed(500), list("another"), made]).await;
    assert_eq!(stripe(&script).refund(&refund()).await, Ok(RefundStatus::Made));
    assert_eq!(script.received()[2].key.as_deref(), Some("the-refund-2"), "it was not");
}

fn required(action: Value) -> ChargeStatus {
    ChargeStatus::ActionRequired { action: serde_json::from_value(action).unwrap(), reported: false }
}

#[tokio::test]
async fn what_stripe_asks_of_the_customer_is_an_action() {
    let intent = |next: Value| {
        let mut intent = intent("requires_action");
        intent["client_secret"] = "pi_1_secret".into();
        intent["next_action"] = next;
        Answer::Json(200, intent)
    };
    let url = "https://bank.example/3ds";
    let long = format!("https://bank.example/{}", "x".repeat(3_000));
    let pix = json!({ "type": "pix_display_qr_code", "pix_display_qr_code": {
        "data": "0002BR", "hosted_instructions_url": "https://pix.example", "expires_at": 1_760_000_000 } });
    let code = json!({ "type": "show_code", "code": "0002BR", "url": "https://pix.example",
        "expiresAt": "2025-10-09T08:53:20.000Z" });
    let confirm = json!({ "type": "confirm", "clientSecret": "pi_1_secret" });
    for (next, action) in [
        (json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "a": 1 } }), confirm.clone()),
        (
            json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url } }),
            json!({ "type": "redirect", "url": url }),
        ),
        (json!({ "type": "redirect_to_url", "redirect_to_url": { "url": long } }), confirm.clone()),
        (pix, code),
        (json!({ "type": "of_a_newer_version" }), confirm),
    ] {
        let script = Script::play([intent(next)]).await;
        assert_eq!(stripe(&script).result(&charge()).await, Ok(required(action)));
    }
    let script = Script::play([ok("requires_action"), ok("processing")]).await;
    let stripe = stripe(&script);
    assert_eq!(stripe.result(&charge()).await, Ok(ChargeStatus::Open), "without a secret");
    assert_eq!(stripe.result(&charge()).await, Ok(ChargeStatus::Open));
}

#[tokio::test]
async fn an_intent_is_confirmed_with_the_token_or_the_method_of_the_order_or_by_the_customer() {
    let confirmed = async |charge: Charge, return_url: &str, default: &str| {
        let mut unconfirmed = intent("requires_payment_method");
        unconfirmed["client_secret"] = "pi_1_secret".into();
        let script = Script::play([Answer::Json(200, unconfirmed), ok("succeeded")]).await;
        let mut settings = provider_settings().stripe;
        settings.base_url = script.url();
        settings.api_key = "sk_test_secret".into();
        default.clone_into(&mut settings.payment_method);
        return_url.clone_into(&mut settings.return_url);
        let status = Stripe::new(&settings).unwrap().result(&charge).await.unwrap();
        (status, script.received().get(1).map(|received| received.body.clone()))
    };
    let with = |method, token: Option<&str>| Charge {
        method,
        token: token.map(|token| Sensitive(token.to_owned())),
        ..charge()
    };
    let back = "https://shop.example/back";
    for (charge, return_url, body) in [
        (with(Some(PaymentMethod::Card), Some("pm_1")), "", "payment_method=pm_1"),
        (with(None, Some("pm_1")), back, "payment_method=pm_1&return_url=https%3A%2F%2Fshop.example%2Fback"),
        (with(Some(PaymentMethod::Pix), None), "", "payment_method_data%5Btype%5D=pix"),
        (with(None, None), "", "payment_method=pm_default"),
    ] {
        let (status, sent) = confirmed(charge, return_url, "pm_default").await;
        assert_eq!((status, sent.as_deref()), (ChargeStatus::Approved, Some(body)));
    }
    let (status, sent) = confirmed(with(Some(PaymentMethod::Card), None), "", "").await;
    assert_eq!((status, sent), (required(json!({ "type": "confirm", "clientSecret": "pi_1_secret" })), None));
}

#[tokio::test]
async fn a_review_lists_all_refunds_and_disputes_in_minor_units() {
    let page = |data: Value, has_more: bool| Answer::Json(200, json!({ "data": data, "has_more": has_more }));
    let ours =
        json!({ "id": "re_1", "status": "pending", "amount": 30_000, "metadata": { "refund_id": "the-refund" } });
    let theirs = json!({ "id": "re_2", "status": "failed", "amount": 100, "failure_reason": "expired_card" });
    let dispute = |id: &str, status: &str, due_by: Value| {
        json!({ "id": id, "status": status, "amount": 100, "reason": "fraudulent",
            "evidence_details": { "due_by": due_by, "submission_count": 0 } })
    };
    let disputes = json!([
        dispute("dp_1", "warning_under_review", Value::Null),
        dispute("dp_2", "of_a_newer_version", Value::Null),
        dispute("dp_3", "needs_response", json!(1_795_000_000)),
    ]);
    let script = Script::play([page(json!([ours]), true), page(json!([theirs]), false), page(disputes, false)]).await;
    let charge = Charge { currency: "ISK".to_owned(), ..charge() };
    let listing = stripe(&script).review(&charge).await.unwrap();
    let refunds = json!([
        { "id": "re_1", "refundId": "the-refund", "amountMinor": 300, "status": "pending" },
        { "id": "re_2", "amountMinor": 1, "status": "failed", "reason": "expired_card" },
    ]);
    assert_eq!(serde_json::to_value(&listing.refunds).unwrap(), refunds);
    let disputes = json!([
        { "id": "dp_1", "amountMinor": 1, "status": "inquiry", "reason": "fraudulent", "underReview": true },
        { "id": "dp_3", "amountMinor": 1, "status": "open", "reason": "fraudulent",
            "answerBy": "2026-11-18T11:06:40.000Z" },
    ]);
    assert_eq!(serde_json::to_value(&listing.disputes).unwrap(), disputes);
    let lines: Vec<String> = script.received().into_iter().map(|received| received.line).collect();
    let refunds = "GET /v1/refunds?payment_intent=pi_1&limit=100";
    let expected =
        [refunds, &format!("{refunds}&starting_after=re_1"), "GET /v1/disputes?payment_intent=pi_1&limit=100"];
    assert_eq!(lines, expected);
    let unknown = Charge { reference: None, ..charge };
    assert!(matches!(stripe(&script).review(&unknown).await, Err(ProviderError::Refused(_))));
}
