//! Sends webhooks. The answer is a message whose id derives from the request's, so that one that is repeated after a
//! take-over is the same message.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::bounds::cut;
use common::ids;
use common::journal::Intent;
use common::messages::Outgoing;
use common::responses::retry_after;
use common::time::Timestamp;
use common::topics;
use common::worker::{Executor, ExternalCall};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};

use super::settings::WebhookSettings;
use super::signature::signature;
use super::target::Allowed;
use crate::messages::webhooks::{WEBHOOK_ANSWERED, WebhookAnswer, WebhookAnswered};
use crate::rules::webhooks::WebhookCall;
use crate::rules::webhooks::answer::ERROR_BYTES;

/// How much of a response's body is read, so that the connection can be used again; of a longer one it is closed.
const BODY_BYTES: usize = 16 * 1024;
/// The media type of the body: a CloudEvent in structured JSON mode.
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends webhooks.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client,
    allowed: Allowed,
    timeout: Duration,
}

impl Sender {
    /// A sender with these settings. It follows no redirects and uses no proxy, and its connections go to the addresses
    /// that were checked.
    ///
    /// # Errors
    /// The client can't be made.
    pub fn new(settings: &WebhookSettings) -> reqwest::Result<Self> {
        let allowed = settings.allowed();
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(!allowed.http)
            .user_agent(concat!("order-saga-webhooks/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Checked(allowed.clone()))
            .build()?;
        Ok(Self { client, allowed, timeout: settings.timeout })
    }

    async fn send(&self, call: &WebhookCall, now: Timestamp) -> Result<Response, String> {
        let url = self.allowed.url(&call.url).map_err(|why| format!("the URL {why}"))?;
        let headers = headers(call, now).ok_or("it can't be signed")?;
        let request = self.client.post(url).headers(headers).body(call.body.clone());
        let mut response = request.send().await.map_err(|error| reason(&error, self.timeout))?;
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > BODY_BYTES {
                break;
            }
        }
        Ok(response)
    }
}

fn headers(call: &WebhookCall, now: Timestamp) -> Option<HeaderMap> {
    let seconds = now.0.div_euclid(1_000);
    let signature = signature(&call.secrets, &call.event, seconds, &call.body)?;
    let all = [
        (CONTENT_TYPE, MEDIA_TYPE.to_owned()),
        (ID, call.event.clone()),
        (TIMESTAMP, seconds.to_string()),
        (SIGNATURE, signature),
    ];
    all.into_iter().map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?))).collect()
}

/// Why a request failed, without its URL.
fn reason(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {timeout:?}");
    }
    let mut source: &dyn Error = error;
    while let Some(next) = source.source() {
        source = next;
    }
    source.to_string()
}

impl Executor for Sender {
    type SideEffect = WebhookCall;

    async fn execute(&self, intent: &Intent<WebhookCall>, now: Timestamp) -> Vec<Outgoing> {
        let call = &intent.what;
        let start = Instant::now();
        let sent = self.send(call, now).await;
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answered = answered(call, sent, took);
        let error = answered.error.as_deref();
        tracing::debug!(webhook = call.webhook, event = call.event, status = answered.status, error, "webhook sent");
        let id = ids::derive(&[&intent.id, "answer"]).to_string();
        let key = &call.webhook;
        let mut message =
            Outgoing::event(topics::SAGA_COMMANDS, key, WEBHOOK_ANSWERED, id, key, Timestamp::now(), &answered);
        message.partition = Some(call.partition);
        vec![message]
    }

    fn describe(_: &WebhookCall) -> Option<ExternalCall<'_>> {
        Some(ExternalCall { name: "webhook.send", peer: "receiver", traceparent: None })
    }
}

fn answered(call: &WebhookCall, sent: Result<Response, String>, took: u64) -> WebhookAnswered {
    let of = |answer, status: Option<StatusCode>, error: Option<String>, retry_after| WebhookAnswered {
        webhook: call.webhook.clone(),
        serial: call.serial,
        answer,
        status: status.map(|status| status.as_u16()),
        error: error.map(|error| cut(&error, ERROR_BYTES).into_owned()),
        retry_after,
        took,
    };
    let response = match sent {
        Ok(response) => response,
        Err(error) => return of(WebhookAnswer::Failed, None, Some(error), None),
    };
    let status = response.status();
    let error = format!("it answered {status}");
    match status {
        StatusCode::GONE => of(WebhookAnswer::Gone, Some(status), Some(error), None),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let pause = retry_after(response.headers(), Timestamp::now());
            let seconds = pause.and_then(|pause| u64::try_from(pause.as_millis().div_ceil(1_000)).ok());
            of(WebhookAnswer::Failed, Some(status), Some(error), seconds)
        }
        _ if status.is_success() => of(WebhookAnswer::Accepted, Some(status), None, None),
        _ => of(WebhookAnswer::Failed, Some(status), Some(error), None),
    }
}

/// Resolves names, and refuses those that lead to an address that may not be called.
struct Checked(Allowed);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = allowed.addresses(found.map(|address| address.ip()))?;
            let all: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(all)
        })
    }
}
