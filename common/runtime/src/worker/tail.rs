//! The tailer: one consumer per instance that reads the whole journal and hands each record to the view and then to its
//! worker (read-back). It passes over records that their owner, in this process, gave to the view, and rests
//! from reading while the owner gives all.

mod rest;
mod silence;
mod tail_client;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::Sender;
use journal::{Head, Record, TopicRange};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use vocabulary::messages::Damage;
use vocabulary::time::Timestamp;

use self::rest::Rest;
use self::tail_client::TailClient;
use super::access;
use super::client::{self, is_damage, is_out_of_range, is_transient};
use super::config::Config;
use super::damage::{Found, PartitionRef, examine};
use super::event::Event;
use super::journal_log::claim_at;
use super::patience::Patience;
use super::status::Status;
use crate::view::{Identity, Tailed, ViewFile};

const POLL: Duration = Duration::from_millis(100);

/// A partition from which nothing was read for so long, although it is not read to its end, is examined: librdkafka
/// reports no error about some damaged bytes.
const SILENCE: Duration = Duration::from_secs(10);
/// After each replacement that did not help the next check comes after twice the time, up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
/// How often librdkafka reports the state of its connections.
const STATISTICS_MS: &str = "1000";

/// A fetch waits for so many bytes, or so long.
const FETCH_BYTES: &str = "65536";
const FETCH_WAIT_MS: &str = "50";

/// The progress of reading one partition.
struct Progress {
    /// The end at the start of the instance.
    end: i64,
    next: i64,
    /// `next` at the last check for silence.
    checked: Option<i64>,
    rest: Rest,
}

impl Progress {
    fn new(end: i64, next: i64) -> Self {
        Self { end, next, checked: None, rest: Rest::default() }
    }

    /// Checks for silence: returns true if nothing was read since the last check, although the partition has records up
    /// to `end`, which is not known without contact.
    fn is_silent(&mut self, end: i64, in_contact: bool) -> bool {
        let nothing_read = self.checked.replace(self.next) == Some(self.next);
        nothing_read && (!in_contact || self.next < end.max(self.end))
    }
}

/// Reads the journal from the view's offsets.
pub(super) struct Tailer {
    consumer: BaseConsumer<TailClient>,
    workers: Vec<Sender<Event>>,
    view: Sender<Tailed>,
    status: Arc<Status>,
    partitions: Vec<Progress>,
    last_check: Instant,
    /// The time between two checks.
    silence: Patience,
    journal: &'static str,
    settings: ClientConfig,
    config: Config,
}

impl Tailer {
    /// Checks that the view is of this log, recreates it if not, and assigns the view's offsets. Returns the view's
    /// progress.
    pub(super) fn start(
        config: &Config,
        journal: &'static str,
        file: &ViewFile,
        workers: Vec<Sender<Event>>,
        view: Sender<Tailed>,
        status: Arc<Status>,
    ) -> anyhow::Result<(Self, Vec<Identity>)> {
        let mut settings = client::consumer(config);
        settings.set("statistics.interval.ms", STATISTICS_MS);
        // An owner knows its records by their acknowledgements: reading them again is not urgent.
        settings.set("fetch.min.bytes", FETCH_BYTES).set("fetch.wait.max.ms", FETCH_WAIT_MS);
        let context = TailClient::new(journal, config.partitions, status.clone());
        let consumer: BaseConsumer<TailClient> = BaseConsumer::from_config_and_context(&settings, context)?;
        let mut identities = file.identities()?;
        let range = |partition| client::range(&consumer, journal, partition);
        let ranges = (0..config.partitions).map(range).collect::<anyhow::Result<Vec<TopicRange>>>()?;
        if let Some(reason) = mismatch(&consumer, journal, &ranges, &identities)? {
            file.remake(&reason)?;
            identities.clear();
        }
        let mut list = TopicPartitionList::new();
        let mut partitions = Vec::new();
        for (partition, TopicRange { begins, ends }) in (0..).zip(ranges) {
            let next = identities.iter().find(|i| i.partition == partition).map_or(0, |i| i.next_offset);
            if begins > next {
                bail!(
                    "{journal}-{partition} begins at {begins}, but the view {} needs the records from {next} on, which \
                     are deleted. The view is kept. Copy the view of another instance of the service, which must be \
                     stopped, or a later backup",
                    file.path().display()
                );
            }
            list.add_partition_offset(journal, partition, Offset::Offset(next))?;
            partitions.push(Progress::new(ends, next));
        }
        consumer.assign(&list)?;
        let config = config.clone();
        let last_check = Instant::now();
        let silence = Patience::new(SILENCE, LONGEST_SILENCE);
        let tailer =
            Self { consumer, workers, view, status, partitions, last_check, silence, journal, settings, config };
        Ok((tailer, identities))
    }

