//! The tailer: one consumer per instance that reads the whole journal, hands each record to its worker first (read-back)
//! and then to the view.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossbeam_channel::Sender;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, Statistics, TopicPartitionList};

use super::Config;
use super::client::{self, Quiet, ask, is_passing};
use super::inputs::lost_position;
use super::shared::Event;
use super::status::Status;
use crate::view::{Identity, Tailed, ViewFile};
use journal::{Head, Record};
use vocabulary::time::Timestamp;

const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
/// With more read and not yet applied, reading waits for the view.
const QUEUED_MOST: usize = 128 << 20;

/// How often librdkafka says how its connections are.
const STATISTICS_MS: &str = "1000";

/// The tailer's client, which keeps in mind when the brokers that lead the journal were last heard of. A fetch that finds
/// nothing new is answered too, so that is never long ago while they are there.
struct Listening {
    quiet: Quiet,
    journal: &'static str,
    status: Arc<Status>,
}

impl ClientContext for Listening {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.quiet.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let Some(journal) = statistics.topics.get(self.journal) else { return };
        let partitions = journal.partitions.iter().filter(|(partition, _)| **partition >= 0);
        let idle = |leader: i32| {
            let leads = statistics.brokers.values().find(|broker| broker.nodeid == leader);
            leads.map(|broker| broker.rxidle).filter(|micros| *micros >= 0)
        };
        // Of several, the one that was heard of longest ago; none where one has never been.
        let idle: Option<Vec<i64>> = partitions.map(|(_, partition)| idle(partition.leader)).collect();
        if let Some(micros) = idle.and_then(|all| all.into_iter().max()) {
            self.status.heard.store(Timestamp::now().0.saturating_sub(micros / 1_000), Ordering::Relaxed);
        }
    }
}

impl ConsumerContext for Listening {}

/// Reads the journal from where the view stands.
pub(super) struct Tailer {
    consumer: BaseConsumer<Listening>,
    workers: Vec<Sender<Event>>,
    view: Sender<Tailed>,
    status: Arc<Status>,
    /// Per partition: the end seen at the start, and the next offset.
    ends: Vec<(i64, i64)>,
}

impl Tailer {
    /// Checks that the view is of this log, makes it anew where it is not, and takes its place. Returns how far the view
    /// had come.
    pub(super) fn start(
        config: &Config,
        journal: &'static str,
        file: &ViewFile,
        (workers, view): (Vec<Sender<Event>>, Sender<Tailed>),
        status: Arc<Status>,
    ) -> anyhow::Result<(Self, Vec<Identity>)> {
        let mut settings = client::consumer(config);
        settings.set("statistics.interval.ms", STATISTICS_MS);
        let context = Listening { quiet: Quiet::new("tailer"), journal, status: status.clone() };
        let consumer: BaseConsumer<Listening> = BaseConsumer::from_config_and_context(&settings, context)?;
        let mut identities = file.identities()?;
        if let Some(why) = strange(&consumer, journal, &identities)? {
            tracing::warn!(why, "the view is of another log: it is made anew from the journal");
            file.remake()?;
            identities.clear();
        }
        let (mut list, mut ends) = (TopicPartitionList::new(), Vec::new());
        for partition in 0..config.partitions {
            let (low, high) = watermarks(&consumer, journal, partition)?;
            let next = identities.iter().find(|i| i.partition == partition).map_or(0, |i| i.next_offset);
            if low > next {
                bail!(
                    "{journal}-{partition} begins at {low}, but must be read from {next}: a journal is kept whole (retention.ms=-1)"
                );
            }
            list.add_partition_offset(journal, partition, Offset::Offset(next))?;
            ends.push((high, next));
        }
        consumer.assign(&list)?;
        let tailer = Self { consumer, workers, view, status, ends };
        Ok((tailer, identities))
    }

