//! Reads the circuit breakers of other services' instances from their `GET /health/ready`, by HTTP, since no message
//! carries them. The answers are bounded in time and size.

use std::time::Duration;

use anyhow::Context as _;
use common::bounds::first_chars;
use common::http::{Circuit, CircuitState};
use common::responses::body_within;
use common::time::Timestamp;
use futures::future::join_all;
use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use crate::causes::BrokenCircuit;

/// The longest that an instance may take: a page waits for it.
const LIMIT: Duration = Duration::from_secs(1);
/// The most bytes of an answer.
const MAX_BYTES: usize = 64 << 10;
/// The most circuit breakers of an instance.
const MAX_CIRCUITS: usize = 16;
/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The most characters of an error.
const MAX_ERROR: usize = 300;

/// Reads the circuit breakers of instances; none without URLs.
#[derive(Clone, Debug, Default)]
pub struct CircuitProbe {
    /// `None` without URLs.
    client: Option<Client>,
    urls: Vec<Url>,
}

/// The part of an answer that is read.
#[derive(Debug, Deserialize)]
struct Health {
    #[serde(default)]
    circuits: Vec<Circuit>,
}

impl CircuitProbe {
    /// A probe of the instances at these URLs.
    ///
    /// # Errors
    /// A URL that cannot be parsed, or the client cannot be made.
    pub fn new(urls: &[String]) -> anyhow::Result<Self> {
        if urls.is_empty() {
            return Ok(Self::default());
        }
        let client = Client::builder().timeout(LIMIT).redirect(redirect::Policy::none()).no_proxy().build();
        let client = client.context("dashboard.health_urls: the HTTP client can't be made")?;
        let parse = |url: &String| {
            Url::parse(&format!("{url}/health/ready")).with_context(|| format!("dashboard.health_urls = {url:?}"))
        };
        Ok(Self { client: Some(client), urls: urls.iter().map(parse).collect::<anyhow::Result<_>>()? })
    }

    /// The circuit breakers that are not closed. Those of an instance that does not answer are not known.
    pub async fn broken(&self) -> Vec<BrokenCircuit> {
        let Some(client) = &self.client else { return Vec::new() };
        let all = join_all(self.urls.iter().map(|url| broken_at(client, url))).await;
        all.into_iter().flatten().collect()
    }
}

async fn broken_at(client: &Client, url: &Url) -> Vec<BrokenCircuit> {
    let host = url.host_str().unwrap_or_default();
    let instance = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    match read(client, url).await {
        Ok(health) => {
            let circuits = health.circuits.into_iter().take(MAX_CIRCUITS);
            circuits.filter_map(|circuit| broken(circuit, &instance)).collect()
        }
        Err(error) => {
            tracing::debug!(%url, "the circuit breakers of an instance are not known: {error:#}");
            Vec::new()
        }
    }
}

async fn read(client: &Client, url: &Url) -> anyhow::Result<Health> {
    let answer = client.get(url.clone()).send().await?;
    let body = body_within(answer, MAX_BYTES).await?;
    let body = body.with_context(|| format!("the answer has more than {MAX_BYTES} bytes"))?;
    Ok(serde_json::from_slice(&body)?)
}

fn broken(circuit: Circuit, instance: &str) -> Option<BrokenCircuit> {
    let Circuit { name, state, since, error } = circuit;
    let is_trying = match state {
        CircuitState::Closed => return None,
        CircuitState::Open => false,
        CircuitState::HalfOpen => true,
    };
    Some(BrokenCircuit {
        instance: instance.to_owned(),
        name: first_chars(&name, MAX_NAME).to_owned(),
        is_trying,
        since: Timestamp::parse(&since).ok().map(|at| at.0),
        error: error.map(|error| first_chars(&error, MAX_ERROR).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    /// Serves an answer, and returns the URL.
    async fn serve(status: StatusCode, body: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/health/ready", get(move || async move { (status, body) }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    #[tokio::test]
    async fn circuits_that_are_not_closed_are_read_also_of_an_instance_that_is_not_ready() {
        let circuits = r#"{"status": "down", "checks": {}, "circuits": [
            {"name": "provider stripe", "state": "open", "since": "2026-01-31T12:00:00Z", "error": "HTTP 503"},
            {"name": "provider manual", "state": "closed", "since": "2026-01-31T12:00:00Z"},
            {"name": "carrier", "state": "half-open", "since": "soon"}]}"#;
        let url = serve(StatusCode::SERVICE_UNAVAILABLE, circuits.to_owned()).await;
        let found = CircuitProbe::new(std::slice::from_ref(&url)).unwrap().broken().await;
        let [stripe, carrier] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((stripe.since, stripe.error.as_deref()), (Some(1_769_860_800_000), Some("HTTP 503")));
        assert_eq!(format!("http://{}", stripe.instance), url);
        assert!(!stripe.is_trying && carrier.is_trying && carrier.since.is_none());
    }

    #[tokio::test]
    async fn an_instance_that_does_not_answer_in_time_or_size_hides_no_other_one() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let circuit = r#"{"name": "carrier", "state": "open", "since": "2026-01-31T12:00:00Z"}"#;
        let huge = format!(r#"{{"circuits": [{circuit}], "checks": "{}"}}"#, "x".repeat(MAX_BYTES));
        let urls = [
            serve(StatusCode::OK, huge).await,
            serve(StatusCode::OK, "not JSON".to_owned()).await,
            format!("http://{}", silent.local_addr().unwrap()),
            serve(StatusCode::OK, format!(r#"{{"circuits": [{circuit}]}}"#)).await,
        ];
        let found = CircuitProbe::new(&urls).unwrap().broken().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(CircuitProbe::new(&[]).unwrap().broken().await.is_empty());
        assert!(CircuitProbe::new(&["http://[".to_owned()]).is_err());
    }
}
