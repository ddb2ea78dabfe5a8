//! A Stripe of our own: PaymentIntents and Refunds as far as the payment service uses them, with a card that is
//! declined for amounts ending in 13 and one that is processed for ever for those ending in 55, webhooks, answers that
//! come too late, and an end in the middle of everything. It remembers what it did, so that what was charged twice is
//! seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::machine;

/// What its webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_scenarios";

/// An intent, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// Its name.
    pub id: String,
    /// How it stands.
    pub status: String,
    /// How much, in minor units.
    pub amount: i64,
    /// How much was taken.
    pub received: i64,
    /// How much was given back.
    pub refunded: i64,
    /// How often money was taken.
    pub charges: u32,
    declined: bool,
    manual: bool,
    metadata: BTreeMap<String, String>,
}

impl Intent {
    /// The order that it is for.
    pub fn order(&self) -> &str {
        self.metadata.get("order_id").map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        let error = self.declined.then(|| json!({ "code": "card_declined", "decline_code": "insufficient_funds" }));
        json!({ "id": self.id, "object": "payment_intent", "status": self.status, "amount": self.amount,
            "metadata": self.metadata, "last_payment_error": error })
    }

    fn take(&mut self, amount: i64) {
        self.received += amount;
        self.charges += 1;
        "succeeded".clone_into(&mut self.status);
    }
}

type Answer = (u16, Value);

#[derive(Default)]
struct Books {
    intents: BTreeMap<String, Intent>,
    /// By idempotency key: what was asked, and what was answered.
    answered: BTreeMap<String, (String, Answer)>,
    requests: u64,
    /// Every so many requests are carried out and answered too late.
    late: Option<u64>,
}

/// The server.
pub struct Stripe {
    port: u16,
    books: Arc<Mutex<Books>>,
    running: Mutex<Option<Runtime>>,
}

/// The one that all scenarios use, started when the first asks for it.
///
/// # Errors
/// When it can't listen.
pub fn shared() -> Result<&'static Stripe> {
    static SHARED: OnceLock<Stripe> = OnceLock::new();
    if let Some(known) = SHARED.get() {
        return Ok(known);
    }
    let stripe = Stripe { port: machine::free_ports(1)?, books: Arc::default(), running: Mutex::new(None) };
    stripe.start()?;
    Ok(SHARED.get_or_init(|| stripe))
}

impl Stripe {
    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, with the books that it has.
    ///
    /// # Errors
    /// When it can't listen.
    pub fn start(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = ("127.0.0.1", self.port);
        // On a thread of its own: this may be called on one of another runtime.
        let handle = runtime.handle().clone();
        let bound = std::thread::spawn(move || handle.block_on(TcpListener::bind(address)));
        let listener = bound.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?.context("listen as Stripe")?;
        let router = router(Arc::clone(&self.books));
        runtime.spawn(async move { axum::serve(listener, router).await });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        Ok(())
    }

    /// Ends it in the middle of whatever it does, with all connections.
    pub fn kill(&self) {
        if let Some(runtime) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }

    /// Carries every so many requests out and answers them too late; none: it answers them all in time.
    pub fn answers_late(&self, every: Option<u64>) {
        books(&self.books).late = every;
    }

    /// All intents of an order: there must not be more than one.
    pub fn of_order(&self, order: &str) -> Vec<Intent> {
        books(&self.books).intents.values().filter(|intent| intent.order() == order).cloned().collect()
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        books(&self.books).requests
    }

    /// An event about an order's intent, as Stripe sends it: the body.
    ///
    /// # Errors
    /// When there is no intent.
    pub fn event(&self, kind: &str, order: &str) -> Result<String> {
        let intent = self.of_order(order).pop().context("there is no intent")?;
        let id = format!("evt_{}", Uuid::new_v4().simple());
        Ok(json!({ "id": id, "type": kind, "data": { "object": intent.json() } }).to_string())
    }
}

