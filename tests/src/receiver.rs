//! A receiver of webhooks: it keeps every request, answers as it is told, and can be stopped and started again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::machine;

/// A request to a receiver.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// `content-type`.
    pub media_type: String,
    /// The body.
    pub body: String,
    /// The answer.
    pub answer: StatusCode,
}

impl Webhook {
    /// The CloudEvent.
    ///
    /// # Errors
    /// When the body is no JSON.
    pub fn event(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("the body {}", self.body))
    }

    /// Whether the receiver accepted it.
    pub fn is_accepted(&self) -> bool {
        self.answer.is_success()
    }
}

#[derive(Debug)]
struct Kept {
    answer: StatusCode,
    location: Option<String>,
    requests: Vec<Webhook>,
}

/// A receiver of webhooks.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    kept: Arc<Mutex<Kept>>,
    running: Mutex<Option<Runtime>>,
}

impl Receiver {
    /// A receiver that accepts everything.
    ///
    /// # Errors
    /// When it can't listen.
    pub fn new() -> Result<Self> {
        let kept = Kept { answer: StatusCode::NO_CONTENT, location: None, requests: Vec::new() };
        let receiver =
            Self { port: machine::free_ports(1)?, kept: Arc::new(Mutex::new(kept)), running: Mutex::new(None) };
        receiver.start()?;
        Ok(receiver)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    /// Starts it; what it has received stays.
    ///
    /// # Errors
    /// When it can't listen.
    pub fn start(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = ("127.0.0.1", self.port);
        // On a separate thread, since the caller may be on a thread of another runtime.
        let handle = runtime.handle().clone();
        let bound = std::thread::spawn(move || handle.block_on(TcpListener::bind(address)));
        let listener = bound.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?.context("listen")?;
        let router = Router::new().route("/hooks", post(receive)).with_state(Arc::clone(&self.kept));
        runtime.spawn(async move { axum::serve(listener, router).await });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
        Ok(())
    }

    /// Stops it with all its connections.
    pub fn stop(&self) {
        if let Some(runtime) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }

    /// Answers each request so from now on.
    pub fn answers(&self, status: StatusCode) {
        self.kept().answer = status;
    }

    /// Answers each request with a redirect from now on.
    pub fn redirects_to(&self, location: &str) {
        let mut kept = self.kept();
        kept.answer = StatusCode::TEMPORARY_REDIRECT;
        kept.location = Some(location.to_owned());
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Webhook> {
        self.kept().requests.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn receive(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = Webhook {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        media_type: header("content-type"),
        body: String::from_utf8_lossy(&body).into_owned(),
        answer: kept.answer,
    };
    kept.requests.push(request);
    let mut answer = HeaderMap::new();
    if let Some(location) = kept.location.as_ref().and_then(|location| location.parse().ok()) {
        answer.insert("location", location);
    }
    (kept.answer, answer)
}
