//! A cold instance beside a warm one: its view can't catch up, since the test holds SQLite's lock, and it crashes again
//! and again.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use rusqlite::Connection;
use tests::broker::Broker;
use tests::process::Service;
use tests::wait::PATIENT;

use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const MESSAGES: usize = 200;

/// It joins the group when its view has caught up, and not before.
pub async fn a_cold_instance_takes_no_partition_from_a_warm_one(broker: Arc<Broker>) -> Result<String> {
    let instances = harness::pair(&broker, "cold", &[])?;
    let result = run(&broker, &instances).await;
    result.map_err(|error| anyhow!("{error:#}\n{}{}", instances[0].report(15), instances[1].report(15)))
}

async fn run(broker: &Broker, [warm, cold]: &[Service; 2]) -> Result<String> {
    warm.restart().await?;
    cold.restart().await?;
    let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
    watch.owned_by(&[warm, cold]).await?;
    cold.sigterm().await?;
    watch.owned_by(&[warm]).await?;
    // It may still claim a partition of which it had the last claim.
    warm.ready().await?;
    let producer = harness::producer(broker)?;
    let claims = watch.state().claims;
    // From here on the cold instance's view is behind, and can't be written.
    let view = Connection::open(cold.view().join("view.db"))?;
    view.execute_batch("BEGIN IMMEDIATE")?;
    harness::send(producer, 0..MESSAGES).await?;
    watch.until_counted(MESSAGES).await?;
    for _ in 0..2 {
        cold.start()?;
        cold.not_ready("the group is joined when it has caught up").await?;
        let status = cold.ended(PATIENT).await?;
        ensure!(!status.success(), "it ended with {status}, although its view can't be written");
    }
    watch.owned_by(&[warm]).await?;
    ensure!(watch.state().claims == claims, "a partition was claimed meanwhile");
    warm.ready().await?;
    view.execute_batch("ROLLBACK")?;
    drop(view);
    cold.restart().await?;
    watch.owned_by(&[warm, cold]).await?;
    // With no warm instance left, one that has caught up takes all.
    warm.kill9()?;
    watch.owned_by(&[cold]).await?;
    cold.sigterm().await?;
    Ok("two crashes of a cold instance moved no partition".to_owned())
}
