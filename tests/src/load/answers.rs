//! Measures how long the orchestrator's API and dashboard take to answer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use uuid::Uuid;

use crate::cluster::PASSWORD;
use crate::login::log_in;
use crate::process::Service;

/// The requests for each path.
const TIMES: u32 = 20;

/// The times of the answers to one request.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The path with its query.
    pub path: String,
    /// The median, in milliseconds.
    pub p50: f64,
    /// The longest time, in milliseconds.
    pub longest: f64,
}

/// The paths: what a person sees first, each way to find sagas, and one saga.
fn paths(id: Uuid, customer: &str) -> Vec<String> {
    let id_part = id.to_string().chars().take(13).collect::<String>();
    let lists = [
        "status=running".to_owned(),
        "status=completed".to_owned(),
        "step=payment-result".to_owned(),
        "sort=waiting".to_owned(),
        "waitingLongerThan=1s".to_owned(),
        "retrying=true".to_owned(),
        format!("customer={customer}"),
        format!("text={customer}"),
    ];
    let api = ["/api/flow", "/api/flow/history", "/api/sagas", "/api/incidents", "/api/tasks", "/metrics"];
    let pages = ["/", "/sagas", "/incidents", "/tasks", "/throughput"];
    let found = [format!("/api/search?q={id_part}"), format!("/api/search?q={customer}"), format!("/api/sagas/{id}")];
    let of_saga = [format!("/sagas/{id}"), format!("/search?q={id}")];
    let fixed = api.into_iter().chain(pages).map(str::to_owned);
    fixed.chain(lists.map(|query| format!("/api/sagas?{query}"))).chain(found).chain(of_saga).collect()
}

/// Requests each path 20 times, one after the other. `id` is a saga, of this customer.
///
/// # Errors
/// When the login fails, or an answer is an error.
pub async fn measure(orchestrator: &Service, id: Uuid, customer: &str) -> Result<Vec<Answer>> {
    let (http, answer) = log_in(&orchestrator.url(""), "127.0.0.1", PASSWORD, "/").await?;
    ensure!(answer.status().is_redirection(), "the login: {}", answer.status());
    let mut answers = Vec::new();
    for path in paths(id, customer) {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let begin = Instant::now();
            let answer = http.get(orchestrator.url(&path)).send().await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            times.push(begin.elapsed());
            // The search for an id leads to its page; any other page would lead to the login.
            let is_expected = if path.starts_with("/search") { status.is_redirection() } else { status.is_success() };
            ensure!(is_expected, "GET {path}: {status} {}", String::from_utf8_lossy(&body));
        }
        times.sort_unstable();
        let nth = |n: usize| times.get(n).copied().unwrap_or_default();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        answers.push(Answer { path, p50: ms(nth(times.len() / 2)), longest: ms(nth(times.len() - 1)) });
    }
    Ok(answers)
}
