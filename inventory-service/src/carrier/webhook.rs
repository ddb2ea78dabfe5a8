//! Signed webhooks of carriers, by Standard Webhooks 1.0
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): the signature, and
//! the event in the body. No I/O: headers, body and time are arguments.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::settings::Secret;
use common::signature::{Rejection, Signed};
use common::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::messages::Stage;

/// What a secret begins with; the rest is its key in Base64.
const PREFIX: &str = "whsec_";
/// The allowed lengths of the key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The type of the events that are used.
const TRACKING_UPDATED: &str = "tracking.updated";

/// Why a signature is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing or malformed.
    #[error("one of the headers webhook-id, webhook-timestamp and webhook-signature is missing or malformed")]
    NoSignature,
    /// Signed too long ago, or in the future: the request may be a replay.
    #[error("the signature's time is further from now than shipping.webhook_tolerance")]
    Stale,
    /// Signed with another secret, or for another body.
    #[error("the signature is not that of this body and of shipping.webhook_secret")]
    Wrong,
}

impl From<Rejection> for SignatureError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Stale => Self::Stale,
            Rejection::Wrong => Self::Wrong,
        }
    }
}

/// The headers of a webhook.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'h> {
    /// `webhook-id`: the same for all deliveries of an event.
    pub id: &'h str,
    /// `webhook-timestamp`: seconds since the Unix epoch.
    pub timestamp: &'h str,
    /// `webhook-signature`: `v1,` and the HMAC-SHA256 in Base64, several separated by spaces.
    pub signature: &'h str,
}

/// The key of a secret; `None` unless it is `whsec_` and 24 to 64 bytes in Base64.
pub fn key_of(secret: &Secret) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.reveal().strip_prefix(PREFIX)?).ok()?;
    KEY_BYTES.contains(&key.len()).then_some(key)
}

/// Checks that one of the signatures is the HMAC-SHA256 of id, time and body, joined by points. They are compared in
/// constant time.
///
/// # Errors
/// [`SignatureError`]
pub fn verify(
    headers: Headers<'_>,
    body: &[u8],
    secret: &Secret,
    tolerance: Duration,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let Headers { id, timestamp, signature } = headers;
    let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::NoSignature)?;
    let v1 = |text: &str| STANDARD.decode(text.strip_prefix("v1,")?).ok();
    let mut given = signature.split(' ').filter_map(v1).peekable();
    given.peek().filter(|_| !id.is_empty()).ok_or(SignatureError::NoSignature)?;
    let key = key_of(secret).ok_or(SignatureError::Wrong)?;
    let prefix = format!("{id}.{timestamp}.");
    Ok(Signed { prefix: &prefix, body, seconds }.verify(&key, given, tolerance, now)?)
}

/// The body of a webhook.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// `data` of an event `tracking.updated`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = TrackingUpdate)]
#[serde(rename_all = "camelCase")]
pub struct Tracking {
    /// Names the parcel.
    pub tracking_number: String,
    pub status: Stage,
    /// When it happened; by default now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// For the shipment's history, such as a place.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub note: Option<String>,
}

/// Reads an event; `None` for one of another type.
///
/// # Errors
/// The body is not JSON, or the event lacks a field.
pub fn read(body: &[u8]) -> Result<Option<Tracking>, serde_json::Error> {
    let Event { kind, data } = serde_json::from_slice(body)?;
    if kind != TRACKING_UPDATED {
        return Ok(None);
    }
    Tracking::deserialize(data).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: &str = "1614265330";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const NOW: Timestamp = Timestamp(1_614_265_330_000);
    const TOLERANCE: Duration = Duration::from_secs(300);

    fn check(headers: Headers<'_>, body: &str, secret: &str, now: Timestamp) -> Result<(), SignatureError> {
        verify(headers, body.as_bytes(), &secret.into(), TOLERANCE, now)
    }

    fn headers(signature: &str) -> Headers<'_> {
        Headers { id: ID, timestamp: TIME, signature }
    }

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        assert_eq!(check(headers(SIGNATURE), BODY, SECRET, NOW), Ok(()));
        let several = format!("v1,AAAA v2,BBBB {SIGNATURE}");
        assert_eq!(check(headers(&several), BODY, SECRET, NOW), Ok(()), "one of several secrets");
    }

    #[test]
    fn another_body_id_time_or_secret_is_refused() {
        let wrong = Err(SignatureError::Wrong);
        assert_eq!(check(headers(SIGNATURE), r#"{"test": 1}"#, SECRET, NOW), wrong);
        assert_eq!(check(Headers { id: "msg_2", ..headers(SIGNATURE) }, BODY, SECRET, NOW), wrong);
        assert_eq!(check(Headers { timestamp: "1614265331", ..headers(SIGNATURE) }, BODY, SECRET, NOW), wrong);
        assert_eq!(check(headers(SIGNATURE), BODY, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOW), wrong);
        assert_eq!(check(headers(SIGNATURE), BODY, "", NOW), wrong);
    }

    #[test]
    fn a_missing_or_malformed_header_is_no_signature() {
        let none = Err(SignatureError::NoSignature);
        for signature in ["", "v1", "v1,", "v2,AAAA", "v1,?", "g0hM9SsE"] {
            let found = check(headers(signature), BODY, SECRET, NOW);
            // An empty signature is one, and a wrong one.
            assert!(found == none || signature == "v1," && found == Err(SignatureError::Wrong), "{signature}");
        }
        assert_eq!(check(Headers { timestamp: "soon", ..headers(SIGNATURE) }, BODY, SECRET, NOW), none);
        assert_eq!(check(Headers { id: "", ..headers(SIGNATURE) }, BODY, SECRET, NOW), none);
    }

    #[test]
    fn an_old_signature_or_one_of_the_future_is_refused() {
        for (seconds, expected) in [(300, Ok(())), (301, Err(SignatureError::Stale))] {
            for now in [NOW.0 + seconds * 1000, NOW.0 - seconds * 1000] {
                assert_eq!(check(headers(SIGNATURE), BODY, SECRET, Timestamp(now)), expected, "{seconds}");
            }
        }
    }

    #[test]
    fn a_secret_is_a_key_of_24_to_64_bytes_in_base64() {
        let secret = |bytes: usize| Secret::from(&*format!("whsec_{}", STANDARD.encode(vec![7; bytes])));
        assert!(key_of(&secret(24)).is_some() && key_of(&secret(64)).is_some());
        assert!(key_of(&secret(23)).is_none() && key_of(&secret(65)).is_none());
        assert!(key_of(&"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).is_none() && key_of(&"".into()).is_none());
    }

    #[test]
    fn an_event_of_another_type_is_not_used_and_an_incomplete_one_is_refused() {
        assert_eq!(read(br#"{"type":"label.printed"}"#).unwrap(), None);
        let event = br#"{"type":"tracking.updated","data":{"trackingNumber":"CA1","status":"in_transit","more":1}}"#;
        let tracking = read(event).unwrap().unwrap();
        assert_eq!((&*tracking.tracking_number, tracking.status), ("CA1", Stage::InTransit));
        for wrong in [
            "",
            "[]",
            r#"{"type":"tracking.updated"}"#,
            r#"{"type":"tracking.updated","data":{"trackingNumber":"CA1","status":"stolen"}}"#,
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
