//! What Stripe tells by itself: the signature of a webhook, and the payment result that its event is. No I/O: the body,
//! the header and the time are given.

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

use super::{Intent, LastError};
use crate::results::{PAYMENT_RESULT, PaymentResult, Verdict};

/// Why a webhook is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// No header, or not one of Stripe's.
    #[error("the header Stripe-Signature is missing, or is not t=…,v1=…")]
    NoSignature,
    /// Signed too long ago, or in the future: it may be one that somebody recorded.
    #[error("the signature's time is further from now than provider.stripe.webhook_tolerance")]
    Stale,
    /// Signed with another secret, or another body.
    #[error("the signature is not that of this body and of provider.stripe.webhook_secret")]
    Wrong,
}

/// Checks `Stripe-Signature`: `t=` a time, and at least one `v1=` that is the HMAC-SHA256 of time, point and body.
/// Signatures are compared in constant time.
///
/// # Errors
/// [`Forged`]
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secret: &Secret,
    tolerance: Duration,
    now: Timestamp,
) -> Result<(), Forged> {
    let parts = || header.unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(Forged::NoSignature)?;
    let seconds: i64 = time.parse().map_err(|_| Forged::NoSignature)?;
    let mut given = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, text)| bytes(text)).peekable();
    given.peek().ok_or(Forged::NoSignature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).map_err(|_| Forged::Wrong)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // While a secret is replaced there is one signature of each; `verify_slice` takes the same time for any of that
    // length.
    if !given.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
        return Err(Forged::Wrong);
    }
    let signed = Timestamp(seconds.saturating_mul(1000));
    if now.since(signed).max(signed.since(now)) > tolerance {
        return Err(Forged::Stale);
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

/// The payment result that an event is, as a message; none where it is none of ours, or says nothing of a result. The
/// same event has the same id, however often it comes.
///
/// # Errors
/// Why it can't be read.
pub fn result(body: &[u8], now: Timestamp) -> Result<Option<Outgoing>, serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    let status = match event.kind.as_str() {
        "payment_intent.succeeded" => Verdict::Approved,
        "payment_intent.amount_capturable_updated" => Verdict::Authorized,
        "payment_intent.payment_failed" | "payment_intent.canceled" => Verdict::Declined,
        _ => return Ok(None),
    };
    let Named { metadata } = Named::deserialize(&event.data.object)?;
    let named = metadata.get("order_id").and_then(|order| order.parse().ok()).zip(metadata.get("payment_id"));
    let Some((order_id, payment_id)) = named else { return Ok(None) };
    let intent = Intent::deserialize(&event.data.object)?;
    let reason = match status {
        Verdict::Declined => intent.last_payment_error.and_then(LastError::reason).or(intent.cancellation_reason),
        Verdict::Approved | Verdict::Authorized => None,
    };
    let result =
        PaymentResult { order_id, status, reason, payment_id: Some(payment_id.clone()), reference: Some(intent.id) };
    let (id, order) = (ids::derive(&["stripe", &event.id]).to_string(), order_id.to_string());
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

    fn check(header: &str, body: &str) -> Result<(), Forged> {
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
        let (old, new) = (sign("whsec_old", 1_760_000_000, "{}"), sign("whsec_a", 1_760_000_000, "{}"));
        assert_eq!(check(&format!("t=1760000000,v1={old},v1={new},v0=00"), "{}"), Ok(()));
    }

    #[test]
    fn what_is_forged_is_refused() {
        let good = sign("whsec_a", 1_760_000_000, "{}");
        for (header, body, why) in [
            (format!("t=1760000000,v1={good}"), "{ }", Forged::Wrong),
            (format!("t=1760000001,v1={good}"), "{}", Forged::Wrong),
            (format!("t=1760000000,v1={}", sign("whsec_b", 1_760_000_000, "{}")), "{}", Forged::Wrong),
            (format!("t=1760000000,v1={}", good.split_at(62).0), "{}", Forged::Wrong),
            (format!("t=1760000000,v0={good}"), "{}", Forged::NoSignature),
            (format!("v1={good}"), "{}", Forged::NoSignature),
            ("t=1760000000,v1=zz".to_owned(), "{}", Forged::NoSignature),
            (String::new(), "{}", Forged::NoSignature),
        ] {
            assert_eq!(check(&header, body), Err(why), "{header}");
        }
        assert_eq!(verify(None, b"{}", &"whsec_a".into(), TOLERANCE, NOW), Err(Forged::NoSignature));
    }

    #[test]
    fn what_was_signed_long_ago_or_ahead_of_time_is_refused() {
        for (time, right) in [(-301, Err(Forged::Stale)), (-300, Ok(())), (300, Ok(())), (301, Err(Forged::Stale))] {
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
            let said = result(event(kind, &object).as_bytes(), NOW).unwrap().unwrap();
            assert_eq!(said, result(event(kind, &object).as_bytes(), NOW).unwrap().unwrap());
            let value: serde_json::Value = serde_json::from_slice(said.value.bytes().unwrap()).unwrap();
            let told = (value["orderId"].as_str(), value["status"].as_str(), value["reference"].as_str());
            assert_eq!(told, (Some(ORDER), Some(status), Some("pi_1")));
            assert_eq!(value["reason"].as_str(), (status == "declined").then_some("lost_card"));
        }
    }

    #[test]
    fn what_is_not_ours_or_no_result_is_passed_over() {
        let ours = json!({ "id": "pi_1", "status": "x", "metadata": { "order_id": ORDER, "payment_id": "p1" } });
        let theirs = json!({ "id": "pi_2", "status": "x", "metadata": {} });
        assert_eq!(result(event("charge.updated", &ours).as_bytes(), NOW).unwrap(), None);
        assert_eq!(result(event("payment_intent.succeeded", &theirs).as_bytes(), NOW).unwrap(), None);
        assert!(result(b"{}", NOW).is_err());
    }
}
