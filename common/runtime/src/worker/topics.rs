//! Compares the topics with what the service needs, and creates the missing ones; refuses to start with unsuitable
//! ones, and watches them afterwards.

mod addition;
mod cluster;
mod findings;
mod further;
mod monitor;
mod required;
mod requirements;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

pub use self::addition::{TopicAdmin, TopicError};
use self::cluster::Cluster;
use self::findings::{Expected, Findings, log_changes};
pub(super) use self::further::FurtherInputs;
pub(super) use self::monitor::Monitor;
pub(super) use self::required::used_topics;
use self::required::{compare, create_missing};
use self::requirements::Moment;
pub(super) use self::requirements::UsedTopic;
use self::written::Written;
use super::access;
use super::client::{self, ClientLog};
use super::config::Config;
use super::kafka_tools::KafkaTools;
use crate::view::Rebuild;

/// How long one request to the broker may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client tries to authenticate after no broker answered.
const PROBE: Duration = Duration::from_secs(3);
/// The pause between two attempts to reach the broker; it doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(15);

/// The topics, ready for the service.
pub(super) struct Prepared {
    /// If a view can be built from the journal.
    pub(super) rebuild: Rebuild,
    pub(super) monitor: Monitor,
}

/// Returns the admin client and the cluster's id, once the broker answers; logs each failed attempt.
pub(super) async fn reach(config: &Config) -> anyhow::Result<(AdminClient<ClientLog>, String)> {
    let mut admin = AdminClient::from_config_and_context(&client::base(config), ClientLog::new("admin"))
        .context("kafka.client: librdkafka refuses these settings")?;
    let mut pause = FIRST_PAUSE;
    loop {
        let (returned, cluster) = tokio::task::spawn_blocking(move || {
            let cluster = admin.inner().fetch_cluster_id(PATIENCE);
            (admin, cluster)
        })
        .await?;
        if let Some(cluster) = cluster {
            return Ok((returned, cluster));
        }
        let settings = config.clone();
        let refused = tokio::task::spawn_blocking(move || refused_credentials(&settings)).await??;
        if let Some(reason) = refused {
            bail!(
                "Kafka does not accept the credentials of {} (kafka.client, sasl.* and ssl.*): {reason}",
                access::principal(config)
            );
        }
        tracing::warn!(brokers = config.brokers, next_try_in = ?pause, "waiting for Kafka: no broker answers");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        admin = returned;
    }
}

/// Why the broker does not accept the client's credentials, if so. Only the client of a consumer or producer reports
/// it.
fn refused_credentials(config: &Config) -> anyhow::Result<Option<String>> {
    let probe: BaseConsumer<ClientLog> =
        BaseConsumer::from_config_and_context(&client::consumer(config), ClientLog::new("start"))?;
    let deadline = Instant::now() + PROBE;
    while Instant::now() < deadline && probe.context().unauthenticated().is_none() {
        // Errors go to the context.
        let _ = probe.poll(FIRST_PAUSE);
    }
    Ok(probe.context().unauthenticated())
}

/// Compares the existing topics with their requirements, then creates the missing ones. Blocks.
///
/// # Errors
/// The topics that can't be used, with the commands that mend them; nothing is created then. Missing ACLs are named by
/// `operations`, which has what the service does with each topic.
pub(super) fn prepare(
    admin: AdminClient<ClientLog>,
    config: &Config,
    journal: &str,
    used: Vec<UsedTopic>,
    operations: &BTreeMap<String, &'static str>,
    tokio: tokio::runtime::Handle,
) -> anyhow::Result<Prepared> {
    let cluster = Cluster::new(config, admin, tokio)?;
    let tools = KafkaTools::new(config);
    let expected = Expected { partitions: config.partitions, replication: config.replication, tools: &tools };
    let names: Vec<&str> = used.iter().map(|used| used.topic.name.as_str()).collect();
    let mut states = cluster.states(&names)?;
    let written = match states.get(journal) {
        Some(state) => Written::read(&cluster.consumer, journal, state.partitions).map_err(|error| {
            anyhow::anyhow!(access::explain(config, &error, || vec![access::read_on_topic(journal)]))
        })?,
        None => Written::nothing(),
    };
    written.check(journal, config.partitions)?;
    let agrees = written.partitions.is_some() || states.values().any(|state| state.partitions == config.partitions);
    let moment = if agrees { Moment::Start } else { Moment::FirstStart };
    let mut findings = compare(&expected, &used, &states, moment)?;
    let created = create_missing(&cluster, config, &used, &states, operations)?;
    findings.extend(compare(&expected, &used, &created, Moment::FirstStart)?);
    states.extend(created);
    log_changes(&Findings::new(), &findings);
    let counts = Arc::new(states.into_iter().map(|(name, state)| (name, state.partitions)).collect());
    Ok(Prepared { rebuild: written.rebuild, monitor: Monitor::new(cluster, used, counts, findings) })
}
