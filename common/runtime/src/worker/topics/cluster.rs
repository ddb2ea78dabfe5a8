//! Requests to the brokers about topics: their partitions, replicas and settings, and creating them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use vocabulary::topics::Topic;

use super::requirements::TopicState;
use crate::worker::access;
use crate::worker::client::{self, ClientLog, until_answered};
use crate::worker::config::Config;

/// How long one request to the broker may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a broker may not know the settings of a topic that was just created.
const PROPAGATION: Duration = Duration::from_secs(30);
/// How long to wait for the brokers that the replicas of a new topic need.
const BROKERS: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A topic's settings by name.
type Settings = BTreeMap<String, String>;

/// The brokers. Its requests block; it must not be dropped on a thread of the tokio runtime.
pub(crate) struct Cluster {
    admin: AdminClient<ClientLog>,
    /// For metadata: a consumer's requests never create a topic.
    pub(crate) consumer: BaseConsumer<ClientLog>,
    tokio: tokio::runtime::Handle,
}

impl Cluster {
    pub(crate) fn new(
        config: &Config,
        admin: AdminClient<ClientLog>,
        tokio: tokio::runtime::Handle,
    ) -> anyhow::Result<Self> {
        let consumer = BaseConsumer::from_config_and_context(&client::consumer(config), ClientLog::new("topics"))?;
        Ok(Self { admin, consumer, tokio })
    }

    /// Takes the events of the consumer, such as a lost connection, which is never polled otherwise.
    pub(crate) fn drain_events(&self) {
        while self.consumer.poll(Duration::ZERO).is_some() {}
    }

    /// The existing ones of these topics.
    pub(crate) fn states(&self, names: &[&str]) -> anyhow::Result<BTreeMap<String, TopicState>> {
        let mut layouts = BTreeMap::new();
        for name in names {
            if let Some(layout) = self.layout(name)? {
                layouts.insert(*name, layout);
            }
        }
        let existing: Vec<&str> = layouts.keys().copied().collect();
        let mut settings = self.settings(&existing)?;
        let state = |(name, (partitions, replicas)): (&str, (i32, i32))| {
            let settings = settings.remove(name).unwrap_or_else(|| Err("the broker does not report them".to_owned()));
            (name.to_owned(), TopicState { partitions, replicas, settings })
        };
        Ok(layouts.into_iter().map(state).collect())
    }

    /// The partitions of a topic and the replicas of each; `None` if it does not exist.
    fn layout(&self, name: &str) -> anyhow::Result<Option<(i32, i32)>> {
        let request = || self.consumer.fetch_metadata(Some(name), PATIENCE);
        let metadata = until_answered(&format!("topic {name} can't be described"), request)?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else { return Ok(None) };
        if let Some(error) = topic.error().map(RDKafkaErrorCode::from) {
            // A topic that the service may not describe can't be created either, which reports the missing ACL.
            let is_unknown = matches!(
                error,
                RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::LeaderNotAvailable
                    | RDKafkaErrorCode::TopicAuthorizationFailed
            );
            if is_unknown {
                return Ok(None);
            }
            bail!("topic {name} can't be described: {error}");
        }
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min();
        let layout = (i32::try_from(topic.partitions().len())?, i32::try_from(replicas.unwrap_or(0))?);
        Ok(Some(layout).filter(|(partitions, _)| *partitions > 0))
    }

    /// The settings in effect of each topic, or why they can't be read.
    fn settings(&self, names: &[&str]) -> anyhow::Result<BTreeMap<String, Result<Settings, String>>> {
        let mut all = BTreeMap::new();
        let started = Instant::now();
        while all.len() < names.len() {
            let missing: Vec<_> = names.iter().filter(|name| !all.contains_key(**name)).copied().collect();
            let specifiers: Vec<_> = missing.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
            let options = AdminOptions::new().request_timeout(Some(PATIENCE));
            let request = || self.tokio.block_on(self.admin.describe_configs(&specifiers, &options));
            let mut refused = None;
            for resource in until_answered("the topics' settings can't be read", || request().map_err(code_of))? {
                match resource {
                    Ok(resource) => all.extend(named(resource).map(|(name, settings)| (name, Ok(settings)))),
                    // A broker may not know a new topic yet.
                    Err(RDKafkaErrorCode::UnknownTopicOrPartition) if started.elapsed() < PROPAGATION => {}
                    Err(error) => refused = Some(error.to_string()),
                }
            }
            if let Some(reason) = refused {
                // The client does not report which topic an error is about.
                let refused = missing.iter().filter(|name| !all.contains_key(**name)).map(|name| (*name).to_owned());
                let refused: Vec<_> = refused.map(|name| (name, Err(reason.clone()))).collect();
                all.extend(refused);
            } else if all.len() < names.len() {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(all)
    }

    /// Creates topics. One that another service creates at the same time is no error. Fewer brokers than replicas are
    /// one only if they stay so few: a broker that starts, or was silent for a moment, counts again soon.
    pub(crate) fn create(
        &self,
        topics: &[&Topic],
        config: &Config,
        operations: &BTreeMap<String, &'static str>,
    ) -> anyhow::Result<()> {
        let replication = config.replication;
        let mut wanted = topics.to_vec();
        let mut is_logged = false;
        let started = Instant::now();
        loop {
            let refused = self.create_now(&wanted, config, operations)?;
            let Some(name) = refused.first() else { return Ok(()) };
            if started.elapsed() >= BROKERS {
                bail!("topic {name} can't be created with kafka.replication = {replication}: there are fewer brokers");
            }
            if !std::mem::replace(&mut is_logged, true) {
                tracing::warn!(topic = name, replication, "waiting for brokers: fewer are alive than the topic needs");
            }
            wanted.retain(|topic| refused.contains(&topic.name));
            std::thread::sleep(PAUSE);
        }
    }

    /// Creates topics, and returns the names of those for which there are too few brokers now.
    fn create_now(
        &self,
        topics: &[&Topic],
        config: &Config,
        operations: &BTreeMap<String, &'static str>,
    ) -> anyhow::Result<Vec<String>> {
        let Config { partitions, replication, .. } = *config;
        let mut denied = Vec::new();
        let mut refused = Vec::new();
        let settings: Vec<_> = topics.iter().map(|topic| (topic, topic.settings())).collect();
        let new = settings.iter().map(|(topic, settings)| {
            let new = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(replication));
            settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        });
        let new: Vec<NewTopic<'_>> = new.collect();
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let created = self.tokio.block_on(self.admin.create_topics(&new, &options));
        for created in created.context("the topics can't be created")? {
            match created {
                Ok(name) => tracing::info!(topic = name, partitions, "topic created"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) if client::is_denied(code) => {
                    denied.push(format!("{} on topic {name}", operations.get(&name).copied().unwrap_or("Describe")));
                }
                Err((name, RDKafkaErrorCode::InvalidReplicationFactor)) => refused.push(name),
                Err((name, code)) => bail!("topic {name} can't be created: {code}"),
            }
        }
        if !denied.is_empty() {
            bail!("{}; Create too if the topic does not exist", access::denied(config, &denied));
        }
        Ok(refused)
    }
}

/// An admin request's error, in the form of the errors of other requests.
fn code_of(error: KafkaError) -> KafkaError {
    if let KafkaError::AdminOp(code) = error { KafkaError::Global(code) } else { error }
}

fn named(resource: ConfigResource) -> Option<(String, Settings)> {
    let OwnedResourceSpecifier::Topic(name) = resource.specifier else { return None };
    let settings = resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
    Some((name, settings.collect()))
}
