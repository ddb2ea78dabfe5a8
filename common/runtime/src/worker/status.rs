//! The health of the instance, as `/health/live` and `/health/ready` report it, and the failure that ends it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use journal::{Failure, StepDown};
use tokio::sync::watch;
use vocabulary::time::Timestamp;

use super::back_pressure::BackPressure;
use super::metrics::WorkerMetrics;
use crate::view::Applied;

/// A thread without a heartbeat for so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The state of a partition on this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartitionState {
    /// Owned by another instance.
    Elsewhere,
    /// Assigned to this instance, and not claimed yet.
    Claiming,
    /// Claimed.
    Owned,
    /// Stepped down, and to be claimed again.
    SteppedDown(StepDown),
}

/// Shared by all threads of an instance.
#[derive(Debug)]
pub struct Status {
    /// The service's name.
    name: &'static str,
    partitions: Mutex<BTreeMap<i32, PartitionState>>,
    joined: AtomicBool,
    beats: Mutex<BTreeMap<String, Timestamp>>,
    /// The last contact with the brokers that lead the journal; 0 before the first.
    pub(super) last_contact: AtomicI64,
    /// The view has applied the journal up to its end at the start of the instance.
    warm: AtomicBool,
    /// The tailer waits for the view to apply what was read.
    pub(super) waits_for_view: AtomicBool,
    pub(super) applied: Arc<Applied>,
    lag_limit: Duration,
    pub(super) back_pressure: BackPressure,
    pub(super) metrics: WorkerMetrics,
    /// Messages that this instance set aside, and timers that it no longer decides, since its start.
    set_aside: AtomicU64,
    timers_held: AtomicU64,
    /// The topics that are not as they should be; `Err` for those that the service can't work with.
    topics: Mutex<BTreeMap<String, Result<String, String>>>,
    fatal: watch::Sender<Option<String>>,
    stopping: AtomicBool,
    halted: AtomicBool,
}

/// Pauses up to this are usual: an empty fetch takes some time, the tailer rests, and the statistics
/// come once a second.
const USUAL_SILENCE: Duration = Duration::from_secs(3);

impl Status {
    pub(super) fn new(
        name: &'static str,
        applied: Arc<Applied>,
        lag_limit: Duration,
        back_pressure: BackPressure,
        metrics: WorkerMetrics,
    ) -> Self {
        Self {
            name,
            partitions: Mutex::default(),
            joined: AtomicBool::new(false),
            beats: Mutex::default(),
            last_contact: AtomicI64::new(0),
            warm: AtomicBool::new(false),
            waits_for_view: AtomicBool::new(false),
            applied,
            lag_limit,
            back_pressure,
            metrics,
            set_aside: AtomicU64::new(0),
            timers_held: AtomicU64::new(0),
            topics: Mutex::default(),
            fatal: watch::channel(None).0,
            stopping: AtomicBool::new(false),
            halted: AtomicBool::new(false),
        }
    }

    /// Requests the end of the process, for this reason.
    pub(super) fn fatal(&self, reason: &str) {
        if !self.is_stopping() {
            tracing::error!("the process can't continue and ends: {reason}");
            self.fatal.send_if_modified(|old| old.is_none() && old.replace(reason.to_owned()).is_none());
        }
    }

