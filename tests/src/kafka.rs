//! A Kafka client for tests: publishes any message on any partition, and reads whole topics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of the broker.
#[derive(Clone)]
pub struct Kafka {
    /// The bootstrap server's address.
    pub(crate) brokers: String,
    producer: FutureProducer,
}

/// A message read from a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedMessage {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The broker's timestamp, in milliseconds since the epoch.
    pub at: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers; for a repeated name the last one.
    pub headers: BTreeMap<String, String>,
    /// Its value.
    pub value: Vec<u8>,
}

impl ConsumedMessage {
    /// A header's value, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The subject's id, usually an order.
    pub fn subject(&self) -> &str {
        self.header("ce_subject")
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.header("ce_type")
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.header("ce_id")
    }
}

impl Kafka {
    /// A client of `brokers`.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn new(brokers: &str) -> Result<Self> {
        let producer = settings(brokers).set("partitioner", "murmur2_random").create().context("a producer")?;
        Ok(Self { brokers: brokers.to_owned(), producer })
    }

    /// Publishes a value without key and headers, like an operator with kcat, on this partition or any.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn publish(&self, topic: &str, partition: Option<i32>, value: &[u8]) -> Result<()> {
        if let Some(partition) = partition {
            return self.append(topic, partition, value).await.map(|_| ());
        }
        let record = FutureRecord::<[u8], [u8]>::to(topic).payload(value);
        let sent = self.producer.send(record, TIMEOUT).await;
        sent.map(|_| ()).map_err(|(error, _)| anyhow!("publish to {topic}: {error}"))
    }

    /// Appends a record to a partition and returns its offset. A client that used the topic before does not know
    /// partitions added since.
    ///
    /// # Errors
    /// When the broker rejects it, or the partition is not known.
    pub async fn append(&self, topic: &str, partition: i32, value: &[u8]) -> Result<i64> {
        append(&self.producer, topic, partition, value).await
    }

    /// Appends a record that is compressed with this codec, however large it is uncompressed, and returns its offset.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn append_compressed(&self, topic: &str, partition: i32, value: &[u8], codec: &str) -> Result<i64> {
        let mut settings = settings(&self.brokers);
        settings.set("compression.type", codec).set("message.max.bytes", "500000000");
        let producer = settings.create().context("a producer")?;
        let appended = append(&producer, topic, partition, value).await;
        blocking(move || {
            drop(producer);
            Ok(())
        })
        .await?;
        appended
    }

    /// Publishes an event with the fewest headers that the message contract allows.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn event(&self, topic: &str, kind: &str, subject: &str, value: &Value) -> Result<()> {
        self.message(topic, kind, subject, value, &[]).await
    }

    /// Publishes a message with further headers.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn message(
        &self,
        topic: &str,
        kind: &str,
        subject: &str,
        value: &Value,
        more: &[(&str, &str)],
    ) -> Result<()> {
        self.message_bytes(topic, kind, subject, value.to_string().as_bytes(), more).await
    }

    /// Publishes a message with these bytes as its value.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn message_bytes(
        &self,
        topic: &str,
        kind: &str,
        subject: &str,
        value: &[u8],
        more: &[(&str, &str)],
    ) -> Result<()> {
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new().insert(header("ce_type", kind)).insert(header("ce_subject", subject));
        let headers = more.iter().fold(headers, |all, (key, value)| all.insert(header(key, value)));
        let record = FutureRecord::to(topic).key(subject).payload(value).headers(headers);
        let sent = self.producer.send(record, TIMEOUT).await;
        sent.map(|_| ()).map_err(|(error, _)| anyhow!("publish to {topic}: {error}"))
    }

    /// Publishes a value in a Kafka transaction, whose commit marker follows it.
    ///
    /// # Errors
    /// When the broker rejects it.
    pub async fn publish_in_transaction(&self, topic: &str, partition: i32, value: &str) -> Result<()> {
        let mut settings = settings(&self.brokers);
        let topic = topic.to_owned();
        let value = value.to_owned();
        settings.set("transactional.id", uuid::Uuid::new_v4().to_string());
        blocking(move || {
            let producer: BaseProducer = settings.create().context("a transactional producer")?;
            producer.init_transactions(TIMEOUT)?;
            producer.begin_transaction()?;
            let record = BaseRecord::<[u8], str>::to(&topic).partition(partition).payload(&value);
            producer.send(record).map_err(|(error, _)| anyhow!("publish to {topic}: {error}"))?;
            Ok(producer.commit_transaction(TIMEOUT)?)
        })
        .await
    }

    /// All topics with their partition counts, without Kafka's internal ones.
    ///
    /// # Errors
    /// When the broker does not respond.
    pub async fn topics(&self) -> Result<BTreeMap<String, usize>> {
        let consumer = self.consumer()?;
        blocking(move || {
            let metadata = consumer.fetch_metadata(None, TIMEOUT)?;
            let ours = metadata.topics().iter().filter(|t| !t.name().starts_with("__"));
            Ok(ours.map(|t| (t.name().to_owned(), t.partitions().len())).collect())
        })
        .await
    }

    /// The end of a partition.
    ///
    /// # Errors
    /// When the broker does not respond.
    pub async fn end(&self, topic: &str, partition: i32) -> Result<i64> {
        let consumer = self.consumer()?;
        let topic = topic.to_owned();
        blocking(move || Ok(consumer.fetch_watermarks(&topic, partition, TIMEOUT)?.1)).await
    }

    /// All messages of a topic, partition by partition; none if the topic does not exist.
    ///
    /// # Errors
    /// When the broker does not respond.
    pub async fn read(&self, topic: &str) -> Result<Vec<ConsumedMessage>> {
        Ok(self.read_topics(vec![topic.to_owned()]).await?.into_values().flatten().collect())
    }

    /// All messages of several topics, by topic.
    ///
    /// # Errors
    /// As [`Kafka::read`].
    pub async fn read_topics(&self, topics: Vec<String>) -> Result<BTreeMap<String, Vec<ConsumedMessage>>> {
        let consumer = self.consumer()?;
        blocking(move || {
            let (mut all, unfinished) = read_all(&consumer, &topics)?;
            for topic in unfinished {
                all.extend(read_all(&consumer, &[topic])?.0);
            }
            Ok(all)
        })
        .await
    }

    /// The messages of a topic with this subject.
    ///
    /// # Errors
    /// As [`Kafka::read`].
    pub async fn about(&self, topic: &str, order: &str) -> Result<Vec<ConsumedMessage>> {
        let mut all = self.read(topic).await?;
        all.retain(|m| m.subject() == order);
        Ok(all)
    }

    /// Commits the beginning of a topic's first partition for a consumer group, which creates the group.
    ///
    /// # Errors
    /// When the broker does not accept it.
    pub async fn commit(&self, group: &str, topic: &str) -> Result<()> {
        let consumer = self.consumer_of(group)?;
        let topic = topic.to_owned();
        blocking(move || {
            let mut offsets = TopicPartitionList::new();
            offsets.add_partition_offset(&topic, 0, Offset::Offset(0))?;
            Ok(consumer.commit(&offsets, CommitMode::Sync)?)
        })
        .await
    }

    fn consumer(&self) -> Result<BaseConsumer> {
        self.consumer_of("tests")
    }

    fn consumer_of(&self, group: &str) -> Result<BaseConsumer> {
        let mut settings = settings(&self.brokers);
        settings.set("group.id", group).set("enable.auto.commit", "false").set("fetch.message.max.bytes", "10000000");
        // The end of a topic is reported by an empty fetch, which must not wait for messages.
        settings.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
        settings.create().context("a consumer")
    }
}

