//! Topics that are added while the service runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaError;

use super::cluster::Cluster;
use super::findings::Expected;
use super::required::{compare, create_missing, used_topics};
use super::requirements::Moment;
use crate::worker::access;
use crate::worker::client::{self, ClientLog};
use crate::worker::config::Config;
use crate::worker::kafka_tools::KafkaTools;

/// Topics could not be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// A topic is not as the service needs it, or Kafka denies access to it.
    #[error("{0}")]
    Unusable(String),
    /// Kafka does not answer.
    #[error("{0}")]
    Unavailable(String),
}

impl TopicError {
    fn of(error: &anyhow::Error) -> Self {
        let code = error.downcast_ref::<KafkaError>().and_then(KafkaError::rdkafka_error_code);
        let reason = format!("{error:#}");
        if code.is_some_and(client::is_transient) { Self::Unavailable(reason) } else { Self::Unusable(reason) }
    }
}

/// Creates topics.
#[derive(Clone)]
pub struct TopicAdmin(Arc<Config>);

impl TopicAdmin {
    pub(in crate::worker) fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    /// Compares topics with what a service needs of its inputs and outputs, and creates the missing ones, with the dead
    /// letters of the inputs.
    ///
    /// # Errors
    /// The topics that can't be used or created, with the reason; nothing is created if an existing one can't be used.
    pub async fn add(&self, inputs: BTreeSet<String>, outputs: BTreeSet<String>) -> Result<(), TopicError> {
        if inputs.is_empty() && outputs.is_empty() {
            return Ok(());
        }
        let config = Arc::clone(&self.0);
        let tokio = tokio::runtime::Handle::current();
        let inputs: Vec<String> = inputs.into_iter().collect();
        let outputs: Vec<String> = outputs.into_iter().collect();
        let added = tokio::task::spawn_blocking(move || add(&config, &inputs, &outputs, tokio)).await;
        added.map_err(anyhow::Error::new).flatten().map_err(|error| TopicError::of(&error))
    }
}

fn add(config: &Config, inputs: &[String], outputs: &[String], tokio: tokio::runtime::Handle) -> anyhow::Result<()> {
    let used = used_topics(inputs, outputs);
    let operations = access::operations_on(inputs, outputs);
    let admin = AdminClient::from_config_and_context(&client::base(config), ClientLog::new("admin"))
        .context("kafka.client: librdkafka refuses these settings")?;
    let cluster = Cluster::new(config, admin, tokio)?;
    let tools = KafkaTools::new(config);
    let expected = Expected { partitions: config.partitions, replication: config.replication, tools: &tools };
    let names: Vec<&str> = used.iter().map(|used| used.topic.name.as_str()).collect();
    let states = cluster.states(&names)?;
    compare(&expected, &used, &states, Moment::Start)?;
    let created = create_missing(&cluster, config, &used, &states, &operations)?;
    compare(&expected, &used, &created, Moment::FirstStart)?;
    let partitions = inputs.iter().flat_map(|topic| (0..config.partitions).map(move |n| (topic.as_str(), n)));
    let denied: Vec<String> =
        access::unreadable(config, partitions).iter().map(|topic| access::read_on_topic(topic)).collect();
    if !denied.is_empty() {
        bail!(access::denied(config, &denied));
    }
    Ok(())
}
