//! Creates the topics, and refuses to start with unsuitable ones.

use std::time::Duration;

use anyhow::{Context as _, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::RDKafkaErrorCode;
use vocabulary::topics::Topic;

use super::client::{self, ClientLog};
use super::config::Config;

/// How long one request to the broker may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two attempts to reach the broker; it doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(15);

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
        tracing::warn!(brokers = config.brokers, next_try_in = ?pause, "waiting for Kafka: no broker answers");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
        admin = returned;
    }
}

/// Creates the missing topics, and checks the partition count of all.
pub(super) async fn prepare(admin: &AdminClient<ClientLog>, config: &Config, topics: &[Topic]) -> anyhow::Result<()> {
    let settings: Vec<_> = topics.iter().map(|topic| (topic, topic.settings())).collect();
    let new: Vec<NewTopic<'_>> = settings
        .iter()
        .map(|(topic, settings)| {
            let new = NewTopic::new(&topic.name, config.partitions, TopicReplication::Fixed(config.replication));
            settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    for created in admin.create_topics(&new, &options).await.context("the topics can't be created")? {
        match created {
            Ok(name) => tracing::info!(topic = name, partitions = config.partitions, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, RDKafkaErrorCode::InvalidReplicationFactor)) => bail!(
                "topic {name} can't be created with kafka.replication = {}: the cluster has fewer brokers",
                config.replication
            ),
            Err((name, code)) => bail!("topic {name} can't be created: {code}"),
        }
    }
    check(admin, config, topics).await
}

/// Every topic must have the configured number of partitions: a worker owns the same number of each.
async fn check(admin: &AdminClient<ClientLog>, config: &Config, topics: &[Topic]) -> anyhow::Result<()> {
    for topic in topics {
        loop {
            let count = partitions_of(admin, &topic.name)?;
            if count == config.partitions {
                break;
            }
            // This broker may not know a new topic yet.
            if count > 0 {
                bail!(
                    "topic {} has {count} partitions, but kafka.partitions is {}. All topics must have the same count, \
                     which is fixed at their creation: set kafka.partitions = {count}, or use other topics",
                    topic.name,
                    config.partitions
                );
            }
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }
    Ok(())
}

fn partitions_of(admin: &AdminClient<ClientLog>, topic: &str) -> anyhow::Result<i32> {
    let request = || admin.inner().fetch_metadata(Some(topic), PATIENCE);
    let metadata = client::until_answered(&format!("topic {topic} can't be described"), request)?;
    let count = metadata.topics().iter().find(|t| t.name() == topic).map_or(0, |t| t.partitions().len());
    Ok(i32::try_from(count)?)
}
