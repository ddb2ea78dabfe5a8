//! Group membership: which instance owns which partitions. The member reads no messages; it subscribes to the journal's
//! topic, whose partition numbers stand for the workers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, Statistics, TopicPartitionList};

use super::access;
use super::client::{self, ClientLog, is_denied, is_transient};
use super::config::Config;
use super::event::Event;
use super::patience::Patience;
use super::shared::SharedPositions;
use super::status::{PartitionState, Status};
use super::threads::{DRAIN, END, drop_apart};
use super::watch;

const POLL: Duration = Duration::from_millis(100);
/// The pause between two looks at the view, until it has caught up.
const COLD: Duration = Duration::from_millis(5);
/// How often positions are committed for lag tools.
const COMMIT_EVERY: Duration = Duration::from_secs(2);
/// How often librdkafka reports the state of the membership.
const STATISTICS_MS: &str = "5000";
/// A member that knows no coordinator for so long, although the brokers answer, is replaced. Doubled after each
/// replacement that did not help, up to [`LONGEST_PATIENCE`].
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);

/// Since when a member knows no coordinator.
#[derive(Debug)]
struct CoordinatorWatch {
    patience: Patience,
    /// `None` while it knows one.
    unknown_since: Option<Instant>,
}

impl CoordinatorWatch {
    fn new(now: Instant) -> Self {
        Self { patience: Patience::new(PATIENCE, LONGEST_PATIENCE), unknown_since: Some(now) }
    }

    fn seen(&mut self, is_known: bool, now: Instant) {
        if is_known {
            self.patience.reset();
            self.unknown_since = None;
        } else {
            self.unknown_since.get_or_insert(now);
        }
    }

    /// Returns true if the member must be replaced. Time counts only while the brokers answer.
    fn is_overdue(&mut self, brokers_answer: bool, now: Instant) -> bool {
        let Some(since) = &mut self.unknown_since else { return false };
        if !brokers_answer {
            *since = now;
        }
        let is_overdue = now.saturating_duration_since(*since) >= self.patience.get();
        if is_overdue {
            self.patience.double();
            self.unknown_since = Some(now);
        }
        is_overdue
    }
}

/// Starts and stops workers as the group assigns and revokes their partitions.
#[derive(Clone)]
struct Assignments {
    log: Arc<ClientLog>,
    workers: Vec<Sender<Event>>,
    assigned: Arc<Mutex<BTreeSet<i32>>>,
    coordinator: Arc<Mutex<CoordinatorWatch>>,
    /// Another member has taken the place of this one: what its client reports counts no more.
    is_replaced: Arc<AtomicBool>,
    status: Arc<Status>,
}

