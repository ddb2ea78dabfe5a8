//! Reading the input topics of one partition, for one claim.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use crossbeam_channel::Sender;
use journal::{Failure, Input, Positions};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::access;
use super::client::{self, ClientLog, until_answered};
use super::config::Config;
use super::input_progress::InputProgress;
use super::positions::Continued;
use super::reader::{Polled, Reader};
use super::received::Received;
use super::sources::{self, Source};
use super::status::Status;
use super::threads::spawn;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a broker may not know a topic that was just created.
pub(super) const PROPAGATION: Duration = Duration::from_secs(3);
/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often librdkafka reports the ends of the inputs, for the metrics.
const STATISTICS_MS: &str = "5000";

/// The ends of the inputs.
pub(super) struct Ends {
    /// Behind the last message of each input that has any to read.
    pub(super) ends: Positions,
    /// Behind the last record of each input that has records to read, and no message among them.
    pub(super) skipped: Positions,
}

/// The topics that exist.
#[derive(Default)]
pub(super) struct Existing {
    /// Their partitions that belong to a partition's worker.
    pub(super) sources: Vec<Source>,
    /// How many partitions each has.
    pub(super) counts: BTreeMap<String, i32>,
}

/// The thread that reads a partition of the inputs.
pub(super) struct Inputs {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inputs {
    /// Reads from these positions; a source without one from its beginning. Messages wait in `to`, which is bounded.
    pub(super) fn start<E: Send + 'static>(
        config: &Config,
        sources: &[Source],
        partition: i32,
        from: Continued,
        to: Sender<Input<E>>,
        status: &Arc<Status>,
    ) -> anyhow::Result<Self> {
        let mut settings = client::consumer(config);
        settings.set("statistics.interval.ms", STATISTICS_MS);
        let mut reader = Reader::with_lag(settings, "inputs", Some(Arc::clone(&status.metrics.lag)))?;
        let next = |source: &Source| from.positions.get(&source.key).copied();
        reader.assign(sources.iter().map(|source| (source.topic.as_str(), source.partition, next(source))))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let mut progress = InputProgress::new(config.clone(), sources.to_vec(), from);
        let body = move || read(reader, &mut progress, &to, &stopped);
        let thread = spawn(status, &format!("inputs-{partition}"), body)?;
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

fn read<E>(mut reader: Reader, progress: &mut InputProgress, to: &Sender<Input<E>>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let inputs = match reader.poll() {
            Polled::Nothing | Polled::End => idle(reader.requests(), progress),
            Polled::Received(received) => {
                // The claim is over.
                let Ok(()) = to.send(received_input(*received, progress)) else { return };
                continue;
            }
            // The next claim finds out which position is gone.
            Polled::OutOfRange(error) => {
                vec![Input::Failed(Failure::Load(format!("an input can't be read on: {error}")))]
            }
            Polled::Failed(error) => {
                vec![Input::Failed(Failure::Load(format!("the inputs can't be read: {}", explain(progress, &error))))]
            }
        };
        for input in inputs {
            let failed = matches!(input, Input::Failed(_));
            // An error: the claim is over.
            if to.send(input).is_err() || failed {
                return;
            }
        }
    }
}

fn received_input<E>(received: Received, progress: &mut InputProgress) -> Input<E> {
    progress.received(&received);
    let Received { message, damage } = received;
    match damage {
        None => Input::Message(message),
        Some(damage) => Input::Damaged(message, damage),
    }
}

/// The reason of an error; of a missing ACL, the topics that it is needed for.
fn explain(progress: &InputProgress, error: &anyhow::Error) -> String {
    let InputProgress { config, sources, .. } = progress;
    access::explain(config, error, || {
        let partitions = sources.iter().map(|source| (source.topic.as_str(), source.partition));
        let mut denied = access::unreadable(config, partitions);
        if denied.is_empty() {
            denied = sources.iter().map(|source| source.topic.clone()).collect();
        }
        denied.iter().map(|topic| access::read_on_topic(topic)).collect()
    })
}

/// The partitions that a worker reads of those of these topics that exist, or are known within `wait`.
pub(super) fn existing(
    config: &Config,
    topics: BTreeSet<String>,
    partition: i32,
    wait: Duration,
) -> anyhow::Result<Existing> {
    if topics.is_empty() {
        return Ok(Existing::default());
    }
    let consumer: BaseConsumer<ClientLog> =
        BaseConsumer::from_config_and_context(&client::consumer(config), ClientLog::new("inputs"))?;
    let deadline = Instant::now() + wait;
    let mut existing = Existing::default();
    for name in topics {
        let count = count_of(&consumer, &name, deadline)?;
        if count > partition {
            existing.sources.extend(sources::of_topic(&name, count, partition, config.partitions));
            existing.counts.insert(name, count);
        } else {
            tracing::warn!(topic = name, partition, "the topic no longer exists and is not read");
        }
    }
    Ok(existing)
}

/// The number of partitions of a topic; 0 if it is not known until `deadline`.
fn count_of(consumer: &BaseConsumer<ClientLog>, name: &str, deadline: Instant) -> anyhow::Result<i32> {
    loop {
        let request = || consumer.fetch_metadata(Some(name), PATIENCE);
        let metadata = until_answered("the further inputs can't be listed", request)?;
        let count = metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
        if count > 0 || Instant::now() >= deadline {
            return Ok(i32::try_from(count)?);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The present ends of the inputs that have anything to read: behind the last message that a consumer receives. Control
/// records and aborted messages of a foreign producer's transactions (KIP-98) may follow it, and are never received.
pub(super) fn ends(config: &Config, sources: &[Source], positions: &Positions) -> anyhow::Result<Ends> {
    let mut reader = Reader::new(client::end_settings(config), "inputs")?;
    let mut ends = Positions::new();
    let mut skipped = Positions::new();
    for Source { topic, partition, key } in sources {
        let range = client::range(reader.requests(), topic, *partition)?;
        let from = range.begins.max(positions.get(key).copied().unwrap_or(0));
        let last = last_message(&mut reader, topic, *partition, from..range.ends)
            .map_err(|error| anyhow!(access::explain(config, &error, || vec![access::read_on_topic(topic)])))?;
        match last {
            Some(last) => drop(ends.insert(key.clone(), last.saturating_add(1))),
            None if from < range.ends => drop(skipped.insert(key.clone(), range.ends)),
            None => {}
        }
    }
    Ok(Ends { ends, skipped })
}

/// What an idle reader finds out: offsets that hold no message, and inputs that can't be read on.
fn idle<E>(consumer: &BaseConsumer<ClientLog>, progress: &mut InputProgress) -> Vec<Input<E>> {
    if let Some(failure) = progress.verify() {
        return vec![Input::Failed(failure)];
    }
    let behind = progress.behind(consumer);
    if behind.is_empty() {
        return Vec::new();
    }
    match ends(&progress.config, &behind, &progress.read.positions) {
        Ok(Ends { skipped, .. }) => {
            progress.read.positions.extend(skipped.clone());
            skipped.into_iter().map(|(source, next)| Input::Skipped { source, next }).collect()
        }
        Err(error) => {
            tracing::debug!("the ends of idle inputs can't be read: {error:#}");
            progress.look_up_again();
            Vec::new()
        }
    }
}

/// The offset of the last message of a range, or the last damaged offset: nearly always the range's last offset, else
/// searched for in growing steps.
fn last_message(reader: &mut Reader, topic: &str, partition: i32, range: Range<i64>) -> anyhow::Result<Option<i64>> {
    let mut step = 1;
    let mut start = range.end;
    while start > range.start {
        start = range.start.max(start.saturating_sub(step));
        step = step.saturating_mul(16);
        if let Some(last) = last_from(reader, topic, partition, start..range.end)? {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

fn last_from(reader: &mut Reader, topic: &str, partition: i32, range: Range<i64>) -> anyhow::Result<Option<i64>> {
    reader.assign([(topic, partition, Some(range.start))])?;
    let mut last = None;
    let mut deadline = Instant::now() + 3 * PATIENCE;
    while Instant::now() < deadline {
        match reader.poll() {
            Polled::Nothing => {}
            Polled::Received(received) => {
                let Received { message, damage } = *received;
                let first = damage.map_or(message.offset, |damage| damage.first);
                if first >= range.end {
                    return Ok(last);
                }
                last = Some(message.offset);
                if message.offset.saturating_add(1) >= range.end {
                    return Ok(last);
                }
                deadline = Instant::now() + 3 * PATIENCE;
            }
            Polled::End => return Ok(last),
            Polled::OutOfRange(error) => {
                return Err(error).with_context(|| format!("{topic}-{partition} can't be read"));
            }
            Polled::Failed(error) => return Err(error.context(format!("{topic}-{partition} can't be read"))),
        }
    }
    bail!("the end of {topic}-{partition} can't be read: the broker did not answer in time")
}
