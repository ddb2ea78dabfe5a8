//! Stripe's webhooks (<https://docs.stripe.com/webhooks>): the signature, and the payment result in an event. No I/O:
//! body, header and time are arguments.

use std::collections::HashMap;
use std::time::Duration;

use common::ids;
use common::messages::Outgoing;
use common::settings::Secret;
use common::time::Timestamp;
use common::topics;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use super::objects::{Intent, LastError};
use crate::messages::{PAYMENT_RESULT, PaymentResult, Verdict};

/// Why a signature is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is missing or malformed.
    #[error("the header Stripe-Signature is missing, or is not t=…,v1=…")]
    NoSignature,
    /// Signed too long ago, or in the future: the request may be a replay.
    #[error("the signature's time is further from now than provider.stripe.webhook_tolerance")]
    Stale,
    /// Signed with another secret, or for another body.
    #[error("the signature is not that of this body and of provider.stripe.webhook_secret")]
    Wrong,
}

/// Checks `Stripe-Signature`: `t=` a time, and at least one `v1=` that is the HMAC-SHA256 of time, point and body.
/// Signatures are compared in constant time.
///
/// # Errors
/// [`SignatureError`]
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secret: &Secret,
    tolerance: Duration,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let parts = || header.unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(SignatureError::NoSignature)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureError::NoSignature)?;
    let mut given = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, text)| bytes(text)).peekable();
    given.peek().ok_or(SignatureError::NoSignature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).map_err(|_| SignatureError::Wrong)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // While a secret is being replaced there is a signature with each; `verify_slice` compares in constant time.
    if !given.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
        return Err(SignatureError::Wrong);
    }
    let signed = Timestamp(seconds.saturating_mul(1000));
    if now.since(signed).max(signed.since(now)) > tolerance {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// `{"id": "evt_…", "type": "payment_intent.succeeded", "data": {"object": {…}}}`
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// The payment result in an event, as a message; `None` if the event is about another payment, or has no result. The
/// message's id derives from the event's, so that a repeated event is the same message.
///
/// # Errors
/// The event can't be parsed.
pub fn result(body: &[u8], now: Timestamp) -> Result<Option<Outgoing>, serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    let status = match event.kind.as_str() {
        "payment_intent.succeeded" => Verdict::Approved,
        "payment_intent.amount_capturable_updated" => Verdict::Authorized,
        "payment_intent.payment_failed" | "payment_intent.canceled" => Verdict::Declined,
        _ => return Ok(None),
    };
    let Named { metadata } = Named::deserialize(&event.data.object)?;
    let ours = metadata.get("order_id").and_then(|order| order.parse().ok()).zip(metadata.get("payment_id"));
    let Some((order_id, payment_id)) = ours else { return Ok(None) };
    let intent = Intent::deserialize(&event.data.object)?;
    let reason = match status {
        Verdict::Declined => intent.last_payment_error.and_then(LastError::reason).or(intent.cancellation_reason),
        Verdict::Approved | Verdict::Authorized => None,
    };
    let result =
        PaymentResult { order_id, status, reason, payment_id: Some(payment_id.clone()), reference: Some(intent.id) };
    let id = ids::derive(&["stripe", &event.id]).to_string();
    let order = order_id.to_string();
    Ok(Some(Outgoing::event(topics::PAYMENT_RESULTS, &order, PAYMENT_RESULT, id, &order, now, &result)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORDER: &str = "3852cb18-9c19-4326-ac77-a1a0264bd98c";
    const NOW: Timestamp = Timestamp(1_760_000_000_000);
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn sign(secret: &str, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn check(header: &str, body: &str) -> Result<(), SignatureError> {
        verify(Some(header), body.as_bytes(), &"whsec_a".into(), TOLERANCE, NOW)
    }

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf '1760000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_a
        let known = "25c98e8a8ffe76ecfdc6b6a087949ec6e2299c84cd2f8d4a0cbc3e11888271a4";
        let made = sign("whsec_a", 1_760_000_000, r#"{"id":"evt_1"}"#);
        assert_eq!(made, known);
        assert_eq!(check(&format!("t=1760000000,v1={known}"), r#"{"id":"evt_1"}"#), Ok(()));
    }

    #[test]
    fn one_of_two_signatures_is_enough_while_the_secret_is_replaced() {
        let old = sign("whsec_old", 1_760_000_000, "{}");
        let new = sign("whsec_a", 1_760_000_000, "{}");
        assert_eq!(check(&format!("t=1760000000,v1={old},v1={new},v0=00"), "{}"), Ok(()));
    }

    #[test]
    fn forged_signatures_are_rejected() {
        let good = sign("whsec_a", 1_760_000_000, "{}");
        for (header, body, why) in [
            (format!("t=1760000000,v1={good}"), "{ }", SignatureError::Wrong),
            (format!("t=1760000001,v1={good}"), "{}", SignatureError::Wrong),
            (format!("t=1760000000,v1={}", sign("whsec_b", 1_760_000_000, "{}")), "{}", SignatureError::Wrong),
            (format!("t=1760000000,v1={}", good.split_at(62).0), "{}", SignatureError::Wrong),
            (format!("t=1760000000,v0={good}"), "{}", SignatureError::NoSignature),
            (format!("v1={good}"), "{}", SignatureError::NoSignature),
            ("t=1760000000,v1=zz".to_owned(), "{}", SignatureError::NoSignature),
            (String::new(), "{}", SignatureError::NoSignature),
        ] {
            assert_eq!(check(&header, body), Err(why), "{header}");
        }
        assert_eq!(verify(None, b"{}", &"whsec_a".into(), TOLERANCE, NOW), Err(SignatureError::NoSignature));
    }

    #[test]
    fn old_and_future_signatures_are_rejected() {
        for (time, right) in
            [(-301, Err(SignatureError::Stale)), (-300, Ok(())), (300, Ok(())), (301, Err(SignatureError::Stale))]
        {
            let time = 1_760_000_000 + time;
            assert_eq!(check(&format!("t={time},v1={}", sign("whsec_a", time, "{}")), "{}"), right, "{time}");
        }
    }

    fn event(kind: &str, object: &serde_json::Value) -> String {
        json!({ "id": "evt_1", "type": kind, "data": { "object": object } }).to_string()
    }

    #[test]
    fn an_event_of_our_intent_is_a_payment_result_with_the_events_own_id() {
        let metadata = json!({ "order_id": ORDER, "payment_id": "p1" });
        for (kind, more, status) in [
            ("payment_intent.succeeded", json!({}), "approved"),
            ("payment_intent.amount_capturable_updated", json!({}), "authorized"),
            ("payment_intent.payment_failed", json!({ "decline_code": "lost_card" }), "declined"),
        ] {
            let object = json!({ "id": "pi_1", "status": "x", "metadata": metadata, "last_payment_error": more });
            let message = result(event(kind, &object).as_bytes(), NOW).unwrap().unwrap();
            assert_eq!(message, result(event(kind, &object).as_bytes(), NOW).unwrap().unwrap());
            let value: serde_json::Value = serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
            let fields = (value["orderId"].as_str(), value["status"].as_str(), value["reference"].as_str());
            assert_eq!(fields, (Some(ORDER), Some(status), Some("pi_1")));
            assert_eq!(value["reason"].as_str(), (status == "declined").then_some("lost_card"));
        }
    }

    #[test]
    fn events_of_other_payments_or_without_a_result_are_ignored() {
        let ours = json!({ "id": "pi_1", "status": "x", "metadata": { "order_id": ORDER, "payment_id": "p1" } });
        let theirs = json!({ "id": "pi_2", "status": "x", "metadata": {} });
        assert_eq!(result(event("charge.updated", &ours).as_bytes(), NOW).unwrap(), None);
        assert_eq!(result(event("payment_intent.succeeded", &theirs).as_bytes(), NOW).unwrap(), None);
        assert!(result(b"{}", NOW).is_err());
    }
}
