//! Finds out which offsets of a partition librdkafka can't read, with consumers of its own.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use vocabulary::messages::Damage;

use super::client::{is_damage, is_out_of_range, is_transient};

const POLL: Duration = Duration::from_millis(50);
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A consumer that receives nothing for so long, not even the partition's end, can't read what is there.
const SILENCE: Duration = Duration::from_secs(10);
/// Offsets without a known batch, each of which may take [`SILENCE`], are examined one by one for so long. The
/// examination goes on at the next offset then.
const ONE_BY_ONE: Duration = Duration::from_secs(30);

/// The problem of bytes about which the client reports nothing.
const SILENT: &str = "its records are malformed: the client reads none of them, and reports no error";

/// A partition that is examined.
pub(super) struct PartitionRef<'a> {
    /// The settings of its reader.
    pub(super) settings: &'a ClientConfig,
    pub(super) topic: &'a str,
    pub(super) partition: i32,
}

/// The result of an examination.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is a message to read.
    Readable,
    /// There is no message up to the end, only markers of transactions.
    NoMessage,
    /// These offsets can't be read.
    Damage(Damage),
}

/// What a consumer receives that starts at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Probe {
    Message,
    End,
    /// Not even an error.
    Silent,
    Unreadable(Problem),
}

/// Why a consumer receives no message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    text: String,
    /// The first offset of the batch that can't be read, if librdkafka names it.
    batch: Option<i64>,
}

/// Examines a partition at `next`, which is before its end `high`.
pub(super) fn examine(place: &PartitionRef<'_>, next: i64, high: i64) -> anyhow::Result<Found> {
    let probe = |offset| place.probe(offset);
    let (first, behind, problem) = match probe(next)? {
        Probe::Message => return Ok(Found::Readable),
        Probe::End => return Ok(Found::NoMessage),
        Probe::Unreadable(Problem { text, batch: Some(batch) }) => {
            let first = next.max(batch);
            (first, behind_batch(batch, first, high, probe)?, text)
        }
        Probe::Unreadable(Problem { text, batch: None }) => (next, behind_unreadable(next, high, probe)?, text),
        Probe::Silent => {
            place.require_answer(high)?;
            (next, behind_unreadable(next, high, probe)?, SILENT.to_owned())
        }
    };
    let last = behind.saturating_sub(1).max(first);
    Ok(Found::Damage(Damage { first, last, problem }))
}

/// Examines only the offset `offset`, which is before the partition's end `high`. The offsets behind damage are not
/// examined.
pub(super) fn at(place: &PartitionRef<'_>, offset: i64, high: i64) -> anyhow::Result<Found> {
    let problem = match place.probe(offset)? {
        Probe::Message => return Ok(Found::Readable),
        Probe::End => return Ok(Found::NoMessage),
        Probe::Unreadable(Problem { text, .. }) => text,
        Probe::Silent => {
            place.require_answer(high)?;
            SILENT.to_owned()
        }
    };
    Ok(Found::Damage(Damage { first: offset, last: offset, problem }))
}

/// The first offset behind the batch that begins at `batch` and contains `known`. A consumer that starts anywhere in a
/// batch receives all of it, so the offsets at which this batch is the problem are a range.
fn behind_batch(
    batch: i64,
    known: i64,
    high: i64,
    mut probe: impl FnMut(i64) -> anyhow::Result<Probe>,
) -> anyhow::Result<i64> {
    let mut within = known;
    let mut behind = high;
    let mut step: i64 = 1;
    let mut is_within = |offset| {
        let problem = probe(offset)?;
        Ok::<_, anyhow::Error>(matches!(problem, Probe::Unreadable(Problem { batch: Some(b), .. }) if b == batch))
    };
    while within.saturating_add(step) < behind {
        let offset = within.saturating_add(step);
        if !is_within(offset)? {
            behind = offset;
            break;
        }
        within = offset;
        step = step.saturating_mul(2);
    }
    while within.saturating_add(1) < behind {
        let middle = within + (behind - within) / 2;
        if is_within(middle)? {
            within = middle;
        } else {
            behind = middle;
        }
    }
    Ok(within.saturating_add(1))
}

