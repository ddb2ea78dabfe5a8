//! Stripe's HTTP: requests with key and idempotency key, and what their answers mean. Nothing here knows of payments.

use std::time::Duration;

use common::settings::Secret;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::LastError;
use crate::provider::ProviderError;
use crate::provider::settings::StripeSettings;

/// The version of the API that this client was written for; an account's own default changes.
const API_VERSION: &str = "2024-06-20";
/// How long to wait where a "too many requests" doesn't say it.
const BUSY: Duration = Duration::from_secs(1);
/// The longest wait that is believed.
const LONGEST_BUSY: Duration = Duration::from_secs(60);

/// Stripe answers a key again as it did at first, also an error of its own: after so many of them it is given up.
const GENERATIONS: u32 = 5;
/// By which it says that it does so.
const REPLAYED: &str = "idempotent-replayed";

/// The keys of a request, one after the other: the next one only where all before it were answered with an error of
/// Stripe's.
pub(super) fn keys(key: &str) -> impl Iterator<Item = String> {
    (1..=GENERATIONS).map(move |n| if n == 1 { key.to_owned() } else { format!("{key}-{n}") })
}

/// Why there is no answer of the kind that was wanted.
#[derive(Debug)]
pub(super) enum Fault {
    /// The card was declined (402).
    Declined(LastError),
    /// The intent is past that: it stands in another way by now.
    UnexpectedState(String),
    /// There is nothing left to refund.
    AlreadyRefunded,
    /// An error of Stripe's own that it will repeat for this key.
    Replayed(String),
    /// Anything else.
    Other(ProviderError),
}

impl From<Fault> for ProviderError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Declined(error) => {
                Self::Refused(error.reason().unwrap_or_else(|| "the card was declined".to_owned()))
            }
            Fault::UnexpectedState(why) => Self::Refused(why),
            Fault::AlreadyRefunded => Self::Refused("it is refunded already".to_owned()),
            Fault::Replayed(why) => Self::Failed(why),
            Fault::Other(error) => error,
        }
    }
}

/// `{"error": {…}}`
#[derive(Debug, Deserialize)]
struct Refusal {
    error: LastError,
}

/// The client.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    key: Secret,
}

impl Client {
    /// A client for these settings. It has no time limit of its own: whoever calls has one.
    pub(super) fn new(settings: &StripeSettings) -> Result<Self, reqwest::Error> {
        // An error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let base = settings.base_url.trim_end_matches('/').to_owned();
        Ok(Self { http, base, key: settings.api_key.clone() })
    }

    /// Looks something up.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.answer(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Asks for something that takes effect once whatever the key, such as a move of an intent: where Stripe only
    /// repeats an error, with the next key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Fault> {
        let mut repeated = Fault::Replayed(String::new());
        for key in keys(key) {
            match self.post_once(path, &key, form).await {
                Err(fault @ Fault::Replayed(_)) => repeated = fault,
                other => return other,
            }
        }
        Err(repeated)
    }

    /// Asks for something, with this idempotency key.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Fault> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.answer(request.header("Idempotency-Key", key).form(form)).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let request = request.bearer_auth(self.key.reveal()).header("Stripe-Version", API_VERSION);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status.is_success() {
            return response.json().await.map_err(failed);
        }
        let waits = retry_after(&response);
        let replayed = response.headers().get(REPLAYED).is_some_and(|value| value == "true");
        let said = response.json::<Refusal>().await.map(|refusal| refusal.error).unwrap_or_default();
        if replayed && status.is_server_error() {
            return Err(Fault::Replayed(ProviderError::from(fault(status, waits, said)).to_string()));
        }
        Err(fault(status, waits, said))
    }
}

/// What was cut off on the way, or is not what it should be. The key is in no part of it.
fn failed(error: reqwest::Error) -> Fault {
    let what = if error.is_connect() {
        "Stripe can't be reached"
    } else if error.is_decode() {
        "Stripe's answer can't be read"
    } else {
        "Stripe's answer did not arrive"
    };
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault::Other(ProviderError::Failed(format!("{what}: {error}{cause}")))
}

fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(BUSY, Duration::from_secs).min(LONGEST_BUSY)
}

fn fault(status: StatusCode, waits: Duration, said: LastError) -> Fault {
    let code = said.code.as_deref().unwrap_or_default();
    let message = said.message.as_deref().unwrap_or("no reason given");
    match status {
        StatusCode::PAYMENT_REQUIRED => Fault::Declined(said),
        StatusCode::TOO_MANY_REQUESTS => Fault::Other(ProviderError::Busy(waits)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let why = format!("Stripe refuses the API key (provider.stripe.api_key), {status}");
            Fault::Other(ProviderError::Failed(why))
        }
        // Another request with this key, or on this intent, is under way.
        StatusCode::CONFLICT => Fault::Other(ProviderError::Failed(format!("Stripe answers {status}: {message}"))),
        _ if code == "payment_intent_unexpected_state" => Fault::UnexpectedState(message.to_owned()),
        _ if code == "charge_already_refunded" => Fault::AlreadyRefunded,
        _ if status.is_client_error() => {
            Fault::Other(ProviderError::Refused(format!("Stripe answers {status}: {message}")))
        }
        _ => Fault::Other(ProviderError::Failed(format!("Stripe answers {status}: {message}"))),
    }
}
