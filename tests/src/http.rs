//! The HTTP clients of the tests.

use anyhow::{Context as _, Result, anyhow};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use uuid::Uuid;

use crate::wait::{PATIENT, until};

/// A builder with the defaults of all tests.
pub fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}

/// Sends a request that takes effect once: it has an `Idempotency-Key`, and is repeated while the answer is 503, which
/// leaves the outcome open. Returns the status, the headers and the body of the first other answer.
///
/// # Errors
/// When no answer arrives, or only 503 for [`PATIENT`].
pub async fn send_once(request: RequestBuilder) -> Result<(StatusCode, HeaderMap, String)> {
    let request = request.header("Idempotency-Key", Uuid::new_v4().to_string());
    let answered = until("an answer that is not 503", PATIENT, || async {
        let request = request.try_clone().context("the body can't be sent again")?;
        match answer(request).await {
            Ok((StatusCode::SERVICE_UNAVAILABLE, _, text)) => Err(anyhow!("{text}")),
            answered_or_failed => Ok(Some(answered_or_failed)),
        }
    });
    answered.await?
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, HeaderMap, String)> {
    let answer = request.send().await?;
    let status = answer.status();
    let headers = answer.headers().clone();
    Ok((status, headers, answer.text().await?))
}