impl ClientContext for Assignments {
    fn stats(&self, statistics: Statistics) {
        let is_known = statistics.cgrp.is_some_and(|group| group.state == "up");
        if !self.is_replaced.load(Ordering::Relaxed) {
            self.coordinator.lock().unwrap_or_else(PoisonError::into_inner).seen(is_known, Instant::now());
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.log.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Assignments {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if self.is_replaced.load(Ordering::Relaxed) {
            return;
        }
        match rebalance {
            Rebalance::Revoke(list) => {
                let partitions = self.numbers(list);
                tracing::info!(?partitions, "the group takes partitions away");
                self.revoke(&partitions, consumer.assignment_lost());
            }
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!("rebalance: {error}"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if self.is_replaced.load(Ordering::Relaxed) {
            return;
        }
        if let Rebalance::Assign(list) = rebalance {
            if let Err(error) = consumer.pause(list) {
                return self.status.fatal(&format!("the membership can't be paused: {error}"));
            }
            let partitions = self.numbers(list);
            tracing::info!(?partitions, "the group assigns partitions");
            self.status.joined();
            let mut assigned = self.assigned.lock().unwrap_or_else(PoisonError::into_inner);
            for partition in partitions {
                assigned.insert(partition);
                self.status.set_partition(partition, PartitionState::Claiming);
                self.send(partition, Event::Assigned);
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!("positions for lag tools were not committed: {error}");
        }
    }
}

impl Assignments {
    /// The partitions that have a worker: not those that were added to the journal, which stay empty.
    fn numbers(&self, list: &TopicPartitionList) -> Vec<i32> {
        let all = list.elements();
        let all = all.iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition);
        all.filter(|partition| usize::try_from(*partition).is_ok_and(|p| p < self.workers.len())).collect()
    }

    /// The partitions that have a worker now.
    fn assigned(&self) -> Vec<i32> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    fn send(&self, partition: i32, event: Event) {
        let worker = usize::try_from(partition).ok().and_then(|p| self.workers.get(p));
        // A worker that has ended also ends the process.
        let _ = worker.map(|worker| worker.send(event));
    }

    /// Stops the workers of these partitions and waits for them.
    fn revoke(&self, partitions: &[i32], lost: bool) {
        let (done, all_done) = bounded(partitions.len());
        for partition in partitions {
            self.assigned.lock().unwrap_or_else(PoisonError::into_inner).remove(partition);
            self.send(*partition, Event::Revoked { at_once: lost, done: done.clone() });
        }
        drop(done);
        let deadline = Instant::now() + DRAIN + Duration::from_secs(1);
        for _ in partitions {
            if all_done.recv_deadline(deadline).is_err() {
                break;
            }
        }
        for partition in partitions {
            self.status.set_partition(*partition, PartitionState::Elsewhere);
        }
    }
}

/// The group member, run by its own thread.
pub(super) struct Member {
    consumer: BaseConsumer<Assignments>,
    settings: ClientConfig,
    journal: &'static str,
    positions: SharedPositions,
    status: Arc<Status>,
    /// The sentence for a principal that may not join the group.
    denied: String,
}

impl Member {
    pub(super) fn new(
        config: &Config,
        journal: &'static str,
        instance: &str,
        workers: Vec<Sender<Event>>,
        positions: SharedPositions,
        status: Arc<Status>,
    ) -> anyhow::Result<Self> {
        for partition in 0..config.partitions {
            status.set_partition(partition, PartitionState::Elsewhere);
        }
        let assignments = Assignments {
            log: Arc::new(ClientLog::new("member")),
            workers,
            assigned: Arc::default(),
            coordinator: Arc::new(Mutex::new(CoordinatorWatch::new(Instant::now()))),
            is_replaced: Arc::default(),
            status: status.clone(),
        };
        let session = config.session_timeout.as_millis();
        let mut settings = client::consumer(config);
        settings
            .set("statistics.interval.ms", STATISTICS_MS)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / 4).to_string())
            .set("max.poll.interval.ms", (session * 3).max(60_000).to_string())
            // All partitions are paused, so the start of reading does not matter.
            .set("auto.offset.reset", "latest");
        if !config.client.contains_key("client.id") {
            // Identifies the instance to operators who examine the group.
            settings.set("client.id", watch::client_id(instance, config.is_exposed));
        }
        let consumer = BaseConsumer::from_config_and_context(&settings, assignments)?;
        let denied = access::denied(config, &[access::read_on_group(config)]);
        Ok(Self { consumer, settings, journal, positions, status, denied })
    }

    /// Waits until the view has caught up. An instance that rebuilds its view would take partitions from another that
    /// could serve them at once, and could not serve them itself; if it crashed again and again, no instance would.
    fn join(&self) {
        while !self.status.is_stopping() && !self.status.is_warm() {
            self.status.beat("membership");
            std::thread::sleep(COLD);
        }
        *self.watch() = CoordinatorWatch::new(Instant::now());
        self.subscribe();
    }

    fn subscribe(&self) {
        if let Err(error) = self.consumer.subscribe(&[self.journal]) {
            self.status.fatal(&format!("the group can't be joined: {error}"));
        }
    }

    fn watch(&self) -> MutexGuard<'_, CoordinatorWatch> {
        self.consumer.context().coordinator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins with a new client if this one no longer finds the group's coordinator: librdkafka may miss that the
    /// partition of the group has a leader again.
    fn replace_if_lost(&mut self) {
        let is_overdue = self.watch().is_overdue(self.status.is_reading(), Instant::now());
        if !is_overdue {
            return;
        }
        tracing::warn!("the group's coordinator is not found although the brokers answer: the member is replaced");
        let old = self.consumer.context();
        let assignments = Assignments { is_replaced: Arc::default(), ..old.as_ref().clone() };
        match BaseConsumer::from_config_and_context(&self.settings, assignments.clone()) {
            Ok(new) => {
                old.is_replaced.store(true, Ordering::Relaxed);
                assignments.revoke(&assignments.assigned(), true);
                drop_apart(std::mem::replace(&mut self.consumer, new));
                self.subscribe();
            }
            Err(error) => tracing::error!("the member can't be replaced: {error}"),
        }
    }

    /// Takes part in the group until the instance stops; then stops the workers and leaves.
    pub(super) fn run(mut self) {
        self.join();
        let mut committed = Instant::now();
        while !self.status.is_stopping() {
            self.status.beat("membership");
            match self.consumer.poll(POLL) {
                None | Some(Ok(_)) => {}
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_transient) => {}
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_denied) => {
                    return self.status.fatal(&format!("the group can't be joined: {}", self.denied));
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    return self.status.fatal(&format!("the group membership failed: {code}"));
                }
                Some(Err(error)) => tracing::warn!("membership: {error}"),
            }
            if committed.elapsed() >= COMMIT_EVERY {
                committed = Instant::now();
                self.commit();
                self.replace_if_lost();
            }
        }
        let assignments = self.consumer.context();
        assignments.revoke(&assignments.assigned(), false);
        self.commit();
        // Closing the consumer leaves the group; with an unreachable broker it blocks for a session timeout, in vain.
        let (closed, left) = bounded(1);
        std::thread::spawn(move || {
            drop(self.consumer);
            // This thread may no longer wait.
            let _ = closed.send(());
        });
        if left.recv_timeout(END).is_err() {
            tracing::warn!("the group does not answer; it removes this instance after the session timeout");
        }
    }

    /// Commits the decided positions for lag tools; no service reads them.
    fn commit(&self) {
        let changed = std::mem::take(&mut *self.positions.lock().unwrap_or_else(PoisonError::into_inner));
        if changed.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in changed {
            if let Err(error) = list.add_partition_offset(&topic, partition, Offset::Offset(next)) {
                tracing::debug!("position of {topic}-{partition}: {error}");
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!("positions for lag tools were not committed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_finds_no_coordinator_although_the_brokers_answer_is_replaced() {
        let begin = Instant::now();
        let mut watch = CoordinatorWatch::new(begin);
        assert!(!watch.is_overdue(true, begin));
        assert!(!watch.is_overdue(false, begin + PATIENCE), "the brokers do not answer");
        assert!(!watch.is_overdue(true, begin + PATIENCE), "time counts from here on");
        assert!(watch.is_overdue(true, begin + 2 * PATIENCE));
        assert!(!watch.is_overdue(true, begin + 3 * PATIENCE), "the next one has twice the time");
        assert!(watch.is_overdue(true, begin + 4 * PATIENCE));
        watch.seen(true, begin + 5 * PATIENCE);
        assert!(!watch.is_overdue(true, begin + 50 * PATIENCE), "it knows one");
        watch.seen(false, begin + 60 * PATIENCE);
        assert!(watch.is_overdue(true, begin + 61 * PATIENCE));
    }
}
