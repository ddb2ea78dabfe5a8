//! Stripe's webhooks (<https://docs.stripe.com/webhooks>): the signature, and the payment in an event. No I/O: body,
//! header and time are arguments.

use std::time::Duration;

use common::ids;
use common::messages::Outgoing;
use common::settings::Secret;
use common::signature::{Rejection, Signed};
use common::time::Timestamp;
use common::topics;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

use super::currency::from_stripe;
use super::objects::{Intent, Named, Owner};
use crate::messages::{PROVIDER_EVENT, ProviderEvent};
use crate::text::cut;

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

impl From<Rejection> for SignatureError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Stale => Self::Stale,
            Rejection::Wrong => Self::Wrong,
        }
    }
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
    let mut given = parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, text)| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok())
        .peekable();
    given.peek().ok_or(SignatureError::NoSignature)?;
    let prefix = format!("{time}.");
    Ok(Signed { prefix: &prefix, body, seconds }.verify(secret.reveal().as_bytes(), given, tolerance, now)?)
}

/// `{"id": "evt_…", "type": "payment_intent.succeeded", "livemode": true, "data": {"object": {…}}}`
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    livemode: Option<bool>,
    /// The connected account that the event is about; missing for an event of the account itself.
    #[serde(default)]
    account: Option<String>,
    /// Missing in newer formats, which name the object only.
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    object: serde_json::Value,
}

/// A refund, a dispute, or a charge that was refunded.
#[derive(Debug, Deserialize)]
struct OfIntent {
    #[serde(default)]
    payment_intent: Option<String>,
}

/// What an event is to this service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A change of a payment, to be compared with it.
    Change(ProviderEvent),
    /// A change of the refunds or disputes of a payment, which Stripe's id names.
    Review(ReviewEvent),
    /// Of another account or mode than the API key: why.
    Foreign(String),
    /// About another payment, or no change of one.
    Unrelated,
}

/// An event about a refund or a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewEvent {
    /// Its id.
    pub event: String,
    /// Its type.
    pub kind: String,
    /// Stripe's id of the payment.
    pub reference: String,
}

impl ReviewEvent {
    /// The event as a message to the payment that has that id.
    pub fn of_payment(self, owner: Owner) -> ProviderEvent {
        let Self { event, kind, reference } = self;
        let Owner { order_id, payment_id } = owner;
        ProviderEvent { order_id, event, kind, payment_id, reference, amount_minor: None, currency: None, review: true }
    }
}

/// The types of the events that change a payment's status.
const CHANGES: [&str; 6] = [
    "payment_intent.succeeded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.requires_action",
    "payment_intent.processing",
];

/// The types of the events that change a payment's refunds or disputes.
const REVIEWS: [&str; 9] = [
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
];

/// The mode of an API key: true for live payments; `None` for a key of an unknown form.
fn is_live(api_key: &Secret) -> Option<bool> {
    let (_, mode) = api_key.reveal().split_once('_')?;
    match mode.split_once('_')?.0 {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    }
}

/// Reads an event. One of another format than this service knows is unrelated.
///
/// # Errors
/// The body is not JSON.
pub fn read(body: &[u8], api_key: &Secret) -> Result<Received, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_slice(body)?;
    let Ok(event) = Event::deserialize(value) else { return Ok(Received::Unrelated) };
    let received = if CHANGES.contains(&event.kind.as_str()) {
        change_of(&event)
    } else if REVIEWS.contains(&event.kind.as_str()) {
        review_of(&event)
    } else {
        None
    };
    let Some(received) = received else { return Ok(Received::Unrelated) };
    if let Some(live) = is_live(api_key).filter(|live| event.livemode != Some(*live)) {
        return Ok(Received::Foreign(format!("livemode is not {live}, as it is for provider.stripe.api_key")));
    }
    if let Some(account) = &event.account {
        return Ok(Received::Foreign(format!("it is about the connected account {}", cut(account))));
    }
    Ok(received)
}

/// The change of a payment's status; `None` if it is about another intent, or its object is of another format.
fn change_of(event: &Event) -> Option<Received> {
    let object = &event.data.as_ref()?.object;
    let Owner { order_id, payment_id } = Named::deserialize(object).ok()?.owner()?;
    let Intent { id, amount, currency, .. } = Intent::deserialize(object).ok()?;
    let amount_minor = amount.zip(currency.as_deref()).and_then(|(amount, currency)| from_stripe(amount, currency));
    Some(Received::Change(ProviderEvent {
        order_id,
        event: cut(&event.id).to_owned(),
        kind: event.kind.clone(),
        payment_id,
        reference: cut(&id).to_owned(),
        amount_minor,
        currency: currency.map(|currency| cut(&currency).to_owned()),
        review: false,
    }))
}

