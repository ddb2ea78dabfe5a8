//! What the workers of an instance count and measure.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

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
}

impl WorkerMetrics {
    pub(super) fn new(partitions: i32) -> Self {
        Self {
            messages: Counter::default(),
            timers: Counter::default(),
            batches: Histogram::new(BATCHES),
            read_back: Histogram::new(exponential_buckets(FIRST_READ_BACK, 2.0, READ_BACKS)),
            lag: Arc::new(InputLag::new(partitions)),
        }
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
