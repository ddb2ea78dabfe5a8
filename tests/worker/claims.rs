//! Claims that take long.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tests::broker::Broker;
use tests::process::{Name, Service};

use crate::harness::{self, PARTITIONS};
use crate::journal::JournalWatcher;

const MESSAGES: usize = 200;
/// Two seconds more than the session timeout of the tests.
const PAUSE_MS: &str = "8000";

/// The owner keeps its partitions meanwhile, and does not step down after it for having been silent.
pub async fn a_claim_may_take_longer_than_the_session_timeout(broker: Arc<Broker>) -> Result<String> {
    let directory = harness::directory("slow-claim")?;
    let settings = harness::settings(&broker, &[("CLAIM_PAUSE_MS", PAUSE_MS)]);
    let instance = Service::new(Name::Sums, 0, &directory, &settings)?;
    let result = run(&broker, &instance).await;
    result.map_err(|error| anyhow!("{error:#}\n{}", instance.report(15)))
}

async fn run(broker: &Broker, instance: &Service) -> Result<String> {
    instance.restart().await?;
    let watch = JournalWatcher::start(&broker.address(), PARTITIONS)?;
    harness::send(harness::producer(broker)?, 0..MESSAGES).await?;
    watch.until_counted(MESSAGES).await?;
    let claims = watch.state().claims;
    ensure!(claims == usize::try_from(PARTITIONS)?, "{PARTITIONS} partitions were claimed {claims} times");
    instance.sigterm().await?;
    Ok(format!("{MESSAGES} counted after claims of {PAUSE_MS} ms"))
}