    /// Reads until the instance stops.
    pub(super) fn run(mut self) {
        while !self.status.is_halted() {
            self.status.beat("tailer");
            if self.last_check.elapsed() > self.silence.get()
                && let Err(damage) = self.check_silence()
            {
                return self.status.fatal(&damage);
            }
            if let Err(error) = self.take_rests() {
                return self.status.fatal(&format!("the journal can't be paused or resumed: {error}"));
            }
            if !self.status.is_warm() && self.is_applied() {
                self.status.warmed();
            }
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => {
                    self.silence.reset();
                    let partition = message.partition();
                    let offset = message.offset();
                    let at = Timestamp(message.timestamp().to_millis().unwrap_or_default());
                    if self.status.applied.was_given(partition, offset) {
                        if self.pass(partition, offset).is_none() {
                            return;
                        }
                        continue;
                    }
                    let bytes = message.payload().unwrap_or_default();
                    let record = Record::read(bytes).ok();
                    let tailed = Tailed { partition, offset, at, bytes: bytes.len(), record };
                    if self.hand_over(tailed).is_none() {
                        return;
                    }
                }
                Some(Err(error)) if is_out_of_range(&error) => {
                    return self.status.fatal(&format!("the journal's next record no longer exists: {error}"));
                }
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
                Some(Err(error)) => return self.status.fatal(&self.unreadable(&error)),
            }
        }
    }

    /// Pauses partitions that begin to rest, and resumes those whose rest is over. The client continues where it was.
    fn take_rests(&mut self) -> KafkaResult<()> {
        let now = Instant::now();
        for (partition, progress) in (0..).zip(&mut self.partitions) {
            let rested = progress.rest.is_resting();
            progress.rest.update(progress.next, self.status.applied.gives_all(partition), now);
            if progress.rest.is_resting() == rested {
                continue;
            }
            let mut list = TopicPartitionList::new();
            list.add_partition(self.journal, partition);
            if rested { self.consumer.resume(&list)? } else { self.consumer.pause(&list)? }
        }
        Ok(())
    }

    /// Why the journal can't be read. Damaged bytes are named: rdkafka's error has no topic and no offset.
    fn unreadable(&self, error: &KafkaError) -> String {
        if error.rdkafka_error_code().is_some_and(is_damage) {
            for (partition, progress) in (0..).zip(&self.partitions) {
                let Ok(range) = client::range(&self.consumer, self.journal, partition) else { continue };
                if progress.next < range.ends
                    && let Ok(Found::Damage(damage)) = examine(&self.place(partition), progress.next, range.ends)
                {
                    return damaged(self.journal, partition, &damage);
                }
            }
        }
        let acls = || vec![access::read_on_topic(self.journal)];
        let why = access::explain(&self.config, &error.clone().into(), acls);
        format!("{} can't be read: {why}", self.journal)
    }

    fn place(&self, partition: i32) -> PartitionRef<'_> {
        PartitionRef { settings: &self.settings, topic: self.journal, partition }
    }

    /// Returns true if the view has applied what the journal had at the start.
    fn is_applied(&self) -> bool {
        (0..).zip(&self.partitions).all(|(partition, progress)| self.status.applied.next(partition) >= progress.end)
    }

    /// Sends a record to the view, then to the worker, which may give the view the next one; returns `None` if the view
    /// has ended.
    fn hand_over(&mut self, tailed: Tailed) -> Option<()> {
        let index = usize::try_from(tailed.partition).ok()?;
        self.require_next(index, tailed.partition, tailed.offset)?;
        let head = tailed.record.as_ref().map_or(Head::Garbage, |record| record.head());
        let read = Event::ReadBack { offset: tailed.offset, head, at: Instant::now() };
        self.status.applied.send(&self.view, tailed)?;
        // The worker may have ended.
        let _ = self.workers.get(index)?.send(read);
        if !self.status.applied.has_room() {
            self.wait_for_view();
        }
        Some(())
    }

    /// Passes over a record that its owner gave to the view.
    fn pass(&mut self, partition: i32, offset: i64) -> Option<()> {
        self.require_next(usize::try_from(partition).ok()?, partition, offset)
    }

    /// Ends the process if records before this one are missing. Instances append without transactions, so that the
    /// offsets of a whole journal have no gaps; a journal that was compacted has.
    fn require_next(&mut self, index: usize, partition: i32, offset: i64) -> Option<()> {
        let progress = self.partitions.get_mut(index)?;
        if offset > progress.next {
            let next = progress.next;
            self.status.fatal(&self.missing(partition, next, offset));
            return None;
        }
        progress.next = offset.saturating_add(1);
        Some(())
    }

    /// Why the records from `next` to `offset` are missing.
    fn missing(&self, partition: i32, next: i64, offset: i64) -> String {
        if let Ok(Found::Damage(damage)) = examine(&self.place(partition), next, offset) {
            return damaged(self.journal, partition, &damage);
        }
        let last = offset.saturating_sub(1);
        format!(
            "{}, partition {partition}, has lost its records from {next} to {last}: they were deleted or compacted. \
             The view is kept as it was before",
            self.journal
        )
    }

    fn wait_for_view(&self) {
        self.status.waits_for_view.store(true, Ordering::Relaxed);
        while !self.status.applied.has_caught_up() && !self.status.is_halted() {
            self.status.beat("tailer");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.status.waits_for_view.store(false, Ordering::Relaxed);
    }
}

