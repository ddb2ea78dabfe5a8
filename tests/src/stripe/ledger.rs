//! The state of the fake Stripe server, and how it answers a request once for its idempotency key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Form;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::records::{DisputeRecord, RefundRecord};

/// A PaymentIntent.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// The amount, in minor units.
    pub amount: i64,
    /// The captured amount.
    pub received: i64,
    /// The refunded amount.
    pub refunded: i64,
    /// The number of charges.
    pub charges: u32,
    pub(super) declined: bool,
    pub(super) manual: bool,
    pub(super) pix: bool,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Intent {
    /// The order's id.
    pub fn order(&self) -> &str {
        self.metadata.get("order_id").map_or("", String::as_str)
    }

    pub(super) fn json(&self) -> Value {
        let error = self.declined.then(|| json!({ "code": "card_declined", "decline_code": "insufficient_funds" }));
        json!({ "id": self.id, "object": "payment_intent", "status": self.status, "amount": self.amount,
            "currency": "brl", "livemode": false, "client_secret": self.client_secret(),
            "next_action": self.next_action(), "metadata": self.metadata, "last_payment_error": error })
    }

    /// The secret of the customer's browser.
    pub fn client_secret(&self) -> String {
        format!("{}_secret_of_the_browser", self.id)
    }

    fn next_action(&self) -> Value {
        match (self.status.as_str(), self.pix) {
            ("requires_action", true) => json!({ "type": "pix_display_qr_code", "pix_display_qr_code": {
                "data": "00020126BR.GOV.BCB.PIX", "hosted_instructions_url": "https://stripe.example/pix",
                "expires_at": 4_102_444_800_i64 } }),
            ("requires_action", false) => json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} }),
            _ => Value::Null,
        }
    }

    pub(super) fn take(&mut self, amount: i64) {
        self.received += amount;
        self.charges += 1;
        "succeeded".clone_into(&mut self.status);
    }
}

pub(super) type Reply = (u16, Value);

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) intents: BTreeMap<String, Intent>,
    /// Requests and their responses, by idempotency key.
    pub(super) responses: BTreeMap<String, (String, Reply)>,
    pub(super) requests: u64,
    /// Every n-th request is executed but answered too late.
    pub(super) late: Option<u64>,
    pub(super) refunds: Vec<RefundRecord>,
    pub(super) disputes: Vec<DisputeRecord>,
}

/// The server.
pub struct Stripe {
    pub(super) port: u16,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) running: Mutex<Option<Runtime>>,
}

pub(super) fn ledger(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) type Fields = Form<BTreeMap<String, String>>;

pub(super) fn unknown() -> Reply {
    let error = json!({ "type": "invalid_request_error", "code": "resource_missing",
        "message": "No such payment_intent." });
    (404, json!({ "error": error }))
}

/// Executes a request once for its idempotency key. The same key with other parameters is an error, as with Stripe.
pub(super) async fn once(
    all: &Mutex<Ledger>,
    headers: &HeaderMap,
    path: &str,
    form: &BTreeMap<String, String>,
    make: impl FnOnce(&mut Ledger) -> Reply,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let (answer, late) = {
        let mut ledger = ledger(all);
        ledger.requests += 1;
        let late = ledger.late.is_some_and(|every| ledger.requests.is_multiple_of(every));
        let parameters = format!("{path} {form:?}");
        let answer = match ledger.responses.get(&key) {
            Some((before, answer)) if *before == parameters => answer.clone(),
            Some(_) => {
                (400, json!({ "error": { "type": "idempotency_error", "message": "Another request has this key." } }))
            }
            None => {
                let answer = make(&mut ledger);
                ledger.responses.insert(key, (parameters, answer.clone()));
                answer
            }
        };
        (answer, late)
    };
    if late {
        // Longer than the payment service's timeout in the scenarios.
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    respond(answer)
}

pub(super) fn respond((status, body): Reply) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}
