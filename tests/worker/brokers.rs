//! A service that starts before there are enough brokers for its topics.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use tests::broker::Broker;
use tests::files;
use tests::process::{Name, Service};
use tests::wait::{PATIENT, until};

use crate::harness;

/// It waits until there are enough. So it does if all brokers are silent for a moment, and do not count meanwhile.
/// Before this test no second broker may have joined: replicas may be placed on a known one that does not run.
pub async fn a_service_waits_for_the_brokers_of_its_topics(broker: Arc<Broker>) -> Result<String> {
    let directory = harness::directory("brokers")?;
    let own = [("KAFKA__REPLICATION", "2")];
    let instance = Service::new(Name::Sums, 0, &directory, &harness::settings(&broker, &own))?;
    let result = becomes_ready(&instance, &broker).await;
    result.map_err(|error| anyhow!("{error:#}\n{}", instance.report(15)))
}

async fn becomes_ready(instance: &Service, broker: &Broker) -> Result<String> {
    instance.start()?;
    let waits = || async { Ok(std::fs::read_to_string(instance.log())?.contains("waiting for brokers").then_some(())) };
    until("a service that waits", PATIENT, waits).await?;
    let directory = files::target()?.join("test-brokers/worker-2");
    let _second = tokio::task::block_in_place(|| Broker::join(broker, &directory))?;
    instance.ready().await?;
    instance.sigterm().await?;
    Ok("ready with a second broker".to_owned())
}
