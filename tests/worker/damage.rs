//! Bytes of a journal that can't be read, and about which the client reports nothing.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tests::broker::Broker;
use tests::process::{Name, Service};
use tests::segment::{Damage, Segment};
use tests::wait::{PATIENT, until_is};

use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const MESSAGES: usize = 200;

pub async fn a_journal_with_a_malformed_record_ends_the_process(broker: Arc<Broker>) -> Result<String> {
    let directory = harness::directory("malformed")?;
    let instance = Service::new(Name::Sums, 0, &directory, &harness::settings(&broker, &[]))?;
    let result = malformed(&broker, &instance).await;
    result.with_context(|| instance.report(15))
}

async fn malformed(broker: &Broker, instance: &Service) -> Result<String> {
    instance.restart().await?;
    harness::send(harness::producer(broker)?, 0..MESSAGES).await?;
    let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
    let counted = || async { Ok(watch.state().counted()) };
    until_is("the messages summed", u64::try_from(MESSAGES)?, PATIENT, counted).await?;
    instance.sigterm().await?;
    // The whole journal is read again.
    std::fs::remove_dir_all(instance.view()).context("remove the view")?;
    let journal = Name::Sums.journal();
    let whole = tokio::task::block_in_place(|| {
        broker.stop()?;
        let whole = Segment::open(broker, journal, 1)?;
        let mut damaged = Segment::open(broker, journal, 1)?;
        damaged.damage(1, Damage::Record)?;
        damaged.save()?;
        broker.start_again().map(|()| whole)
    })?;
    instance.start()?;
    let status = instance.ended(PATIENT).await?;
    let report = instance.report(15);
    ensure!(!status.success(), "{status}");
    let expected = format!("{journal}, partition 1: offset 1 can't be read: its records are malformed");
    ensure!(report.contains(&expected) && report.contains("Restore this partition's log"), "{report}");
    tokio::task::block_in_place(|| {
        broker.stop()?;
        whole.save()?;
        broker.start_again()
    })?;
    instance.restart().await?;
    instance.sigterm().await?;
    Ok("a malformed record ended the process, and the restored log is read".to_owned())
}
