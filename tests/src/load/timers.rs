//! How late timers fire: sagas that wait three seconds for something that does not come, a few each second.

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

/// The definition, as a file for the cluster.
pub const DEFINITION: (&str, &str) = ("timer.toml", include_str!("timer.toml"));
/// What its `wait` says.
const WAIT_MS: i64 = 3_000;
/// How many are begun, and the pause between two.
const COUNT: usize = 100;
const PACE: Duration = Duration::from_millis(50);

/// From a timer's time until the command that follows from it has its place on the topic: p50, p99 and the longest, in
/// milliseconds. The command is sent only after the decision is durable and read back.
///
/// # Errors
/// When a timer does not fire, or the orchestrator can't be asked.
pub async fn lateness(cluster: &Cluster) -> Result<[u64; 3]> {
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        let id = Uuid::now_v7().to_string();
        cluster.kafka.event("begun-timers", "timer.begun", &id, &json!({})).await?;
        ids.push(id);
        tokio::time::sleep(PACE).await;
    }
    let told = until("all timers to fire", PATIENT, || async {
        let told = cluster.kafka.read("timer-commands").await?;
        let told: BTreeMap<String, i64> = told.iter().rev().map(|m| (m.subject().to_owned(), m.at)).collect();
        Ok(Some(told).filter(|told| ids.iter().all(|id| told.contains_key(id))))
    })
    .await?;
    let mut late = Histogram::<u64>::new(3)?;
    for id in ids {
        let begun = begun(cluster, &id).await?;
        let told = told.get(&id).with_context(|| format!("the end of {id}"))?;
        late.record((told - begun - WAIT_MS).max(0).unsigned_abs())?;
    }
    Ok([late.value_at_quantile(0.5), late.value_at_quantile(0.99), late.max()])
}

/// When the saga began to wait, in milliseconds since the epoch.
async fn begun(cluster: &Cluster, id: &str) -> Result<i64> {
    let saga = cluster.get(cluster.service(Name::Orchestrator)?, &format!("/api/sagas/{id}")).await?;
    let saga = saga.with_context(|| format!("saga {id}"))?;
    let begun = saga.pointer("/steps/0/startedAt").cloned().with_context(|| format!("{id} did not begin: {saga}"))?;
    Ok(serde_json::from_value::<Timestamp>(begun)?.0)
}