    /// Reads until the instance stops.
    pub(super) fn run(mut self) {
        while !self.status.is_halted() {
            self.status.beat("tailer");
            if !self.status.caught_up.load(Ordering::Relaxed) && self.ends.iter().all(|(end, next)| next >= end) {
                self.status.caught_up.store(true, Ordering::SeqCst);
            }
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let at = Timestamp(message.timestamp().to_millis().unwrap_or_default());
                    let bytes = message.payload().unwrap_or_default();
                    let record = Record::read(bytes).ok();
                    let tailed = Tailed { partition, offset, at, bytes: bytes.len(), record };
                    if self.hand_on(tailed).is_none() {
                        return;
                    }
                }
                Some(Err(error)) if lost_position(&error) => {
                    return self.status.fatal(&format!("the journal's next record is not there any more: {error}"));
                }
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
                Some(Err(error)) => return self.status.fatal(&format!("the journal can't be read: {error}")),
            }
        }
    }

    /// First the worker, then the view; none when the view is gone.
    fn hand_on(&mut self, tailed: Tailed) -> Option<()> {
        let index = usize::try_from(tailed.partition).ok()?;
        let head = tailed.record.as_ref().map_or(Head::Garbage, |record| record.head());
        let read = Event::ReadBack { offset: tailed.offset, head, at: Instant::now() };
        // A worker that is gone needs no read-back.
        let _ = self.workers.get(index)?.send(read);
        if let Some((_, next)) = self.ends.get_mut(index) {
            *next = tailed.offset.saturating_add(1);
        }
        self.status.read.store(tailed.at.0, Ordering::Relaxed);
        let queued = self.status.applied.queued.fetch_add(tailed.bytes, Ordering::Relaxed);
        if queued > QUEUED_MOST {
            self.wait_for_view();
        }
        self.view.send(tailed).ok()
    }

    fn wait_for_view(&self) {
        while self.status.applied.queued.load(Ordering::Relaxed) > QUEUED_MOST / 2 && !self.status.is_halted() {
            self.status.beat("tailer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn watermarks(consumer: &BaseConsumer<Listening>, journal: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
    ask("the journal's ends are asked for", || consumer.fetch_watermarks(journal, partition, PATIENCE))
}

/// Why the view can't be of this log: it is ahead of it, or a claim it knows is not there.
fn strange(
    consumer: &BaseConsumer<Listening>,
    journal: &str,
    identities: &[Identity],
) -> anyhow::Result<Option<String>> {
    for identity in identities {
        let partition = identity.partition;
        let (low, high) = watermarks(consumer, journal, partition)?;
        if identity.next_offset > high {
            return Ok(Some(format!(
                "it is at {} of {journal}-{partition}, which ends at {high}",
                identity.next_offset
            )));
        }
        let Some((offset, nonce)) = identity.claim else { continue };
        let there = offset >= low && offset < high && claim_at(consumer, journal, partition, offset)? == Some(nonce);
        if !there {
            return Ok(Some(format!("the claim it knows at {offset} of {journal}-{partition} is not there")));
        }
    }
    Ok(None)
}

/// The nonce of the claim at an offset.
fn claim_at(
    consumer: &BaseConsumer<Listening>,
    journal: &str,
    partition: i32,
    offset: i64,
) -> anyhow::Result<Option<uuid::Uuid>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(journal, partition, Offset::Offset(offset))?;
    consumer.assign(&list)?;
    let deadline = Instant::now() + 3 * PATIENCE;
    while Instant::now() < deadline {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                let nonce = match message.payload().map(Record::read) {
                    Some(Ok(Record::Claim(claim))) if message.offset() == offset => Some(claim.nonce),
                    Some(Ok(Record::Claim(_) | Record::Entry(_)) | Err(_)) | None => None,
                };
                drop(message);
                consumer.unassign()?;
                return Ok(nonce);
            }
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
            Some(Err(error)) => return Err(error).context("the journal can't be read"),
        }
    }
    bail!("{journal}-{partition} can't be read at {offset}: the broker did not answer in time")
}
