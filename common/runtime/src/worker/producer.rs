//! A claim's own producer. It dies with the claim, so nothing that one owner queued is ever sent by the next.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};

use super::Config;
use super::client::{self, Quiet};
use journal::Record;
use vocabulary::messages::{Outgoing, header};
use vocabulary::topics::{self, JOURNAL_MAX_BYTES};

/// Batches of delivery reports taken in at once, at most.
const REPORTS: usize = 64;

/// What became of something that was sent.
pub(super) enum Report {
    /// An append is with the broker. Only reading it back says whether it happened.
    Appended,
    /// A message of the outbox of the record at this offset has arrived.
    Delivered(i64),
    /// An append or a message failed for good.
    Failed(String),
}

/// Keeps delivery reports for the worker.
struct Reports {
    quiet: Quiet,
    reports: Sender<Report>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.quiet.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }
}

/// What was sent: an append, or a message of the outbox of the record at an offset.
#[derive(Clone, Copy)]
enum Sent {
    Append,
    Message(i64),
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let report = match (result, *sent) {
            (Ok(_), Sent::Append) => Report::Appended,
            (Ok(_), Sent::Message(offset)) => Report::Delivered(offset),
            (Err((error, _)), Sent::Append) => Report::Failed(format!("an append failed: {error}")),
            (Err((error, message)), Sent::Message(_)) => {
                Report::Failed(format!("a message to {} failed: {error}", rdkafka::Message::topic(message)))
            }
        };
        // A claim that is over needs no report.
        let _ = self.reports.send(report);
    }
}

/// The producer of one claim. The worker asks for its reports when it is awake anyway ([`ClaimProducer::reports`]): a
/// thread that waits for them would wake both, and nothing is in a hurry for them.
pub(super) struct ClaimProducer {
    producer: Option<BaseProducer<Reports>>,
    reports: Receiver<Report>,
    journal: &'static str,
    source: &'static str,
    partition: i32,
    partitions: i32,
}

impl ClaimProducer {
    pub(super) fn new(
        config: &Config,
        (journal, source): (&'static str, &'static str),
        partition: i32,
    ) -> anyhow::Result<Self> {
        let (to, reports) = unbounded();
        // No time limit: a broker that is away is waited for; a message is given up only when the claim is.
        let settings = client::producer(config, Duration::ZERO);
        let context = Reports { quiet: Quiet::new("worker"), reports: to };
        let producer = Some(BaseProducer::from_config_and_context(&settings, context)?);
        Ok(Self { producer, reports, journal, source, partition, partitions: config.partitions })
    }

    /// What became of what was sent, as far as it is known now: waits for nothing.
    pub(super) fn reports(&self) -> impl Iterator<Item = Report> {
        for _ in 0..REPORTS {
            let known = self.reports.len();
            // One poll takes in the reports of one batch.
            self.producer.iter().for_each(|producer| producer.poll(Duration::ZERO));
            if self.reports.len() == known {
                break;
            }
        }
        self.reports.try_iter()
    }

    /// Appends a record to the journal.
    pub(super) fn append(&self, record: &Record) -> Result<(), String> {
        let bytes = record.encode().map_err(|e| format!("a record can't be encoded: {e}"))?;
        if bytes.len() > JOURNAL_MAX_BYTES {
            return Err(format!(
                "a record of {} bytes is larger than a journal takes ({JOURNAL_MAX_BYTES})",
                bytes.len()
            ));
        }
        let record = BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(self.journal, Box::new(Sent::Append));
        self.send(record.partition(self.partition).payload(&bytes))
    }

    /// Sends a message of the outbox of the record at `offset`.
    pub(super) fn say(&self, offset: i64, message: &Outgoing) -> Result<(), String> {
        let record = BaseRecord::with_opaque_to(&message.topic, Box::new(Sent::Message(offset)));
        self.send(fill(record, message, self.source, self.partitions))
    }

    fn send<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        record: BaseRecord<'_, K, P, Box<Sent>>,
    ) -> Result<(), String> {
        let Some(producer) = &self.producer else { return Err("the producer is closed".to_owned()) };
        let topic = record.topic.to_owned();
        producer.send(record).map_err(|(error, _)| format!("nothing could be sent to {topic}: {error}"))
    }
}

impl Drop for ClaimProducer {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.purge(PurgeConfig::default().queue().inflight());
            // Closing waits for librdkafka's threads; the worker has better things to do.
            std::thread::spawn(move || drop(producer));
        }
    }
}

/// Fills a Kafka record with a message of ours.
pub(super) fn fill<'a, O: rdkafka::util::IntoOpaque>(
    record: BaseRecord<'a, [u8], [u8], O>,
    message: &'a Outgoing,
    source: &str,
    partitions: i32,
) -> BaseRecord<'a, [u8], [u8], O> {
    let mut headers = OwnedHeaders::new_with_capacity(message.headers.0.len() + 1);
    for (key, value) in &message.headers.0 {
        headers = headers.insert(Header { key, value: Some(value.0.as_slice()) });
    }
    if message.headers.get(header::ID).is_some() && message.headers.get(header::SOURCE).is_none() {
        headers = headers.insert(Header { key: header::SOURCE, value: Some(source) });
    }
    let key = message.key.as_ref().map(|key| key.0.as_slice());
    let partition = message.partition.or_else(|| key.map(|k| topics::partition_of(k, partitions))).unwrap_or(0);
    let mut record = record.headers(headers).partition(partition);
    if let Some(key) = key {
        record = record.key(key);
    }
    match message.value.bytes() {
        Some(bytes) => record.payload(bytes),
        None => record,
    }
}
