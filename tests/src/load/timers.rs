//! Measures how late timers fire: starts twenty sagas per second that wait three seconds for a message that never
//! arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use common::time::Timestamp;
use hdrhistogram::Histogram;
use serde_json::json;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::process::Name;
use crate::wait::{PATIENT, until};

/// The definition as a file: name and text.
pub const DEFINITION: (&str, &str) = ("timer.toml", include_str!("timer.toml"));
/// The timeout of its `receive` step.
const WAIT_MS: i64 = 3_000;
/// The number of sagas.
const COUNT: usize = 100;
/// The pause between two.
const PACE: Duration = Duration::from_millis(50);

/// The time from a timer's due time to the broker's timestamp of the resulting command: p50, p99 and maximum, in
/// milliseconds. The command is sent after the decision is durable and read back.
///
/// # Errors
/// When a timer does not fire, or the orchestrator's API fails.
pub async fn lateness(cluster: &Cluster) -> Result<[u64; 3]> {
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        let id = Uuid::now_v7().to_string();
        cluster.kafka.event("begun-timers", "timer.begun", &id, &json!({})).await?;
        ids.push(id);
        tokio::time::sleep(PACE).await;
    }
    let fired = until("all timers to fire", PATIENT, || async {
        let commands = cluster.kafka.read("timer-commands").await?;
        let fired: BTreeMap<String, i64> = commands.iter().rev().map(|m| (m.subject().to_owned(), m.at)).collect();
        Ok(Some(fired).filter(|fired| ids.iter().all(|id| fired.contains_key(id))))
    })
    .await?;
    let mut late = Histogram::<u64>::new(3)?;
    for id in ids {
        let started = started_at(cluster, &id).await?;
        let fired = fired.get(&id).with_context(|| format!("the command of {id}"))?;
        late.record((fired - started - WAIT_MS).max(0).unsigned_abs())?;
    }
    Ok([late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()])
}

/// The start time of the saga's step, in milliseconds since the epoch.
async fn started_at(cluster: &Cluster, id: &str) -> Result<i64> {
    let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
    let saga = saga.with_context(|| format!("saga {id}"))?;
    let started =
        saga.pointer("/steps/0/startedAt").cloned().with_context(|| format!("{id} has not started: {saga}"))?;
    Ok(serde_json::from_value::<Timestamp>(started)?.0)
}
