//! A cold instance beside a warm one: its view can't catch up, since the test holds SQLite's lock, and it crashes again
//! and again.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use rusqlite::Connection;
use tests::broker::Broker;
use tests::process::{Name, Service};
use tests::wait::{PATIENT, until_is};

use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const MESSAGES: usize = 200;

/// It joins the group when its view has caught up, and not before.
pub async fn a_cold_instance_takes_no_partition_from_a_warm_one(broker: Arc<Broker>) -> Result<String> {
    let directory = harness::directory("cold")?;
    let settings = harness::settings(&broker, &[]);
    let new = |instance| Service::new(Name::Sums, instance, &directory, &settings);
    let instances = [new(0)?, new(1)?];
    let result = run(&broker, &instances).await;
    result.map_err(|error| anyhow!("{error:#}\n{}{}", instances[0].report(15), instances[1].report(15)))
}

async fn run(broker: &Broker, [warm, cold]: &[Service; 2]) -> Result<String> {
    warm.restart().await?;
    cold.restart().await?;
    let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
    owned_by(&watch, &[warm, cold]).await?;
    cold.sigterm().await?;
    owned_by(&watch, &[warm]).await?;
    let producer = harness::producer(broker)?;
    let claims = watch.state().claims;
    // From here on the cold instance's view is behind, and can't be written.
    let view = Connection::open(cold.view().join("view.db"))?;
    view.execute_batch("BEGIN IMMEDIATE")?;
    harness::send(producer, 0..MESSAGES).await?;
    until_is("the messages summed", MESSAGES as u64, PATIENT, || async { Ok(watch.state().counted()) }).await?;
    for _ in 0..2 {
        cold.start()?;
        cold.not_ready("the group is joined when it has caught up").await?;
        let status = cold.ended(PATIENT).await?;
        ensure!(!status.success(), "it ended with {status}, although its view can't be written");
    }
    owned_by(&watch, &[warm]).await?;
    ensure!(watch.state().claims == claims, "a partition was claimed meanwhile");
    warm.ready().await?;
    view.execute_batch("ROLLBACK")?;
    drop(view);
    cold.restart().await?;
    owned_by(&watch, &[warm, cold]).await?;
    // With no warm instance left, one that has caught up takes all.
    warm.kill9()?;
    owned_by(&watch, &[cold]).await?;
    cold.sigterm().await?;
    Ok("two crashes of a cold instance moved no partition".to_owned())
}

/// Waits until these instances share all partitions.
async fn owned_by(watch: &JournalWatcher, instances: &[&Service]) -> Result<()> {
    let pids = instances.iter().map(|instance| instance.pid()).collect::<Result<BTreeSet<_>>>()?;
    let partitions = usize::try_from(PARTITIONS)?;
    until_is("the owners", pids, PATIENT, || async { Ok(watch.state().owning(partitions)) }).await
}