    /// Resolves with the reason when the process must end.
    pub async fn ended(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the status was dropped".to_owned(),
        }
    }

    /// Requests all threads to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Returns true if the process was requested to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The workers have finished: reading the journal may end too.
    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// The view has applied all that the journal contained at the start: the instance may join the group.
    pub(super) fn warmed(&self) {
        self.warm.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_warm(&self) -> bool {
        self.warm.load(Ordering::SeqCst)
    }

    pub(super) fn joined(&self) {
        self.joined.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_partition(&self, partition: i32, state: PartitionState) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, state);
    }

    /// Records a heartbeat of a thread.
    pub(super) fn beat(&self, thread: &str) {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        match beats.get_mut(thread) {
            Some(at) => *at = Timestamp::now(),
            None => {
                beats.insert(thread.to_owned(), Timestamp::now());
            }
        }
    }

    /// Counts a message that was set aside.
    pub(super) fn set_aside(&self) {
        self.set_aside.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a timer that is no longer decided.
    pub(super) fn hold_timer(&self) {
        self.timers_held.fetch_add(1, Ordering::Relaxed);
    }

    /// How many messages this instance set aside since its start.
    pub fn messages_set_aside(&self) -> u64 {
        self.set_aside.load(Ordering::Relaxed)
    }

    /// How many timers this instance no longer decides, since its start.
    pub(super) fn timers_held(&self) -> u64 {
        self.timers_held.load(Ordering::Relaxed)
    }

    /// Sets the topics that are not as they should be.
    pub(super) fn set_topics(&self, topics: BTreeMap<String, Result<String, String>>) {
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = topics;
    }

    /// Returns true if the journal is being read: the brokers that lead it answer, and the reader does not wait for the
    /// view.
    pub(super) fn is_reading(&self) -> bool {
        let contact = self.last_contact.load(Ordering::Relaxed);
        let silent = Timestamp::now().since(Timestamp(contact));
        contact != 0 && silent < USUAL_SILENCE && !self.waits_for_view.load(Ordering::Relaxed)
    }

    /// How far the view is behind the records read.
    pub fn view_lag(&self) -> Duration {
        if self.applied.queued.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        Timestamp::now().since(Timestamp(self.applied.newest.load(Ordering::Relaxed)))
    }

    /// How old the view's data may be: its lag, or the time since the last contact with Kafka if that is longer.
    pub fn data_age(&self) -> Duration {
        let contact = self.last_contact.load(Ordering::Relaxed);
        let silent = if contact == 0 { Duration::ZERO } else { Timestamp::now().since(Timestamp(contact)) };
        let lag = self.view_lag();
        if silent < USUAL_SILENCE { lag } else { lag.max(silent) }
    }

    /// Each partition's state on this instance: `elsewhere`, `claiming`, `owned` or `stepped down`.
    pub fn partitions(&self) -> BTreeMap<i32, &'static str> {
        let name = |state: &PartitionState| match state {
            PartitionState::Elsewhere => "elsewhere",
            PartitionState::Claiming => "claiming",
            PartitionState::Owned => "owned",
            PartitionState::SteppedDown(_) => "stepped down",
        };
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.iter().map(|(partition, state)| (*partition, name(state))).collect()
    }

    /// The checks and their results; the process is live if all are `Ok`.
    pub fn live(&self) -> BTreeMap<String, Result<String, String>> {
        let now = Timestamp::now();
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let check = |(thread, at): (&String, &Timestamp)| {
            let ago = now.since(*at);
            let result = if ago < STUCK {
                Ok("running".to_owned())
            } else {
                Err(format!("no heartbeat for {} s", ago.as_secs()))
            };
            (thread.clone(), result)
        };
        let mut checks: BTreeMap<_, _> = beats.iter().map(check).collect();
        if let Some(reason) = self.fatal.borrow().clone() {
            checks.insert("process".to_owned(), Err(reason));
        }
        checks
    }

    fn stepped_down(&self, reason: &StepDown) -> String {
        match reason {
            StepDown::Failed(Failure::PositionGone { topic, partition, .. }) => format!(
                "stopped: {reason}. Examine the topic. To continue without the missing messages: {} positions \
                 accept-loss --topic {topic} --partition {partition} --why REASON",
                self.name
            ),
            StepDown::ForeignClaim
            | StepDown::Failed(_)
            | StepDown::Refused(_)
            | StepDown::LossAccepted
            | StepDown::InputsChanged => {
                format!("stepped down: {reason}")
            }
        }
    }

    /// The checks and their results; the instance is ready if all are `Ok`: it is in the group, owns every assigned
    /// partition, and its view is close behind.
    pub fn ready(&self) -> BTreeMap<String, Result<String, String>> {
        let mut checks = self.live();
        let joined = self.joined.load(Ordering::SeqCst);
        let group = match (joined, self.is_warm()) {
            (true, _) => Ok("joined".to_owned()),
            (false, true) => Err("waiting for the consumer group".to_owned()),
            (false, false) => Err("waiting for the view: the group is joined when it has caught up".to_owned()),
        };
        checks.insert("group".to_owned(), group);
        for (partition, state) in &*self.partitions.lock().unwrap_or_else(PoisonError::into_inner) {
            let result = match state {
                PartitionState::Elsewhere => Ok("owned by another instance".to_owned()),
                PartitionState::Owned => Ok("owned".to_owned()),
                PartitionState::Claiming => Err("claiming".to_owned()),
                PartitionState::SteppedDown(reason) => Err(self.stepped_down(reason)),
            };
            checks.insert(format!("partition {partition}"), result);
        }
        let lag = self.view_lag();
        let view = if !self.is_warm() {
            Err("reading the journal".to_owned())
        } else if lag > self.lag_limit {
            Err(format!(
                "{} ms behind, the limit (view.lag_limit) is {} ms",
                lag.as_millis(),
                self.lag_limit.as_millis()
            ))
        } else {
            Ok(format!("{} ms behind", lag.as_millis()))
        };
        checks.insert("view".to_owned(), view);
        checks.insert("outbox".to_owned(), self.back_pressure.check(Timestamp::now()));
        let set_aside = self.messages_set_aside();
        if set_aside > 0 {
            checks.insert(
                "messages set aside".to_owned(),
                Ok(format!("{set_aside} since the start: see the .dlq topics")),
            );
        }
        let timers_held = self.timers_held();
        if timers_held > 0 {
            let text = format!("{timers_held} since the start: see the log for their entities, and restart");
            checks.insert("timers held".to_owned(), Ok(text));
        }
        for (topic, result) in &*self.topics.lock().unwrap_or_else(PoisonError::into_inner) {
            checks.insert(format!("topic {topic}"), result.clone());
        }
        if self.is_stopping() {
            checks.insert("process".to_owned(), Err("stopping".to_owned()));
        }
        checks
    }
}
