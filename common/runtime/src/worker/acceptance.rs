//! The positions of the inputs, for operators: those in the journal, what the brokers have at them, and the acceptance
//! of a loss, which is written to the journal.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use journal::{Acceptance, Failure, Record, Replay, TopicRange, position_key, split_position_key};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};
use vocabulary::time::Timestamp;

use super::client::{self, ClientLog, is_transient};
use super::config::Config;
use super::inputs;
use super::positions::{self, Continued};
use super::sources::Source;

const POLL: Duration = Duration::from_millis(100);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The position of an input in one partition.
#[derive(Clone, Debug)]
pub struct PositionReport {
    /// The partition.
    pub partition: i32,
    /// The input.
    pub topic: String,
    /// The next offset to read.
    pub position: i64,
    /// The topic's offsets; `None` if it no longer exists.
    pub range: Option<TopicRange>,
    /// Why it can't be read on; `None` if it can.
    pub fault: Option<Failure>,
}

/// Where an input continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContinueAt {
    /// At the first message that the topic has.
    Begin,
    /// Behind its last message.
    End,
}

/// An operator's request to accept the loss of messages.
#[derive(Clone, Debug)]
pub struct AcceptanceRequest {
    /// The input.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where to continue.
    pub at: ContinueAt,
    /// The reason.
    pub why: String,
    /// The operator.
    pub by: String,
}

/// Reads the journal and compares its positions with the topics.
///
/// # Errors
/// The brokers do not answer, or the journal can't be read.
pub fn report(config: &Config, journal: &str) -> anyhow::Result<Vec<PositionReport>> {
    let consumer = client::end_reader(config)?;
    let mut reports = Vec::new();
    for worker in 0..config.partitions {
        let read = journaled(config, journal, worker)?;
        for (key, position) in &read.positions {
            let (topic, partition) = split_position_key(key, worker);
            let topic = topic.to_owned();
            let existing = inputs::existing(config, BTreeSet::from([topic.clone()]), worker, Duration::ZERO)?;
            let source = existing.sources.into_iter().find(|source| source.key == *key);
            let range = source.as_ref().map(|_| client::range(&consumer, &topic, partition)).transpose()?;
            let fault = source.and_then(|source| positions::verify(config, &[source], &read).err());
            reports.push(PositionReport { partition, topic, position: *position, range, fault });
        }
    }
    Ok(reports)
}

/// Writes the acceptance to the journal; returns it with its offset. Instances read it, and continue.
///
/// # Errors
/// Nothing is lost, the topic was never read, or the brokers do not answer.
pub fn accept(config: &Config, journal: &str, request: &AcceptanceRequest) -> anyhow::Result<(Acceptance, i64)> {
    let AcceptanceRequest { topic, partition, at, why, by } = request;
    let partition = *partition;
    if partition < 0 {
        bail!("there is no partition {partition}");
    }
    let worker = partition.rem_euclid(config.partitions);
    let key = position_key(topic, partition, config.partitions).into_owned();
    let source = Source { topic: topic.clone(), partition, key: key.clone() };
    let read = journaled(config, journal, worker)?;
    let Some(from) = read.positions.get(&key).copied() else {
        let known: Vec<&str> = read.positions.keys().map(String::as_str).collect();
        bail!("{topic}-{partition} was never read; the journal has positions of {}", known.join(", "));
    };
    match positions::verify(config, &[source], &read) {
        Ok(()) => bail!("nothing is lost: {topic}-{partition} can be read on from {from}"),
        Err(Failure::PositionGone { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    let TopicRange { begins, ends } = client::range(&client::end_reader(config)?, topic, partition)?;
    let to = match at {
        ContinueAt::Begin => begins,
        ContinueAt::End => ends,
    };
    let by = by.clone();
    let why = why.clone();
    let acceptance = Acceptance { topic: key, from, to, why, by, at: Timestamp::now() };
    let offset = append(config, journal, worker, &Record::Acceptance(acceptance.clone()))?;
    Ok((acceptance, offset))
}

/// The positions in a partition of the journal, which is read whole.
fn journaled(config: &Config, journal: &str, partition: i32) -> anyhow::Result<Continued> {
    let consumer = client::end_reader(config)?;
    let TopicRange { begins, .. } = client::range(&consumer, journal, partition)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(journal, partition, Offset::Offset(begins))?;
    consumer.assign(&list)?;
    let mut replay = Replay::default();
    let mut answered = Instant::now();
    while answered.elapsed() < PATIENCE {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                answered = Instant::now();
                if let Ok(mut record) = Record::read(message.payload().unwrap_or_default()) {
                    replay.apply(message.offset(), &mut record);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                let Replay { positions, last, .. } = replay;
                return Ok(Continued { positions, last });
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("{journal}-{partition} can't be read")),
        }
    }
    bail!("{journal}-{partition} can't be read: the broker did not answer in time")
}

/// Keeps the result of the one append.
struct Delivery {
    log: ClientLog,
    result: Mutex<Option<Result<i64, KafkaError>>>,
}

impl ClientContext for Delivery {
    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Ok(mut kept) = self.result.lock() {
            *kept = Some(result.as_ref().map(rdkafka::Message::offset).map_err(|(error, _)| error.clone()));
        }
    }
}

/// Appends a record to a partition of the journal and returns its offset.
fn append(config: &Config, journal: &str, partition: i32, record: &Record) -> anyhow::Result<i64> {
    let bytes = record.encode()?;
    let delivery = Delivery { log: ClientLog::new("positions"), result: Mutex::new(None) };
    let producer: BaseProducer<Delivery> =
        BaseProducer::from_config_and_context(&client::producer(config, PATIENCE), delivery)?;
    let record = BaseRecord::<[u8], [u8]>::to(journal).partition(partition).payload(&bytes);
    producer.send(record).map_err(|(error, _)| error).context("the acceptance can't be written")?;
    let deadline = Instant::now() + PATIENCE + PATIENCE;
    while Instant::now() < deadline {
        producer.poll(POLL);
        let result = producer.context().result.lock().map_or(None, |mut kept| kept.take());
        if let Some(result) = result {
            return result.context("the acceptance may or may not be written");
        }
    }
    bail!("the acceptance may or may not be written: the broker did not answer in time")
}
