//! A fake Stripe server: PaymentIntents, Refunds and Disputes as the payment service uses them. Amounts ending in 13
//! are declined, those ending in 33 require 3-D Secure, those ending in 55 stay in processing, refunds of those ending
//! in 37 stay pending, and refunds of those ending in 38 fail. Tokens that begin with `pm_missing_` are unknown, and
//! Pix is not enabled for amounts ending in 66. With `payment_method_data[type]=pix` the customer gets a code. It sends
//! webhook events, can respond too late, and can be killed. It counts charges, so that tests detect a double charge.

mod ledger;
mod records;
mod refunds;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use self::ledger::{Fields, Ledger, ledger, once, respond, unknown};
pub use self::ledger::{Intent, Stripe};
use crate::machine;

/// The secret that signs its webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_scenarios";

/// The server that all scenarios share, started at the first call.
///
/// # Errors
/// When it can't listen.
pub fn shared() -> Result<&'static Stripe> {
    static SHARED: OnceLock<Stripe> = OnceLock::new();
    if let Some(known) = SHARED.get() {
        return Ok(known);
    }
    let stripe = Stripe { port: machine::free_ports(1)?, ledger: Arc::default(), running: Mutex::new(None) };
    stripe.start()?;
    Ok(SHARED.get_or_init(|| stripe))
}

impl Stripe {
    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it with its existing state.
    ///
    /// # Errors
    /// When it can't listen.
    pub fn start(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = ("127.0.0.1", self.port);
        // On a separate thread, since the caller may be on a thread of another runtime.
        let handle = runtime.handle().clone();
        let bound = std::thread::spawn(move || handle.block_on(TcpListener::bind(address)));
        let listener = bound.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?.context("listen as Stripe")?;
        let router = router(Arc::clone(&self.ledger));
        runtime.spawn(async move { axum::serve(listener, router).await });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        Ok(())
    }

    /// Kills it with all its connections.
    pub fn kill(&self) {
        if let Some(runtime) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }

    /// Lets every n-th request be executed but answered too late; with `None` all are answered in time.
    pub fn answers_late(&self, every: Option<u64>) {
        ledger(&self.ledger).late = every;
    }

    /// All intents of an order. There must be at most one.
    pub fn of_order(&self, order: &str) -> Vec<Intent> {
        ledger(&self.ledger).intents.values().filter(|intent| intent.order() == order).cloned().collect()
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        ledger(&self.ledger).requests
    }

    /// The body of a webhook event about an order's intent.
    ///
    /// # Errors
    /// When there is no intent.
    pub fn event(&self, kind: &str, order: &str) -> Result<String> {
        let intent = self.of_order(order).pop().context("there is no intent")?;
        let id = format!("evt_{}", Uuid::new_v4().simple());
        Ok(json!({ "id": id, "type": kind, "livemode": false, "data": { "object": intent.json() } }).to_string())
    }

    /// The customer acts for an order's payment: it is paid, or the card is declined.
    pub fn act(&self, order: &str, succeeds: bool) {
        let mut ledger = ledger(&self.ledger);
        let waiting = |intent: &&mut Intent| intent.order() == order && intent.status == "requires_action";
        for intent in ledger.intents.values_mut().filter(waiting) {
            if succeeds {
                intent.take(intent.amount);
            } else {
                intent.declined = true;
                "requires_payment_method".clone_into(&mut intent.status);
            }
        }
    }

    /// Ends the processing of an order's payment: it is paid.
    pub fn settle(&self, order: &str) {
        let mut ledger = ledger(&self.ledger);
        let processing = |intent: &&mut Intent| intent.order() == order && intent.status == "processing";
        ledger.intents.values_mut().filter(processing).for_each(|intent| intent.take(intent.amount));
    }
}

fn router(ledger: Arc<Mutex<Ledger>>) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}", get(retrieve))
        .route("/v1/payment_intents/{id}/{what}", post(change))
        .route("/v1/refunds", post(refunds::refund).get(refunds::list))
        .route("/v1/disputes", get(refunds::disputes))
        .with_state(ledger)
}

