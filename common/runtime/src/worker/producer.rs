//! The producer of one claim. It is dropped with the claim, so that no message queued by one owner is sent by the next.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use journal::record::RawOutbox;
use journal::{Failure, Head, Record};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use vocabulary::messages::{Outgoing, header};
use vocabulary::time::Timestamp;
use vocabulary::topics::{self, JOURNAL_MAX_BYTES};

use super::client::{self, ClientLog};
use super::config::Config;
use super::delivery_watch::{Unacknowledged, all_are_led};
use super::event::Event;
use super::kafka_tools::KafkaTools;
use super::polled::PolledProducer;
use super::threads::drop_apart;

/// The most batches of delivery reports taken at once.
const REPORTS: usize = 64;

/// How long a message for external systems waits for others: each topic and partition is a request of its own.
const LINGER_MS: &str = "50";

/// The result of a send, or of an append that failed.
#[derive(Debug)]
pub(super) enum Report {
    /// A message of the outbox of the record at this offset was acknowledged.
    Delivered(i64),
    /// An append or a message failed for good.
    Failed(Failure),
    /// The brokers were asked whether the partitions of what is not acknowledged have leaders.
    Leaders { what: Unacknowledged, led: bool },
}

/// Passes delivery reports to the worker. An acknowledged append wakes it.
#[derive(Clone)]
struct Reports {
    log: Arc<ClientLog>,
    worker: Sender<Event>,
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
    Append(Head),
    Message(i64),
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let report = match (result, *sent) {
            (Ok(message), Sent::Append(head)) => {
                let offset = Some(message.offset()).filter(|offset| *offset >= 0);
                let written = Timestamp(message.timestamp().to_millis().unwrap_or_default());
                // The worker may have ended.
                let _ = self.worker.send(Event::Stored { offset, head, written, at: Instant::now() });
                return;
            }
            (Ok(_), Sent::Message(offset)) => Report::Delivered(offset),
            (Err((error, message)), Sent::Append(_)) => {
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

/// The producers of one claim. A thread waits for the acknowledgements of appends, on which the worker acts. The worker
/// fetches those of messages when it is awake anyway ([`ClaimProducer::reports`]): none is urgent.
pub(super) struct ClaimProducer {
    producers: Option<Producers>,
    reports: Receiver<Report>,
    to_reports: Sender<Report>,
    /// Records that were appended and not acknowledged, in order.
    appended: VecDeque<AppendedRecord>,
    journal: &'static str,
    source: &'static str,
    partition: i32,
    partitions: i32,
}

struct Producers {
    journal: PolledProducer<Reports>,
    messages: BaseProducer<Reports>,
    /// For the topics that may wait ([`topics::may_wait`]).
    unhurried: BaseProducer<Reports>,
}

impl Producers {
    fn new(settings: &ClientConfig, context: &Reports) -> KafkaResult<Self> {
        let journal = PolledProducer::new(settings, context.clone())?;
        let messages = BaseProducer::from_config_and_context(settings, context.clone())?;
        let mut settings = settings.clone();
        settings.set("linger.ms", LINGER_MS);
        let unhurried = BaseProducer::from_config_and_context(&settings, context.clone())?;
        Ok(Self { journal, messages, unhurried })
    }

    /// Takes one batch of delivery reports of each producer of messages. Does not wait.
    fn poll(&self) {
        self.messages.poll(Duration::ZERO);
        self.unhurried.poll(Duration::ZERO);
    }

    /// The producer of a topic's messages. Those of one topic stay in order.
    fn of(&self, topic: &str) -> &BaseProducer<Reports> {
        if topics::may_wait(topic) { &self.unhurried } else { &self.messages }
    }

    /// Drops what was not sent.
    fn purge(&self) {
        let all = || PurgeConfig::default().queue().inflight();
        self.journal.purge(all());
        self.messages.purge(all());
        self.unhurried.purge(all());
    }
}

/// A record as the view takes it, with its length in bytes.
#[derive(Debug)]
pub(super) struct AppendedRecord {
    pub(super) record: Record<RawOutbox>,
    pub(super) bytes: usize,
}

impl ClaimProducer {
    pub(super) fn new(
        config: &Config,
        journal: &'static str,
        source: &'static str,
        partition: i32,
        worker: Sender<Event>,
    ) -> anyhow::Result<Self> {
        let (to_reports, reports) = unbounded();
        // No time limit: an unreachable broker is awaited; messages are given up only with the claim.
        let settings = client::producer(config, Duration::ZERO);
        let log = Arc::new(ClientLog::new("worker"));
        let context = Reports { log, worker, reports: to_reports.clone(), tools: KafkaTools::new(config) };
        let producers = Some(Producers::new(&settings, &context)?);
        let appended = VecDeque::new();
        let partitions = config.partitions;
        Ok(Self { producers, reports, to_reports, appended, journal, source, partition, partitions })
    }

    /// The results known so far. Does not wait.
    pub(super) fn reports(&self) -> impl Iterator<Item = Report> {
        for _ in 0..REPORTS {
            let known = self.reports.len();
            self.producers.iter().for_each(Producers::poll);
            if self.reports.len() == known {
                break;
            }
        }
        self.reports.try_iter()
    }

    /// Asks the brokers whether these partitions have leaders. The answer is among the reports.
    pub(super) fn ask_for_leaders(&self, config: &Config, what: Unacknowledged, of: BTreeSet<(String, i32)>) {
        let config = config.clone();
        let to = self.to_reports.clone();
        std::thread::spawn(move || {
            // The claim may be over.
            let _ = to.send(Report::Leaders { what, led: all_are_led(&config, &of) });
        });
    }

    /// Appends a record to the journal.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), Failure> {
        let encoding = |e: serde_json::Error| Failure::Encoding { what: "a record".to_owned(), reason: e.to_string() };
        let record = record.with_raw_outbox().map_err(encoding)?;
        let bytes = record.encode().map_err(encoding)?;
        if bytes.len() > JOURNAL_MAX_BYTES {
            return Err(Failure::RecordTooLong { bytes: bytes.len(), limit: JOURNAL_MAX_BYTES });
        }
        let sent = Box::new(Sent::Append(record.head()));
        let message = BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(self.journal, sent);
        let queued = self.open()?.journal.send(message.partition(self.partition).payload(&bytes));
        queued.map_err(|(error, _)| not_sent(self.journal, &error))?;
        self.appended.push_back(AppendedRecord { record, bytes: bytes.len() });
        Ok(())
    }

    /// Returns the record that was acknowledged; `None` if it is not the next one, since a producer before this one
    /// appended it.
    pub(super) fn acknowledged(&mut self, head: Head) -> Option<AppendedRecord> {
        self.appended.pop_front_if(|next| next.record.head() == head)
    }

    /// Sends a message of the outbox of the record at `offset`.
    pub(super) fn send(&self, offset: i64, message: &Outgoing) -> Result<(), Failure> {
        let record = BaseRecord::with_opaque_to(&message.topic, Box::new(Sent::Message(offset)));
        let producer = self.open()?.of(&message.topic);
        let queued = producer.send(fill(record, message, self.source, self.partitions));
        queued.map_err(|(error, _)| not_sent(&message.topic, &error))
    }

    fn open(&self) -> Result<&Producers, Failure> {
        self.producers.as_ref().ok_or_else(|| Failure::Send("the producer is closed".to_owned()))
    }
}

fn not_sent(topic: &str, error: &KafkaError) -> Failure {
    Failure::Send(format!("a message to {topic} can't be sent: {error}"))
}

impl Drop for ClaimProducer {
    fn drop(&mut self) {
        if let Some(producers) = self.producers.take() {
            producers.purge();
            drop_apart(producers);
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
        let (worker, _events) = unbounded();
        let context = Reports { log: Arc::new(ClientLog::new("worker")), worker, reports: to, tools };
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
