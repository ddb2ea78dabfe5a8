//! Changes of topics, as operators make them: topics made beforehand, settings, partitions, deleted records; and the
//! commands that the services' messages contain.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use common::topics::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use crate::files;
use crate::kafka::{Kafka, settings};
use crate::wait::{PATIENT, SOON, until, until_is};

const TIMEOUT: Duration = Duration::from_secs(60);

/// An operator's access to the topics of a broker.
pub struct Topics {
    kafka: Kafka,
    admin: AdminClient<DefaultClientContext>,
}

impl Topics {
    /// Those of this client's broker.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn new(kafka: &Kafka) -> Result<Self> {
        let admin = settings(&kafka.brokers).create().context("an admin client")?;
        Ok(Self { kafka: kafka.clone(), admin })
    }

    /// Creates a topic and waits until it exists.
    ///
    /// # Errors
    /// When the broker does not create it.
    pub async fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<()> {
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        self.create_new(settings.iter().fold(new, |new, (key, value)| new.set(key, value))).await
    }

    /// Creates an input topic whose partitions are all on one broker, and waits until it exists.
    ///
    /// # Errors
    /// When the broker does not create it.
    pub async fn create_on(&self, name: &str, partitions: i32, broker: i32) -> Result<()> {
        let replicas = [broker];
        let assignment: Vec<&[i32]> = (0..partitions).map(|_| replicas.as_slice()).collect();
        let settings = Topic::input(name).settings();
        let new = NewTopic::new(name, partitions, TopicReplication::Variable(&assignment));
        self.create_new(settings.iter().fold(new, |new, (key, value)| new.set(key, value))).await
    }

    async fn create_new(&self, new: NewTopic<'_>) -> Result<()> {
        let name = new.name;
        let partitions = usize::try_from(new.num_partitions)?;
        for result in self.admin.create_topics(&[new], &options()).await? {
            result.map_err(|(name, error)| anyhow!("create {name}: {error}"))?;
        }
        until_is("the new topic's partitions", partitions, SOON, || self.partitions(name)).await
    }

    /// Deletes a topic and waits until it does not exist.
    ///
    /// # Errors
    /// When the broker does not delete it.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.delete_named(&[name]).await?;
        until_is("the deleted topic's partitions", 0, SOON, || self.partitions(name)).await
    }

    /// Deletes all topics and waits until there are none.
    ///
    /// # Errors
    /// When the broker does not delete one.
    pub async fn delete_all(&self) -> Result<()> {
        // A request whose answer is late is sent again, for those that remain.
        until("all topics to be deleted", PATIENT, || async {
            let topics = self.kafka.topics().await?;
            if topics.is_empty() {
                return Ok(Some(()));
            }
            self.delete_named(&topics.keys().map(String::as_str).collect::<Vec<_>>()).await?;
            Ok(None)
        })
        .await
    }

    async fn delete_named(&self, names: &[&str]) -> Result<()> {
        for result in self.admin.delete_topics(names, &options()).await? {
            result.map_err(|(name, error)| anyhow!("delete {name}: {error}"))?;
        }
        Ok(())
    }

    /// Adds partitions to a topic and waits until it has `count`.
    ///
    /// # Errors
    /// When the broker does not add them.
    pub async fn expand(&self, name: &str, count: usize) -> Result<()> {
        for result in self.admin.create_partitions(&[NewPartitions::new(name, count)], &options()).await? {
            result.map_err(|(name, error)| anyhow!("add partitions to {name}: {error}"))?;
        }
        until_is("the partitions", count, SOON, || self.partitions(name)).await
    }

    /// Deletes all records of a partition before an offset, as retention does.
    ///
    /// # Errors
    /// When the broker does not delete them.
    pub async fn delete_before(&self, name: &str, partition: i32, offset: i64) -> Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
        let done = self.admin.delete_records(&list, &options()).await?;
        let mut elements = done.elements().into_iter();
        elements.try_for_each(|e| e.error()).with_context(|| format!("delete records of {name}-{partition}"))
    }

    /// The partition count of a topic; 0 if it does not exist.
    async fn partitions(&self, name: &str) -> Result<usize> {
        Ok(self.kafka.topics().await?.get(name).copied().unwrap_or_default())
    }

    /// Sets settings of a topic, such as `retention.ms=1000`.
    ///
    /// # Errors
    /// The output of Kafka's tool.
    pub fn alter(&self, name: &str, settings: &str) -> Result<()> {
        let brokers = &self.kafka.brokers;
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