/// The settings of every client.
pub(crate) fn settings(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("allow.auto.create.topics", "false").set_log_level(
        // Scenarios kill the broker on purpose.
        rdkafka::config::RDKafkaLogLevel::Critical,
    );
    config
}

async fn append(producer: &FutureProducer, topic: &str, partition: i32, value: &[u8]) -> Result<i64> {
    let record = FutureRecord::<[u8], [u8]>::to(topic).payload(value).partition(partition);
    let sent = producer.send(record, TIMEOUT).await;
    sent.map(|delivery| delivery.offset).map_err(|(error, _)| anyhow!("append to {topic}: {error}"))
}

/// Runs blocking librdkafka calls; its clients must not be dropped on a runtime thread.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.context("a blocking call")?
}

/// Messages by topic.
type ByTopic = BTreeMap<String, Vec<ConsumedMessage>>;

/// Reads topics with one consumer. Returns their messages, and the topics that were not read to their ends: of several
/// topics, those whose last record is the marker of a transaction. The report of an end names only the partition.
fn read_all(consumer: &BaseConsumer, topics: &[String]) -> Result<(ByTopic, Vec<String>)> {
    let single = if let [topic] = topics { Some(topic) } else { None };
    let mut wanted = BTreeMap::new();
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(|t| t.partitions()).map(|p| p.id()) {
            let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
            if high > low {
                wanted.insert((topic.clone(), partition), high);
                list.add_partition_offset(topic, partition, Offset::Offset(low))?;
            }
        }
    }
    consumer.assign(&list)?;
    let mut all: ByTopic = topics.iter().map(|topic| (topic.clone(), Vec::new())).collect();
    let deadline = Instant::now() + TIMEOUT;
    while !wanted.is_empty() {
        if Instant::now() > deadline {
            bail!("topics were not read to their ends; missing: {wanted:?}");
        }
        let message = match (consumer.poll(Duration::from_millis(500)), single) {
            (None, None) => break,
            (None, Some(_)) | (Some(Err(KafkaError::PartitionEOF(_))), None) => continue,
            (Some(Err(KafkaError::PartitionEOF(partition))), Some(topic)) => {
                wanted.remove(&(topic.clone(), partition));
                continue;
            }
            (Some(message), _) => message.with_context(|| format!("read {topics:?}"))?,
        };
        let key = (message.topic().to_owned(), message.partition());
        if wanted.get(&key).is_some_and(|high| message.offset() + 1 >= *high) {
            wanted.remove(&key);
        }
        all.entry(key.0).or_default().push(consumed(&message));
    }
    for messages in all.values_mut() {
        messages.sort_by_key(|m| (m.partition, m.offset));
    }
    let mut unfinished: Vec<String> = wanted.into_keys().map(|(topic, _)| topic).collect();
    unfinished.dedup();
    Ok((all, unfinished))
}

fn consumed(message: &rdkafka::message::BorrowedMessage<'_>) -> ConsumedMessage {
    let headers = message.headers().map(|headers| {
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        headers.iter().map(|h| (h.key.to_owned(), text(h.value))).collect()
    });
    ConsumedMessage {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        at: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
