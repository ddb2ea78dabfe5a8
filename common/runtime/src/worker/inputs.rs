//! Reading the input topics of one partition, for one claim.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossbeam_channel::Sender;
use journal::Positions;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use vocabulary::blob::Blob;
use vocabulary::messages::{Headers, Message, header};
use vocabulary::time::Timestamp;

use super::client::{self, ClientLog, is_out_of_range, is_transient, until_answered};
use super::config::Config;
use super::status::Status;
use super::threads::spawn;

const POLL: Duration = Duration::from_millis(100);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread that reads a partition of the inputs.
pub(super) struct Inputs {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inputs {
    /// Reads from these positions; a topic without one from its beginning. Messages wait in `to`, which is bounded.
    pub(super) fn start(
        config: &Config,
        topics: &[String],
        partition: i32,
        positions: &Positions,
        to: Sender<Message>,
        status: Arc<Status>,
    ) -> anyhow::Result<Self> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            let offset = positions.get(topic).map_or(Offset::Beginning, |next| Offset::Offset(*next));
            list.add_partition_offset(topic, partition, offset)?;
        }
        let consumer = BaseConsumer::from_config_and_context(&client::consumer(config), ClientLog::new("inputs"))?;
        consumer.assign(&list)?;
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<Arc<str>> = topics.iter().map(|name| Arc::from(name.as_str())).collect();
        let stopped = stop.clone();
        let own_status = status.clone();
        let body = move || read(&consumer, &names, &to, &stopped, &own_status);
        let thread = spawn(&status, &format!("inputs-{partition}"), body)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The thread ends by itself within a poll; its last messages are dropped.
        drop(self.thread.take());
    }
}

fn read(
    consumer: &BaseConsumer<ClientLog>,
    topics: &[Arc<str>],
    to: &Sender<Message>,
    stop: &AtomicBool,
    status: &Status,
) {
    while !stop.load(Ordering::SeqCst) {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => match to.send(to_message(&message, topics)) {
                Ok(()) => {}
                // The claim is over.
                Err(_) => return,
            },
            Some(Err(error)) if is_out_of_range(&error) => {
                let reason = "an input's next message is no longer on its topic (retention, or a recreated topic). \
                              Messages may be lost: examine the topic before starting again";
                return status.fatal(&format!("{reason}: {error}"));
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
            Some(Err(error)) => return status.fatal(&format!("the inputs can't be read: {error}")),
        }
    }
}

/// The topics that exist with this partition.
pub(super) fn existing(config: &Config, topics: BTreeSet<String>, partition: i32) -> anyhow::Result<Vec<String>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let consumer: BaseConsumer<ClientLog> =
        BaseConsumer::from_config_and_context(&client::consumer(config), ClientLog::new("inputs"))?;
    let mut existing = Vec::new();
    for name in topics {
        let request = || consumer.fetch_metadata(Some(&name), PATIENCE);
        let metadata = until_answered("the further inputs can't be listed", request)?;
        if metadata.topics().iter().flat_map(|topic| topic.partitions()).any(|p| p.id() == partition) {
            existing.push(name);
        } else {
            tracing::warn!(topic = name, partition, "the topic no longer exists and is not read");
        }
    }
    Ok(existing)
}

/// The present ends of the inputs that have anything to read: behind the last message that a consumer receives. Control
/// records and aborted messages of a foreign producer's transactions (KIP-98) may follow it, and are never received.
pub(super) fn ends(
    config: &Config,
    topics: &[String],
    partition: i32,
    positions: &Positions,
) -> anyhow::Result<Positions> {
    let mut settings = client::consumer(config);
    // The end is reported by an empty fetch, which must not wait for messages.
    settings.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
    let consumer: BaseConsumer<ClientLog> = BaseConsumer::from_config_and_context(&settings, ClientLog::new("inputs"))?;
    let mut ends = Positions::new();
    for topic in topics {
        let request = || consumer.fetch_watermarks(topic, partition, PATIENCE);
        let (low, high) = until_answered("the inputs' ends can't be read", request)?;
        let from = low.max(positions.get(topic).copied().unwrap_or(0));
        if let Some(last) = last_message(&consumer, topic, partition, from..high)? {
            ends.insert(topic.clone(), last.saturating_add(1));
        }
    }
    Ok(ends)
}

/// The offset of the last message of a range: nearly always the range's last offset, else searched for in growing
/// steps.
fn last_message(
    consumer: &BaseConsumer<ClientLog>,
    topic: &str,
    partition: i32,
    range: Range<i64>,
) -> anyhow::Result<Option<i64>> {
    let mut step = 1;
    let mut start = range.end;
    while start > range.start {
        start = range.start.max(start.saturating_sub(step));
        step = step.saturating_mul(16);
        if let Some(last) = last_from(consumer, topic, partition, start..range.end)? {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

fn last_from(
    consumer: &BaseConsumer<ClientLog>,
    topic: &str,
    partition: i32,
    range: Range<i64>,
) -> anyhow::Result<Option<i64>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(range.start))?;
    consumer.assign(&list)?;
    let mut last = None;
    let deadline = Instant::now() + 3 * PATIENCE;
    while Instant::now() < deadline {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) if message.offset() >= range.end => return Ok(last),
            Some(Ok(message)) => {
                last = Some(message.offset());
                if message.offset().saturating_add(1) == range.end {
                    return Ok(last);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("{topic}-{partition} can't be read")),
        }
    }
    bail!("the end of {topic}-{partition} can't be read: the broker did not answer in time")
}

fn headers_of(message: &BorrowedMessage<'_>) -> Headers {
    let mut headers = Headers::default();
    if let Some(all) = message.headers() {
        headers.0.reserve(all.count());
        for Header { key, value } in all.iter() {
            headers.push(header::name(key), Blob(value.unwrap_or_default().to_vec()));
        }
    }
    headers
}

/// Copies a message out of librdkafka.
fn to_message(message: &BorrowedMessage<'_>, topics: &[Arc<str>]) -> Message {
    let topic = topics.iter().find(|name| &***name == message.topic()).cloned();
    // rdkafka panics on a name that is not UTF-8.
    let headers = catch_unwind(AssertUnwindSafe(|| headers_of(message))).unwrap_or_else(|_| {
        let mut headers = Headers::default();
        headers.push(header::UNREADABLE, "the name of a header is not UTF-8: no header could be read");
        headers
    });
    Message {
        topic: topic.unwrap_or_else(|| message.topic().into()),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: Timestamp(message.timestamp().to_millis().unwrap_or_default()),
        key: message.key().map(|key| Blob(key.to_vec())),
        headers,
        value: message.payload().map(<[u8]>::to_vec),
    }
}
