//! Stripe's HTTP: requests with an API key and an idempotency key, and their errors. Independent of payments.

use std::fmt::Display;
use std::time::Duration;

use common::responses::{body_within, retry_after};
use common::settings::Secret;
use common::time::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::objects::LastError;
use crate::provider::port::ProviderError;
use crate::provider::settings::StripeSettings;

/// The API version that this client was written for; the default of an account changes.
const API_VERSION: &str = "2024-06-20";
/// How long to wait after a 429 without `Retry-After`.
const BUSY: Duration = Duration::from_secs(1);
/// The longest `Retry-After` that is respected.
const LONGEST_BUSY: Duration = Duration::from_secs(60);

/// Stripe repeats its first answer to a key, even if it is an error of its own. This many keys are tried for a request.
const GENERATIONS: u32 = 5;
/// The longest answer that is read, in bytes. A list has at most 100 objects of some kilobytes.
pub(super) const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// The header of a repeated answer.
const REPLAYED: &str = "idempotent-replayed";

/// The keys of a request. The next one is used only if all before it were answered with an error of Stripe's own.
pub(super) fn keys(key: &str) -> impl Iterator<Item = String> {
    (1..=GENERATIONS).map(move |n| if n == 1 { key.to_owned() } else { format!("{key}-{n}") })
}

/// Why a request did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Stripe declines the charge (402).
    Declined(LastError),
    /// The status of the intent does not allow the request.
    UnexpectedState(String),
    /// Everything is refunded already.
    AlreadyRefunded,
    /// Stripe rejects the request (400, 404): another attempt would not help.
    Rejected(StatusCode, LastError),
    /// An error of Stripe's own that it repeats for this key.
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
            Fault::AlreadyRefunded => Self::Refused("it is already refunded".to_owned()),
            Fault::Rejected(status, error) => {
                let why = error.message.unwrap_or_else(|| "no reason given".to_owned());
                Self::Refused(format!("Stripe answers {status}: {why}"))
            }
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
    /// Creates a client. It has no timeout of its own: the caller has one.
    pub(super) fn new(settings: &StripeSettings) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let base = settings.base_url.trim_end_matches('/').to_owned();
        Ok(Self { http, base, key: settings.api_key.clone() })
    }

    /// Reads an object.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.answer(self.http.get(format!("{}{path}", self.base)), &[]).await
    }

    /// Posts a request that takes effect only once under any key, such as a transition of an intent. If Stripe only
    /// repeats an error, the next key is used.
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

    /// Posts a request with this idempotency key.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Fault> {
        let request = self.http.post(format!("{}{path}", self.base));
        let secrets: Vec<&str> =
            form.iter().filter(|(name, _)| *name == "payment_method").map(|(_, token)| *token).collect();
        self.answer(request.header("Idempotency-Key", key).form(form), &secrets).await
    }

    /// Sends a request. Its errors repeat none of the `secrets`.
    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder, secrets: &[&str]) -> Result<T, Fault> {
        let request = request.bearer_auth(self.key.reveal()).header("Stripe-Version", API_VERSION);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let wait = retry_after(response.headers(), Timestamp::now()).unwrap_or(BUSY).min(LONGEST_BUSY);
        let replayed = response.headers().get(REPLAYED).is_some_and(|value| value == "true");
        let body = body_within(response, LONGEST_ANSWER).await;
        if status.is_success() {
            let body =
                body.map_err(failed)?.ok_or_else(|| unreadable(format!("it is longer than {LONGEST_ANSWER} bytes")))?;
            return serde_json::from_slice(&body).map_err(unreadable);
        }
        let refusal = body.ok().flatten().and_then(|body| serde_json::from_slice::<Refusal>(&body).ok());
        let error = refusal.map(|refusal| refusal.error).unwrap_or_default().masked(secrets);
        if replayed && status.is_server_error() {
            return Err(Fault::Replayed(ProviderError::from(fault(status, wait, error)).to_string()));
        }
        Err(fault(status, wait, error))
    }
}

/// An answer that can't be parsed.
fn unreadable(why: impl Display) -> Fault {
    Fault::Other(ProviderError::Failed(format!("Stripe's answer can't be read: {why}")))
}

/// A failure of the transport. The error never contains the API key.
fn failed(error: reqwest::Error) -> Fault {
    let what = if error.is_connect() { "Stripe can't be reached" } else { "Stripe's answer did not arrive" };
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault::Other(ProviderError::Failed(format!("{what}: {error}{cause}")))
}

/// The fault of an answer that is an error. Only an error of Stripe's own about the request is a decision about it: a
/// proxy, or another server at a wrong `provider.stripe.base_url`, answers with a 4xx too.
fn fault(status: StatusCode, wait: Duration, error: LastError) -> Fault {
    let code = error.code.as_deref().unwrap_or_default();
    let message = error.message.clone().unwrap_or_else(|| "no reason given".to_owned());
    match status {
        StatusCode::TOO_MANY_REQUESTS => Fault::Other(ProviderError::Busy(wait)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let why = format!("Stripe rejects the API key (provider.stripe.api_key), {status}");
            Fault::Other(ProviderError::Failed(why))
        }
        // Another request with this key, or on this intent, is under way.
        StatusCode::CONFLICT => Fault::Other(ProviderError::Failed(format!("Stripe answers {status}: {message}"))),
        _ if code == "payment_intent_unexpected_state" => Fault::UnexpectedState(message),
        _ if code == "charge_already_refunded" => Fault::AlreadyRefunded,
        StatusCode::PAYMENT_REQUIRED if error.is_about_request() => Fault::Declined(error),
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if error.is_about_request() => Fault::Rejected(status, error),
        _ if status.is_client_error() && error.kind.is_none() => {
            let what = format!("the answer {status} is not Stripe's ({message})");
            Fault::Other(ProviderError::Failed(format!("{what}: check provider.stripe.base_url and the proxies")))
        }
        _ => Fault::Other(ProviderError::Failed(format!("Stripe answers {status}: {message}"))),
    }
}