/// The first offset behind `known` that is no longer unreadable, or the one reached after [`ONE_BY_ONE`].
fn behind_unreadable(
    known: i64,
    high: i64,
    mut probe: impl FnMut(i64) -> anyhow::Result<Probe>,
) -> anyhow::Result<i64> {
    let started = Instant::now();
    let mut behind = known.saturating_add(1);
    while behind < high && started.elapsed() < ONE_BY_ONE {
        match probe(behind)? {
            Probe::Message | Probe::End => break,
            Probe::Silent | Probe::Unreadable(_) => behind = behind.saturating_add(1),
        }
    }
    Ok(behind)
}

impl PartitionRef<'_> {
    /// A slow broker is no damage: it would not answer at the end either.
    fn require_answer(&self, high: i64) -> anyhow::Result<()> {
        if self.probe(high)? == Probe::Silent {
            bail!("{}-{} can't be examined: the broker does not answer", self.topic, self.partition);
        }
        Ok(())
    }

    /// Reads at an offset with a consumer of its own, which has received nothing else before.
    fn probe(&self, offset: i64) -> anyhow::Result<Probe> {
        let mut settings = self.settings.clone();
        // The answer is one batch.
        settings.set("fetch.message.max.bytes", "1").set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
        // Only a debug line reports a skipped batch that begins before the offset.
        settings.set("debug", "msg").set_log_level(RDKafkaLogLevel::Debug);
        let consumer: BaseConsumer<ProbeLog> = BaseConsumer::from_config_and_context(&settings, ProbeLog::default())?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topic, self.partition, Offset::Offset(offset))?;
        consumer.assign(&list)?;
        let name = format!("{}-{} at {offset}", self.topic, self.partition);
        let started = Instant::now();
        let mut answered: Option<Instant> = None;
        while started.elapsed() < PATIENCE {
            match consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) if message.offset() < offset => {}
                Some(Ok(_)) => return Ok(Probe::Message),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Probe::End),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_damage) => {
                    let reason = consumer.context().reason();
                    let batch = batch_of(&reason);
                    let text = if reason.is_empty() { error.to_string() } else { reason };
                    return Ok(Probe::Unreadable(Problem { text, batch }));
                }
                // The offset was deleted meanwhile.
                Some(Err(error)) if is_out_of_range(&error) => bail!("{name} no longer exists: {error}"),
                Some(Err(error)) => return Err(error).with_context(|| format!("{name} can't be read")),
            }
            if let Some(problem) = consumer.context().skipped(offset) {
                return Ok(Probe::Unreadable(problem));
            }
            match answered {
                None if consumer.fetch_watermarks(self.topic, self.partition, PATIENCE).is_ok() => {
                    answered = Some(Instant::now());
                }
                Some(at) if at.elapsed() > SILENCE => return Ok(Probe::Silent),
                Some(_) | None => {}
            }
        }
        bail!("{name} can't be examined: the broker did not answer in time")
    }
}

/// The first offset of the batch that an error of librdkafka names (`rdkafka_msgset_reader.c`): "… of message at 17 of
/// …", "MessageSet at offset 17 …", "… MagicByte 9 at offset 17".
fn batch_of(reason: &str) -> Option<i64> {
    // "Fetch from broker 1 failed at offset 17": the offset requested.
    if reason.starts_with("Fetch from") {
        return None;
    }
    let (_, after) = reason.split_once(" at offset ").or_else(|| reason.split_once(" of message at "))?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits)?.parse().ok()
}

/// Reads a debug line of librdkafka about a batch of an unknown format, which it skips: "… topic [0]: Unsupported
/// Message(Set) MagicByte 9 at offset 17 (buffer position 8/99): skipping". Only a consumer that starts at the first
/// offset of such a batch receives an error; any other reads the batch again without end.
fn skipped_batch(line: &str) -> Option<Problem> {
    let from = line.find("Unsupported Message(Set)")?;
    let (text, _) = line.get(from..)?.split_once(" (buffer position")?;
    Some(Problem { text: text.to_owned(), batch: Some(batch_of(text)?) })
}