fn books(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn router(books: Arc<Mutex<Books>>) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}", get(look))
        .route("/v1/payment_intents/{id}/{what}", post(act))
        .route("/v1/refunds", post(refund))
        .with_state(books)
}

type Fields = Form<BTreeMap<String, String>>;

async fn create(State(all): State<Arc<Mutex<Books>>>, headers: HeaderMap, Form(form): Fields) -> Response {
    once(&all, &headers, "create", &form, |books| {
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
        books.intents.insert(intent.id.clone(), intent);
        (200, answer)
    })
    .await
}

async fn look(State(all): State<Arc<Mutex<Books>>>, Path(id): Path<String>) -> Response {
    let answer = {
        let mut books = books(&all);
        books.requests += 1;
        books.intents.get(&id).map_or_else(unknown, |intent| (200, intent.json()))
    };
    respond(answer)
}

async fn act(
    State(all): State<Arc<Mutex<Books>>>,
    Path((id, what)): Path<(String, String)>,
    headers: HeaderMap,
    Form(form): Fields,
) -> Response {
    once(&all, &headers, &format!("{id}/{what}"), &form, |books| {
        let Some(intent) = books.intents.get_mut(&id) else { return unknown() };
        match (what.as_str(), intent.status.as_str()) {
            ("confirm", "requires_payment_method" | "requires_confirmation") if intent.amount % 100 == 13 => {
                intent.declined = true;
                return (402, json!({ "error": { "code": "card_declined", "decline_code": "insufficient_funds" } }));
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
            ("cancel", "requires_payment_method" | "requires_confirmation" | "requires_capture") => {
                "canceled".clone_into(&mut intent.status);
            }
            (_, status) => {
                let message = format!("This PaymentIntent is {status}.");
                let error = json!({ "code": "payment_intent_unexpected_state", "message": message });
                return (400, json!({ "error": error }));
            }
        }
        (200, intent.json())
    })
    .await
}

async fn refund(State(all): State<Arc<Mutex<Books>>>, headers: HeaderMap, Form(form): Fields) -> Response {
    once(&all, &headers, "refund", &form, |books| {
        let named = form.get("payment_intent").and_then(|id| books.intents.get_mut(id));
        let Some(intent) = named else { return unknown() };
        let left = intent.received - intent.refunded;
        let amount = form.get("amount").and_then(|text| text.parse().ok()).unwrap_or(left);
        if amount > left || amount <= 0 {
            let code = if left == 0 { "charge_already_refunded" } else { "amount_too_large" };
            return (400, json!({ "error": { "code": code, "message": "There is not so much left." } }));
        }
        intent.refunded += amount;
        (200, json!({ "id": format!("re_{}", Uuid::new_v4().simple()), "status": "succeeded", "amount": amount }))
    })
    .await
}

fn unknown() -> Answer {
    (404, json!({ "error": { "code": "resource_missing", "message": "No such payment_intent." } }))
}

/// Carries a request out, once for its idempotency key. The same key with other words is an error, as it is at Stripe.
async fn once(
    all: &Mutex<Books>,
    headers: &HeaderMap,
    path: &str,
    form: &BTreeMap<String, String>,
    make: impl FnOnce(&mut Books) -> Answer,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let (answer, late) = {
        let mut books = books(all);
        books.requests += 1;
        let late = books.late.is_some_and(|every| books.requests.is_multiple_of(every));
        let words = format!("{path} {form:?}");
        let answer = match books.answered.get(&key) {
            Some((before, answer)) if *before == words => answer.clone(),
            Some(_) => {
                (400, json!({ "error": { "type": "idempotency_error", "message": "Another request has this key." } }))
            }
            None => {
                let answer = make(&mut books);
                books.answered.insert(key, (words, answer.clone()));
                answer
            }
        };
        (answer, late)
    };
    if late {
        // Longer than the payment service of the scenarios waits.
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    respond(answer)
}

fn respond((status, body): Answer) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}
