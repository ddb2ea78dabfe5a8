//! Reading the input topics of one partition, for one claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::Config;
use super::client::{self, Quiet, ask, is_passing};
use super::status::Status;
use crate::blob::Blob;
use crate::journal::Positions;
use crate::messages::{Headers, Message, header};
use crate::time::Timestamp;

const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread that reads a partition of the inputs.
pub(super) struct Inputs {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inputs {
    /// Reads from these positions on; a topic without one from its beginning. Messages wait in `to`, which is bounded.
    pub(super) fn start(
        config: &Config,
        topics: &'static [&'static str],
        (partition, positions): (i32, &Positions),
        to: Sender<Message>,
        status: Arc<Status>,
    ) -> anyhow::Result<Self> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            let offset = positions.get(*topic).map_or(Offset::Beginning, |next| Offset::Offset(*next));
            list.add_partition_offset(topic, partition, offset)?;
        }
        let consumer = BaseConsumer::from_config_and_context(&client::consumer(config), Quiet::new("inputs"))?;
        consumer.assign(&list)?;
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<Arc<str>> = topics.iter().map(|name| Arc::from(*name)).collect();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name(format!("inputs-{partition}"))
            .spawn(move || read(&consumer, &names, &to, &stopped, &status))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The thread ends by itself within a poll; nothing it still hands over is taken.
        drop(self.thread.take());
    }
}

fn read(consumer: &BaseConsumer<Quiet>, topics: &[Arc<str>], to: &Sender<Message>, stop: &AtomicBool, status: &Status) {
    while !stop.load(Ordering::SeqCst) {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => match to.send(own(&message, topics)) {
                Ok(()) => {}
                // The claim is over.
                Err(_) => return,
            },
            Some(Err(error)) if lost_position(&error) => {
                let why = "an input's next message is not on its topic any more (retention, or the topic was made anew). \
                           Messages may be lost: look at it before starting again";
                return status.fatal(&format!("{why}: {error}"));
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
            Some(Err(error)) => return status.fatal(&format!("the inputs can't be read: {error}")),
        }
    }
}

/// The offset to read from is out of range.
pub(super) fn lost_position(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange))
}

/// Where the inputs end now, for those that have anything to read.
pub(super) fn ends(
    config: &Config,
    topics: &[&str],
    partition: i32,
    positions: &Positions,
) -> anyhow::Result<Positions> {
    let consumer: BaseConsumer<Quiet> =
        BaseConsumer::from_config_and_context(&client::consumer(config), Quiet::new("inputs"))?;
    let mut ends = Positions::new();
    for topic in topics {
        let asked = || consumer.fetch_watermarks(topic, partition, PATIENCE);
        let (low, high) = ask("the inputs' ends are asked for", asked)?;
        if high > low.max(positions.get(*topic).copied().unwrap_or(0)) {
            ends.insert((*topic).to_owned(), high);
        }
    }
    Ok(ends)
}

/// A message of librdkafka's as one of ours.
fn own(message: &BorrowedMessage<'_>, topics: &[Arc<str>]) -> Message {
    let topic = topics.iter().find(|name| &***name == message.topic()).cloned();
    let mut headers = Headers::default();
    if let Some(all) = message.headers() {
        headers.0.reserve(all.count());
        for Header { key, value } in all.iter() {
            headers.push(header::name(key), Blob(value.unwrap_or_default().to_vec()));
        }
    }
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