/// Keeps what librdkafka reports beyond the codes that rdkafka's error type has.
#[derive(Debug, Default)]
struct ProbeLog {
    /// The text of the last error.
    reason: Mutex<String>,
    /// The first batch that was skipped.
    skipped: Mutex<Option<Problem>>,
}

impl ProbeLog {
    fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The skipped batch that contains this offset.
    fn skipped(&self, offset: i64) -> Option<Problem> {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        skipped.filter(|problem| problem.batch.is_some_and(|batch| batch <= offset))
    }
}

impl ClientContext for ProbeLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if !matches!(level, RDKafkaLogLevel::Debug) {
            tracing::debug!(client = "probe", facility, "{line}");
        } else if let Some(problem) = skipped_batch(line) {
            self.skipped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
        }
    }

    fn error(&self, _: KafkaError, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ConsumerContext for ProbeLog {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_is_named_by_the_clients_errors() {
        let bad = "Decompression (codec 0x4) of message at 17 of 2345 bytes failed: Local: Bad compression";
        assert_eq!(batch_of(bad), Some(17));
        let crc = "MessageSet at offset 8 (99 bytes) failed CRC32C check (original 0x1 != calculated 0x2)";
        assert_eq!(batch_of(crc), Some(8));
        assert_eq!(batch_of("Unsupported Message(Set) MagicByte 9 at offset 12"), Some(12));
        assert_eq!(batch_of("Fetch from broker 1 failed at offset 5 (leader epoch 0): Broker: Invalid message"), None);
        assert_eq!(batch_of("localhost:9092/1: Receive failed: Invalid response size 9 (0..8)"), None);
    }

    #[test]
    fn a_skipped_batch_is_named_by_a_debug_line() {
        let text = "Unsupported Message(Set) MagicByte 9 at offset 47";
        let line = format!("[thrd:b:9092/1]: b:9092/1: sums [0]: {text} (buffer position 8/99): skipping");
        assert_eq!(skipped_batch(&line), Some(Problem { text: text.to_owned(), batch: Some(47) }));
        assert_eq!(skipped_batch("[thrd:b:9092/1]: b:9092/1: Enqueue 1 message(s) (9 bytes, 1 ops) on sums [0]"), None);
    }

    /// A log of batches: the offset behind each, and if it can be read.
    fn probe_in(batches: &[(i64, bool)]) -> impl Fn(i64) -> anyhow::Result<Probe> {
        move |offset| {
            let mut first = 0;
            for (behind, readable) in batches {
                if offset < *behind {
                    let problem = Problem { text: String::new(), batch: Some(first) };
                    return Ok(if *readable { Probe::Message } else { Probe::Unreadable(problem) });
                }
                first = *behind;
            }
            Ok(Probe::End)
        }
    }

    #[test]
    fn only_the_offsets_of_the_damaged_batch_are_passed() {
        for length in [1, 2, 3, 9, 1_000] {
            for from in [0, length / 2, length - 1] {
                let batches = [(length, false), (length + 1, true), (length + 900, false), (length + 901, true)];
                let behind = behind_batch(0, from, length + 901, probe_in(&batches)).unwrap();
                assert_eq!(behind, length, "from {from}");
            }
            let behind = behind_batch(0, 0, length, probe_in(&[(length, false)])).unwrap();
            assert_eq!(behind, length, "the last batch");
        }
    }

    #[test]
    fn without_a_known_batch_offsets_are_examined_one_by_one() {
        let batches = [(3, false), (4, true), (9, false)];
        assert_eq!(behind_unreadable(0, 9, probe_in(&batches)).unwrap(), 3);
        assert_eq!(behind_unreadable(4, 9, probe_in(&batches)).unwrap(), 9);
    }
}
