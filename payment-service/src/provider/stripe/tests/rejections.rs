//! Requests that Stripe rejects: those that can never succeed are declines, and no error repeats a token.

use common::sensitive::Sensitive;
use serde_json::{Value, json};

use super::*;

const TOKEN: &str = "pm_1MqLiJLkdIwHu7ixUEgbFdYE";

fn by_token(token: &str) -> Charge {
    Charge { method: Some(PaymentMethod::Card), token: Some(Sensitive(token.to_owned())), ..charge() }
}

fn missing(param: &str) -> Value {
    json!({ "type": "invalid_request_error", "code": "resource_missing", "param": param,
        "message": format!("No such PaymentMethod: '{TOKEN}'; OAuth keys are used, pi_1_secret_2") })
}

/// The status after a confirmation that is answered with this error.
async fn confirmed(charge: &Charge, status: u16, fault: &Value) -> Result<ChargeStatus, ProviderError> {
    let script = Script::play([ok("requires_payment_method"), error(status, fault)]).await;
    stripe(&script).result(charge).await
}

fn declined(code: &str) -> Result<ChargeStatus, ProviderError> {
    Ok(ChargeStatus::Declined(Some(code.to_owned())))
}

#[tokio::test]
async fn a_confirmation_that_can_never_succeed_is_a_decline_with_stripes_code() {
    let pix = Charge { method: Some(PaymentMethod::Pix), ..charge() };
    let not_enabled = json!({ "type": "invalid_request_error", "param": "payment_method_data[type]",
        "message": "The payment method type provided: pix is invalid." });
    let used = json!({ "type": "invalid_request_error", "code": "payment_method_unexpected_state" });
    for (charge, status, fault, code) in [
        (by_token(TOKEN), 400, missing("payment_method"), "resource_missing"),
        (by_token(TOKEN), 404, missing("payment_method"), "resource_missing"),
        (by_token(TOKEN), 400, used, "payment_method_unexpected_state"),
        (by_token(TOKEN), 400, json!({ "type": "invalid_request_error" }), "invalid_request_error"),
        (by_token(TOKEN), 402, json!({ "type": "card_error", "code": "expired_card" }), "expired_card"),
        (pix, 400, not_enabled, "invalid_request_error"),
    ] {
        assert_eq!(confirmed(&charge, status, &fault).await, declined(code), "{fault}");
    }
}

#[tokio::test]
async fn a_rejection_that_says_nothing_about_the_payment_leaves_it_open() {
    let wrong_setting = json!({ "type": "invalid_request_error", "param": "return_url", "code": "url_invalid" });
    for (status, fault) in [(404, missing("intent")), (400, wrong_setting)] {
        let status = confirmed(&by_token(TOKEN), status, &fault).await;
        assert!(matches!(&status, Err(ProviderError::Refused(_))), "{fault}: {status:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_decision_of_stripe_is_a_technical_failure() {
    let errors = [
        json!({}),
        json!({ "code": "card_declined" }),
        json!({ "type": "idempotency_error", "message": "Keys for idempotent requests can be used once." }),
        json!({ "type": "api_error" }),
    ];
    let pages = [400, 402, 404, 405, 407, 408, 413, 421].map(Answer::Page);
    let timeout = error(408, &json!({ "type": "invalid_request_error" }));
    let answers = errors.iter().flat_map(|fault| [400, 402, 404].map(|status| error(status, fault)));
    for answer in answers.chain(pages).chain([timeout]) {
        let script =
            Script::play([ok("requires_payment_method"), answer.clone(), answer.clone(), answer.clone()]).await;
        let stripe = stripe(&script);
        let confirmation = stripe.result(&by_token(TOKEN)).await;
        assert!(matches!(&confirmation, Err(ProviderError::Failed(_))), "{answer:?}: {confirmation:?}");
        let request = stripe.request(&charge()).await;
        assert!(matches!(&request, Err(ProviderError::Failed(_))), "the request: {answer:?}: {request:?}");
        let refund = stripe.refund(&refund()).await;
        assert!(matches!(&refund, Err(ProviderError::Failed(_))), "a refund: {answer:?}: {refund:?}");
        assert_eq!(script.received().len(), 4);
    }
    let script = Script::play([Answer::Page(404)]).await;
    let Err(ProviderError::Failed(why)) = stripe(&script).owner("pi_1").await else { panic!("it is not known") };
    assert!(why.contains("404") && why.contains("provider.stripe.base_url"), "{why}");
}

#[tokio::test]
async fn an_intent_that_can_not_be_made_is_a_decline_when_its_result_is_asked_for() {
    let too_small = json!({ "type": "invalid_request_error", "code": "amount_too_small", "param": "amount" });
    let script = Script::play([error(400, &too_small)]).await;
    let unknown = Charge { reference: None, ..charge() };
    assert_eq!(stripe(&script).result(&unknown).await, declined("amount_too_small"));
}

#[tokio::test]
async fn no_error_repeats_a_token() {
    let repeats = |token: &str| {
        let message = format!("No such PaymentMethod: '{token}', pi_1_secret_2");
        json!({ "type": "invalid_request_error", "message": message })
    };
    for (status, token) in [(402, TOKEN), (404, TOKEN), (409, TOKEN), (500, TOKEN), (409, "a-token-of-another-form")] {
        let mut fault = repeats(token);
        fault["param"] = "intent".into();
        fault["code"] = if status == 404 { "resource_missing".into() } else { Value::Null };
        let shown = format!("{:?}", confirmed(&by_token(token), status, &fault).await);
        assert!(!shown.contains(token) && !shown.contains("_secret_"), "{status}: {shown}");
        assert!(shown.contains("No such PaymentMethod: '***', ***"), "{status}: {shown}");
    }
    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = repeats(TOKEN);
    let script = Script::play([Answer::Json(200, failed)]).await;
    assert_eq!(stripe(&script).result(&charge()).await, declined("No such PaymentMethod: '***', ***"));
}

#[tokio::test]
async fn the_owner_of_an_intent_is_in_its_metadata_and_a_foreign_intent_has_none() {
    let order = charge().order.to_string();
    let with = |metadata: Value| {
        let mut intent = intent("succeeded");
        intent["metadata"] = metadata;
        Answer::Json(200, intent)
    };
    let owner = Owner { order_id: charge().order, payment_id: "p1".to_owned() };
    for (answer, found) in [
        (with(json!({ "order_id": order, "payment_id": "p1" })), Some(owner)),
        (with(json!({ "order_id": "of another shop", "payment_id": "p1" })), None),
        (with(json!({})), None),
        (error(404, &missing("intent")), None),
    ] {
        let script = Script::play([answer]).await;
        assert_eq!(stripe(&script).owner("pi_1").await, Ok(found));
        assert_eq!(script.received()[0].line, "GET /v1/payment_intents/pi_1");
    }
    let script = Script::play([error(401, &json!({})), Answer::Busy(1)]).await;
    for _ in 0..2 {
        assert!(stripe(&script).owner("pi_1").await.is_err(), "it is not known");
    }
    assert_eq!(stripe(&script).owner("pi_1/../../refunds").await, Ok(None));
    assert_eq!(script.received().len(), 2);
}