async fn create(State(all): State<Arc<Mutex<Ledger>>>, headers: HeaderMap, Form(form): Fields) -> Response {
    once(&all, &headers, "create", &form, |ledger| {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let named = form.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), value.clone()))
        });
        let intent = Intent {
            id: format!("pi_{}", Uuid::new_v4().simple()),
            status: "requires_payment_method".to_owned(),
            amount: field("amount").parse().unwrap_or_default(),
            manual: field("capture_method") == "manual",
            metadata: named.collect(),
            ..Intent::default()
        };
        let answer = intent.json();
        ledger.intents.insert(intent.id.clone(), intent);
        (200, answer)
    })
    .await
}

async fn retrieve(State(all): State<Arc<Mutex<Ledger>>>, Path(id): Path<String>) -> Response {
    let answer = {
        let mut ledger = ledger(&all);
        ledger.requests += 1;
        ledger.intents.get(&id).map_or_else(unknown, |intent| (200, intent.json()))
    };
    respond(answer)
}

/// Why a confirmation is rejected: the token is unknown, or Pix is not enabled. As with Stripe, the message repeats the
/// token.
fn rejection(intent: &Intent, form: &BTreeMap<String, String>) -> Option<Value> {
    let method = form.get("payment_method").filter(|method| method.starts_with("pm_missing_"));
    if let Some(method) = method {
        let message = format!("No such PaymentMethod: '{method}'");
        return Some(json!({ "type": "invalid_request_error", "code": "resource_missing", "param": "payment_method",
            "message": message }));
    }
    let pix = intent.amount % 100 == 66 && form.contains_key("payment_method_data[type]");
    pix.then(|| {
        json!({ "type": "invalid_request_error", "param": "payment_method_data[type]",
            "message": "The payment method type provided: pix is invalid." })
    })
}

async fn change(
    State(all): State<Arc<Mutex<Ledger>>>,
    Path((id, what)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Fields,
) -> Response {
    once(&all, &headers, &format!("{id}/{what}"), &form, |ledger| {
        let Some(intent) = ledger.intents.get_mut(&id) else { return unknown() };
        match (what.as_str(), intent.status.as_str()) {
            ("confirm", "requires_payment_method" | "requires_confirmation") if rejection(intent, &form).is_some() => {
                return (400, json!({ "error": rejection(intent, &form) }));
            }
            ("confirm", "requires_payment_method" | "requires_confirmation") if intent.amount % 100 == 13 => {
                intent.declined = true;
                let error = json!({ "type": "card_error", "code": "card_declined",
                    "decline_code": "insufficient_funds" });
                return (402, json!({ "error": error }));
            }
            ("confirm", "requires_payment_method" | "requires_confirmation")
                if intent.amount % 100 == 33
                    || form.get("payment_method_data[type]").is_some_and(|kind| kind == "pix") =>
            {
                intent.pix = form.contains_key("payment_method_data[type]");
                "requires_action".clone_into(&mut intent.status);
            }
            ("confirm", "requires_payment_method" | "requires_confirmation") if intent.amount % 100 == 55 => {
                "processing".clone_into(&mut intent.status);
            }
            ("confirm", "requires_payment_method" | "requires_confirmation") if intent.manual => {
                "requires_capture".clone_into(&mut intent.status);
            }
            ("confirm", "requires_payment_method" | "requires_confirmation") => intent.take(intent.amount),
            ("capture", "requires_capture") => {
                let amount = form.get("amount_to_capture").and_then(|text| text.parse().ok());
                intent.take(amount.unwrap_or(intent.amount));
            }
            (
                "cancel",
                "requires_payment_method" | "requires_confirmation" | "requires_capture" | "requires_action",
            ) => {
                "canceled".clone_into(&mut intent.status);
            }
            (_, status) => {
                let message = format!("This PaymentIntent is {status}.");
                let error = json!({ "type": "invalid_request_error",
                    "code": "payment_intent_unexpected_state", "message": message });
                return (400, json!({ "error": error }));
            }
        }
        (200, intent.json())
    })
    .await
}
