//! Group membership: who works on which partition. The member reads nothing; it subscribes to the journal topic, whose
//! partition numbers are the workers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use super::Config;
use super::client::{self, Quiet, is_passing};
use super::runtime::{LAST, SharedPositions};
use super::shared::Event;
use super::status::{Place, Status};

const POLL: Duration = Duration::from_millis(100);
/// How often positions are committed for lag tools.
const COMMIT_EVERY: Duration = Duration::from_secs(2);
/// How long a worker may take to finish what is underway.
pub(super) const DRAIN: Duration = Duration::from_secs(5);

/// Starts and stops workers as the group says.
struct Assignments {
    quiet: Quiet,
    workers: Vec<Sender<Event>>,
    mine: Mutex<BTreeSet<i32>>,
    status: Arc<Status>,
}

impl ClientContext for Assignments {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.quiet.log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }
}

impl ConsumerContext for Assignments {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => {
                let partitions = numbers(list);
                tracing::info!(?partitions, "the group takes partitions away");
                self.revoke(&partitions, consumer.assignment_lost());
            }
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!("rebalance: {error}"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            if let Err(error) = consumer.pause(list) {
                return self.status.fatal(&format!("the membership can't be paused: {error}"));
            }
            let partitions = numbers(list);
            tracing::info!(?partitions, "the group assigns partitions");
            self.status.joined();
            let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
            for partition in partitions {
                mine.insert(partition);
                self.status.place(partition, Place::Claiming);
                self.tell(partition, Event::Assigned);
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
    fn tell(&self, partition: i32, event: Event) {
        let worker = usize::try_from(partition).ok().and_then(|p| self.workers.get(p));
        // A worker that is gone has ended the process.
        let _ = worker.map(|worker| worker.send(event));
    }

    /// Stops the workers of these partitions and waits until they have.
    fn revoke(&self, partitions: &[i32], lost: bool) {
        let (done, all_done) = bounded(partitions.len());
        for partition in partitions {
            self.mine.lock().unwrap_or_else(PoisonError::into_inner).remove(partition);
            self.tell(*partition, Event::Revoked { at_once: lost, done: done.clone() });
        }
        drop(done);
        let deadline = Instant::now() + DRAIN + Duration::from_secs(1);
        for _ in partitions {
            if all_done.recv_deadline(deadline).is_err() {
                break;
            }
        }
        for partition in partitions {
            self.status.place(*partition, Place::Elsewhere);
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}

/// The member, run by a thread of its own.
pub(super) struct Member {
    consumer: BaseConsumer<Assignments>,
    positions: SharedPositions,
    status: Arc<Status>,
}

impl Member {
    pub(super) fn new(
        config: &Config,
        (journal, instance): (&'static str, &str),
        workers: Vec<Sender<Event>>,
        positions: SharedPositions,
        status: Arc<Status>,
    ) -> anyhow::Result<Self> {
        for partition in 0..config.partitions {
            status.place(partition, Place::Elsewhere);
        }
        let mine = Mutex::default();
        let assignments = Assignments { quiet: Quiet::new("member"), workers, mine, status: status.clone() };
        let session = config.session_timeout.as_millis();
        let mut settings = client::consumer(config);
        settings
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / 4).to_string())
            .set("max.poll.interval.ms", (session * 3).max(60_000).to_string())
            // Paused, so where reading would begin does not matter.
            .set("auto.offset.reset", "latest");
        if !config.client.contains_key("client.id") {
            // Who it is, for people who look at the group.
            settings.set("client.id", instance);
        }
        let consumer = BaseConsumer::from_config_and_context(&settings, assignments)?;
        consumer.subscribe(&[journal])?;
        Ok(Self { consumer, positions, status })
    }

    /// Takes part in the group until the instance stops; then stops the workers and leaves.
    pub(super) fn run(self) {
        let mut committed = Instant::now();
        while !self.status.is_stopping() {
            self.status.beat("membership");
            match self.consumer.poll(POLL) {
                None | Some(Ok(_)) => {}
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_passing) => {}
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    return self.status.fatal(&format!("the group can't be gone on with: {code}"));
                }
                Some(Err(error)) => tracing::warn!("membership: {error}"),
            }
            if committed.elapsed() >= COMMIT_EVERY {
                committed = Instant::now();
                self.commit();
            }
        }
        let assignments = self.consumer.context();
        let mine: Vec<i32> = assignments.mine.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        assignments.revoke(&mine, false);
        self.commit();
        // Closing the consumer leaves the group; with the broker away it takes a session timeout, and nobody hears it.
        let (to, left) = bounded(1);
        std::thread::spawn(move || {
            drop(self.consumer);
            // Whoever waited may be gone.
            let _ = to.send(());
        });
        if left.recv_timeout(LAST).is_err() {
            tracing::warn!(
                "the group does not answer: it will notice by the session timeout that this instance is gone"
            );
        }
    }

    /// Tells lag tools how far the inputs are read; nothing here ever reads it.
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
