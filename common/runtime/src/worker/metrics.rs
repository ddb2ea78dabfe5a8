//! What the workers of an instance count and measure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::sync::Semaphore;
use vocabulary::time::Timestamp;

use super::input_lag::InputLag;

/// The upper bounds of the sizes of a batch.
const BATCHES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// The first upper bound of the time until a record is read back, in seconds, and their number; each doubles the last.
const FIRST_READ_BACK: f64 = 0.001;
const READ_BACKS: u16 = 14;

/// The counters and histograms of an instance.
#[derive(Debug)]
pub(super) struct WorkerMetrics {
    pub(super) messages: Counter,
    pub(super) timers: Counter,
    pub(super) batches: Histogram,
    pub(super) read_back: Histogram,
    pub(super) lag: Arc<InputLag>,
    pub(super) earliest_timers: EarliestTimers,
    /// Of the side effects that may run at the same time.
    pub(super) permits: Arc<Semaphore>,
    /// The number of these permits.
    most_side_effects: usize,
}

/// When the earliest undecided timer of each owned partition is due.
#[derive(Debug, Default)]
pub(super) struct EarliestTimers(Mutex<BTreeMap<i32, Timestamp>>);

impl EarliestTimers {
    fn by_partition(&self) -> MutexGuard<'_, BTreeMap<i32, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a partition's earliest timer; `None` if it has no timer or is not owned.
    pub(super) fn set(&self, partition: i32, due: Option<Timestamp>) {
        let mut timers = self.by_partition();
        match due {
            Some(at) => timers.insert(partition, at),
            None => timers.remove(&partition),
        };
    }

    /// How long the earliest timer of all partitions is overdue.
    pub(super) fn late(&self, now: Timestamp) -> Duration {
        self.by_partition().values().min().map_or(Duration::ZERO, |earliest| now.since(*earliest))
    }
}

impl WorkerMetrics {
    pub(super) fn new(partitions: i32, side_effects: usize) -> Self {
        Self {
            messages: Counter::default(),
            timers: Counter::default(),
            batches: Histogram::new(BATCHES),
            read_back: Histogram::new(exponential_buckets(FIRST_READ_BACK, 2.0, READ_BACKS)),
            lag: Arc::new(InputLag::new(partitions)),
            earliest_timers: EarliestTimers::default(),
            permits: Arc::new(Semaphore::new(side_effects)),
            most_side_effects: side_effects,
        }
    }

    /// The number of side effects that run.
    pub(super) fn running_side_effects(&self) -> usize {
        self.most_side_effects.saturating_sub(self.permits.available_permits())
    }

    /// Counts a decided batch.
    pub(super) fn decided(&self, messages: usize, timers: usize) {
        self.messages.inc_by(messages as u64);
        self.timers.inc_by(timers as u64);
        if messages + timers > 0 {
            self.batches.observe((messages + timers) as f64);
        }
    }

    /// Records the time from an append until it was read back.
    pub(super) fn read_back(&self, time: Duration) {
        self.read_back.observe(time.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_late_by_the_earliest_one_of_the_owned_partitions() {
        let timers = EarliestTimers::default();
        assert_eq!(timers.late(Timestamp(9_000)), Duration::ZERO, "no timer");
        timers.set(0, Some(Timestamp(10_000)));
        timers.set(1, Some(Timestamp(7_000)));
        assert_eq!(timers.late(Timestamp(5_000)), Duration::ZERO, "not due");
        assert_eq!(timers.late(Timestamp(9_000)), Duration::from_secs(2));
        timers.set(1, None);
        assert_eq!(timers.late(Timestamp(9_000)), Duration::ZERO);
        assert_eq!(timers.late(Timestamp(11_000)), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_side_effect_runs_while_it_has_its_permit() {
        let metrics = WorkerMetrics::new(2, 3);
        assert_eq!(metrics.running_side_effects(), 0);
        let permit = metrics.permits.acquire().await.unwrap();
        assert_eq!(metrics.running_side_effects(), 1);
        drop(permit);
        assert_eq!(metrics.running_side_effects(), 0);
    }
}