/// A journal is the service's database: nothing of it is skipped.
fn damaged(journal: &str, partition: i32, damage: &Damage) -> String {
    format!(
        "{journal}, partition {partition}: {damage}. Records of a journal are never skipped. Restore this partition's \
         log from another replica (stop the broker, remove the partition's directory, start it again: it copies the \
         partition from the other replicas) or from a backup, then start the service again"
    )
}

/// Why the view can't be of this log: it is ahead of the log, or the log lacks the view's last claim. If the claim is
/// before the log's beginning, that can't be seen, and the view is the only whole copy.
fn mismatch(
    consumer: &BaseConsumer<TailClient>,
    journal: &str,
    ranges: &[TopicRange],
    identities: &[Identity],
) -> anyhow::Result<Option<String>> {
    for identity in identities {
        let partition = identity.partition;
        let Some(range) = usize::try_from(partition).ok().and_then(|index| ranges.get(index)) else { continue };
        let TopicRange { begins, ends } = *range;
        if identity.next_offset > ends {
            return Ok(Some(format!(
                "its offset in {journal}-{partition} is {}, but the log ends at {ends}",
                identity.next_offset
            )));
        }
        let Some((offset, nonce)) = identity.claim else { continue };
        if offset < begins {
            tracing::error!(
                journal,
                partition,
                begins_at = begins,
                "the journal's beginning is deleted: the view is the last whole copy of the service's data. Keep copies"
            );
            continue;
        }
        let claim = if offset < ends { claim_at(consumer, journal, partition, offset)? } else { None };
        if claim.is_none_or(|claim| claim.nonce != nonce) {
            return Ok(Some(format!("{journal}-{partition} has not its claim at {offset}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_silent_if_nothing_is_read_between_two_checks_and_its_end_is_ahead() {
        let mut progress = Progress::new(5, 3);
        assert!(!progress.is_silent(0, true), "the first check");
        assert!(progress.is_silent(0, true), "not read to the end at the start");
        progress.next = 5;
        assert!(!progress.is_silent(8, true), "something was read");
        assert!(progress.is_silent(8, true));
        progress.next = 8;
        assert!(!progress.is_silent(8, true));
        assert!(!progress.is_silent(8, true), "at the end");
        assert!(progress.is_silent(8, false), "the end may have moved");
    }
}
