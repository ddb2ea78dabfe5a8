//! Changes of topics, as operators make them: topics made beforehand, settings, partitions, deleted records; and the
//! commands that the services' messages contain.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::files;
use crate::wait::{SOON, until_is};

const TIMEOUT: Duration = Duration::from_secs(20);

/// An operator's access to the topics of a broker.
pub struct Topics {
    brokers: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Topics {
    /// Connects to a broker.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn new(brokers: &str) -> Result<Self> {
        let admin = ClientConfig::new().set("bootstrap.servers", brokers).create().context("an admin client")?;
        Ok(Self { brokers: brokers.to_owned(), admin })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When the broker does not create it.
    pub async fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<()> {
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        let done = self.admin.create_topics(&[new], &options()).await?;
        done.into_iter().try_for_each(|result| result.map(|_| ()).map_err(|(name, error)| anyhow!("{name}: {error}")))
    }

    /// Deletes a topic and waits until it does not exist.
    ///
    /// # Errors
    /// When the broker does not delete it.
    pub async fn delete(&self, name: &str) -> Result<()> {
        for result in self.admin.delete_topics(&[name], &options()).await? {
            result.map_err(|(name, error)| anyhow!("delete {name}: {error}"))?;
        }
        until_is("the deleted topic's partitions", 0, SOON, || async { self.partitions(name).await }).await
    }

    /// Adds partitions to a topic and waits until it has `count`.
    ///
    /// # Errors
    /// When the broker does not add them.
    pub async fn expand(&self, name: &str, count: usize) -> Result<()> {
        for result in self.admin.create_partitions(&[NewPartitions::new(name, count)], &options()).await? {
            result.map_err(|(name, error)| anyhow!("add partitions to {name}: {error}"))?;
        }
        until_is("the partitions", count, SOON, || async { self.partitions(name).await }).await
    }

    /// Deletes all records of a partition before an offset.
    ///
    /// # Errors
    /// When the broker does not delete them.
    pub async fn delete_before(&self, name: &str, partition: i32, offset: i64) -> Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
        let done = self.admin.delete_records(&list, &options()).await?;
        done.elements().iter().try_for_each(|element| element.error()).with_context(|| format!("records of {name}"))
    }

    async fn partitions(&self, name: &str) -> Result<usize> {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.brokers).create()?;
        let name = name.to_owned();
        tokio::task::spawn_blocking(move || {
            let metadata = consumer.fetch_metadata(Some(&name), TIMEOUT)?;
            Ok(metadata.topics().iter().map(|topic| topic.partitions().len()).sum())
        })
        .await?
    }

    /// Sets settings of a topic, such as `retention.ms=1000`.
    ///
    /// # Errors
    /// The output of Kafka's tool.
    pub fn alter(&self, name: &str, settings: &str) -> Result<()> {
        let brokers = &self.brokers;
        run_command(&format!(
            "kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {name} \
             --add-config {settings}"
        ))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(TIMEOUT))
}

/// The first command of Kafka's tools in a text.
///
/// # Errors
/// When there is none.
pub fn command_in(text: &str) -> Result<String> {
    let (_, rest) = text.split_once("Mend it with: ").or_else(|| text.split_once(" with: ")).unwrap_or_default();
    // The fields of a log line may follow its last value.
    let is_last = |word: &str| ["--add-config", "--partitions"].contains(&word);
    let words: Vec<&str> = rest.split([' ', '\n', '"', ';']).collect();
    let end = words.iter().position(|word| is_last(word)).map_or(0, |at| at + 2);
    let command = words.iter().take(end).copied().collect::<Vec<_>>().join(" ");
    ensure!(command.starts_with("kafka-"), "no command in: {text}");
    Ok(command)
}

/// Runs a command of Kafka's tools, by `./dev kafka`.
///
/// # Errors
/// The tool's output.
pub fn run_command(command: &str) -> Result<()> {
    let mut words = command.split_whitespace();
    let tool = match words.next() {
        Some("kafka-configs.sh") => "configs",
        Some("kafka-topics.sh") => "topics",
        other => bail!("{other:?} is not a tool that ./dev kafka has"),
    };
    let dev = files::root().join("dev");
    let output = Command::new(&dev).arg("kafka").arg(tool).args(words).output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        bail!("{command}: {}\n{text}", output.status);
    }
    Ok(())
}
