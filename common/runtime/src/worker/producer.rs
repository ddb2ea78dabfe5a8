//! The producer of one claim. It is dropped with the claim, so that no message queued by one owner is sent by the next.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use journal::{Failure, Record};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use vocabulary::messages::{Outgoing, header};
use vocabulary::topics::{self, JOURNAL_MAX_BYTES};

use super::client::{self, ClientLog};
use super::config::Config;
use super::kafka_tools::KafkaTools;

/// The most batches of delivery reports taken at once.
const REPORTS: usize = 64;

/// The result of an append or a send.
#[derive(Debug)]
pub(super) enum Report {
    /// The broker has stored an append. Only reading it back shows if it is valid.
    Appended,
    /// A message of the outbox of the record at this offset was acknowledged.
    Delivered(i64),
    /// An append or a message failed for good.
    Failed(Failure),
}

/// Keeps delivery reports for the worker.
struct Reports {
    log: ClientLog,
    reports: Sender<Report>,
    tools: KafkaTools,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        if client::is_fatal(&error) {
            // Queued messages would wait for ever: they have no time limit.
            let _ = self.reports.send(Report::Failed(Failure::Send(format!("the producer failed for good: {reason}"))));
        }
        self.log.error(error, reason);
    }
}

/// A request: an append, or a message of the outbox of the record at an offset.
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
            (Err((error, message)), Sent::Append) => {
                let topic = rdkafka::Message::topic(message);
                let reason = self.tools.explain(topic, JOURNAL_MAX_BYTES, error);
                Report::Failed(Failure::Send(format!("an append to {topic} failed: {reason}")))
            }
            (Err((error, message)), Sent::Message(_)) => {
                let topic = rdkafka::Message::topic(message);
                let reason = self.tools.explain(topic, topics::max_bytes(topic), error);
                Report::Failed(Failure::Send(format!("a message to {topic} failed: {reason}")))
            }
        };
        // The claim may be over.
        let _ = self.reports.send(report);
    }
}

/// The producer of one claim. The worker fetches its reports when it is awake anyway ([`ClaimProducer::reports`]): a
/// thread that waits for them would wake both, and no report is urgent.
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
        journal: &'static str,
        source: &'static str,
        partition: i32,
    ) -> anyhow::Result<Self> {
        let (to, reports) = unbounded();
        // No time limit: an unreachable broker is awaited; messages are given up only with the claim.
        let settings = client::producer(config, Duration::ZERO);
        let context = Reports { log: ClientLog::new("worker"), reports: to, tools: KafkaTools::new(config) };
        let producer = Some(BaseProducer::from_config_and_context(&settings, context)?);
        Ok(Self { producer, reports, journal, source, partition, partitions: config.partitions })
    }

    /// The results known so far. Does not wait.
    pub(super) fn reports(&self) -> impl Iterator<Item = Report> {
        for _ in 0..REPORTS {
            let known = self.reports.len();
            // One poll takes the reports of one batch.
            self.producer.iter().for_each(|producer| producer.poll(Duration::ZERO));
            if self.reports.len() == known {
                break;
            }
        }
        self.reports.try_iter()
    }

    /// Appends a record to the journal.
    pub(super) fn append(&self, record: &Record) -> Result<(), Failure> {
        let encoding = |e: serde_json::Error| Failure::Encoding { what: "a record".to_owned(), reason: e.to_string() };
        let bytes = record.encode().map_err(encoding)?;
        if bytes.len() > JOURNAL_MAX_BYTES {
            return Err(Failure::RecordTooLong { bytes: bytes.len(), limit: JOURNAL_MAX_BYTES });
        }
        let record = BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(self.journal, Box::new(Sent::Append));
        self.enqueue(record.partition(self.partition).payload(&bytes))
    }

    /// Sends a message of the outbox of the record at `offset`.
    pub(super) fn send(&self, offset: i64, message: &Outgoing) -> Result<(), Failure> {
        let record = BaseRecord::with_opaque_to(&message.topic, Box::new(Sent::Message(offset)));
        self.enqueue(fill(record, message, self.source, self.partitions))
    }

    fn enqueue<K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        record: BaseRecord<'_, K, P, Box<Sent>>,
    ) -> Result<(), Failure> {
        let Some(producer) = &self.producer else { return Err(Failure::Send("the producer is closed".to_owned())) };
        let topic = record.topic.to_owned();
        let queued = producer.send(record);
        queued.map_err(|(error, _)| Failure::Send(format!("a message to {topic} can't be sent: {error}")))
    }
}

impl Drop for ClaimProducer {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.purge(PurgeConfig::default().queue().inflight());
            // Closing waits for librdkafka's threads, which would block the worker.
            std::thread::spawn(move || drop(producer));
        }
    }
}

/// Copies a message into a Kafka record.
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
    if message.lacks_source() {
        headers = headers.insert(Header { key: header::SOURCE, value: Some(source) });
    }
    let mut record = record.headers(headers).partition(message.partition_of(partitions));
    if let Some(key) = &message.key {
        record = record.key(&key.0);
    }
    match message.value.bytes() {
        Some(bytes) => record.payload(bytes),
        None => record,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[test]
    fn a_fatal_error_of_the_producer_ends_the_claim() {
        let (to, reports) = unbounded();
        let tools = KafkaTools::new(&Config::for_tests());
        let context = Reports { log: ClientLog::new("worker"), reports: to, tools };
        context.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "no broker answers");
        assert!(reports.is_empty(), "that ends by itself");
        context.error(KafkaError::Global(RDKafkaErrorCode::Fatal), "out of sequence");
        let report = reports.try_recv().unwrap();
        assert!(
            matches!(&report, Report::Failed(Failure::Send(reason)) if reason.contains("out of sequence")),
            "{report:?}"
        );
    }
}