/// The change of a payment's refunds or disputes; `None` if its object names no intent, or is of another format.
fn review_of(event: &Event) -> Option<Received> {
    let OfIntent { payment_intent } = OfIntent::deserialize(&event.data.as_ref()?.object).ok()?;
    let reference = cut(&payment_intent?).to_owned();
    Some(Received::Review(ReviewEvent { event: cut(&event.id).to_owned(), kind: event.kind.clone(), reference }))
}

/// The event as a message. Its id derives from the event's, so that a repeated event is the same message.
pub fn message(event: &ProviderEvent, now: Timestamp) -> Outgoing {
    let id = ids::derive(&["stripe", &event.event]).to_string();
    let order = event.order_id.to_string();
    Outgoing::event(topics::PAYMENT_COMMANDS, &order, PROVIDER_EVENT, id, &order, now, event)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use serde_json::json;
    use sha2::Sha256;

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

    const KEY: &str = "sk_test_1";

    fn event(kind: &str, object: &serde_json::Value) -> serde_json::Value {
        json!({ "id": "evt_1", "type": kind, "livemode": false, "data": { "object": object } })
    }

    fn ours() -> serde_json::Value {
        let metadata = json!({ "order_id": ORDER, "payment_id": "p1" });
        json!({ "id": "pi_1", "status": "x", "amount": 1050, "currency": "brl", "metadata": metadata })
    }

    fn received(event: &serde_json::Value, key: &str) -> Received {
        read(event.to_string().as_bytes(), &key.into()).unwrap()
    }

    #[test]
    fn an_event_of_our_intent_is_a_message_with_the_events_own_id() {
        for kind in ["succeeded", "amount_capturable_updated", "payment_failed", "canceled"] {
            let kind = format!("payment_intent.{kind}");
            let Received::Change(change) = received(&event(&kind, &ours()), KEY) else { panic!("{kind} is no change") };
            assert_eq!(
                (change.kind.as_str(), change.reference.as_str(), change.amount_minor),
                (&*kind, "pi_1", Some(1050))
            );
            let sent = message(&change, NOW);
            assert_eq!(sent, message(&change, NOW));
            assert_eq!((&*sent.topic, sent.key.as_ref().unwrap().text()), (topics::PAYMENT_COMMANDS, Some(ORDER)));
        }
    }

    #[test]
    fn events_of_other_payments_or_without_a_change_are_unrelated() {
        let theirs = json!({ "id": "pi_2", "status": "x", "metadata": {} });
        assert_eq!(received(&event("charge.updated", &ours()), KEY), Received::Unrelated);
        assert_eq!(received(&event("payment_intent.succeeded", &theirs), KEY), Received::Unrelated);
        assert!(read(b"not JSON", &KEY.into()).is_err());
    }

    #[test]
    fn events_of_other_formats_are_unrelated() {
        let kind = "payment_intent.succeeded";
        let thin = json!({ "id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
            "related_object": { "id": "mtr_1" } });
        for event in [
            json!({}),
            json!([1]),
            thin,
            json!({ "id": "evt_1", "type": kind, "livemode": false }),
            json!({ "id": "evt_1", "type": kind, "livemode": false, "data": {} }),
            event(kind, &json!("pi_1")),
            event(kind, &json!({ "id": 7, "metadata": { "order_id": ORDER, "payment_id": "p1" } })),
            event("refund.updated", &json!({ "payment_intent": { "id": "pi_1" } })),
            event("charge.dispute.created", &json!({ "id": "dp_1", "payment_intent": null })),
        ] {
            assert_eq!(received(&event, KEY), Received::Unrelated, "{event}");
        }
    }

    #[test]
    fn an_event_of_a_refund_or_a_dispute_is_a_review_of_its_payment() {
        for kind in REVIEWS {
            let object = json!({ "id": "x_1", "payment_intent": "pi_1", "amount": 300, "metadata": {} });
            let Received::Review(review) = received(&event(kind, &object), KEY) else { panic!("{kind} is none") };
            let message = review.of_payment(Owner { order_id: ORDER.parse().unwrap(), payment_id: "p1".to_owned() });
            assert_eq!((message.reference.as_str(), message.kind.as_str(), message.review), ("pi_1", kind, true));
            let mut foreign = event(kind, &object);
            foreign["livemode"] = true.into();
            assert!(matches!(received(&foreign, KEY), Received::Foreign(_)));
        }
    }

    #[test]
    fn events_of_another_account_or_mode_are_not_used() {
        let good = event("payment_intent.succeeded", &ours());
        let with = |name: &str, value: serde_json::Value| {
            let mut event = good.clone();
            event[name] = value;
            event
        };
        let foreign = |event: &serde_json::Value, key: &str| matches!(received(event, key), Received::Foreign(_));
        assert!(foreign(&with("livemode", true.into()), KEY));
        assert!(foreign(&with("livemode", serde_json::Value::Null), KEY));
        assert!(foreign(&good, "rk_live_1"));
        assert!(foreign(&with("account", "acct_1".into()), KEY));
        assert!(!foreign(&good, KEY) && !foreign(&good, "a key of another form"));
    }
}
