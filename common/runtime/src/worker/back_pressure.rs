//! The undelivered messages of each partition, for the health checks. Written by the workers without a lock.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use vocabulary::time::Timestamp;

/// The undelivered messages of one partition.
#[derive(Debug, Default)]
struct Gauge {
    undelivered: AtomicUsize,
    is_blocked: AtomicBool,
    /// When the partition was blocked, in milliseconds since the epoch.
    blocked_since: AtomicI64,
}

/// The undelivered messages of all partitions of an instance.
#[derive(Debug)]
pub(super) struct BackPressure {
    partitions: Vec<Gauge>,
    limit: usize,
    patience: Duration,
}

impl BackPressure {
    /// `limit` is `worker.undelivered_messages`; an instance that is blocked for longer than `patience` is not ready.
    pub(super) fn new(partitions: i32, limit: usize, patience: Duration) -> Self {
        Self { partitions: (0..partitions).map(|_| Gauge::default()).collect(), limit, patience }
    }

    /// Records a partition's undelivered messages. `is_blocked`: it decides nothing until they are delivered.
    pub(super) fn set(&self, partition: i32, undelivered: usize, is_blocked: bool) {
        let Some(gauge) = usize::try_from(partition).ok().and_then(|index| self.partitions.get(index)) else { return };
        gauge.undelivered.store(undelivered, Ordering::Relaxed);
        if is_blocked && !gauge.is_blocked.load(Ordering::Relaxed) {
            gauge.blocked_since.store(Timestamp::now().0, Ordering::Relaxed);
        }
        gauge.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// The undelivered messages of all partitions.
    pub(super) fn undelivered(&self) -> usize {
        self.partitions.iter().map(|gauge| gauge.undelivered.load(Ordering::Relaxed)).sum()
    }

    /// The number of partitions that decide nothing until messages are delivered.
    pub(super) fn blocked(&self) -> usize {
        self.partitions.iter().filter(|gauge| gauge.is_blocked.load(Ordering::Relaxed)).count()
    }

    /// The check of the instance's readiness.
    pub(super) fn check(&self, now: Timestamp) -> Result<String, String> {
        let all = self.undelivered();
        let limit = self.limit;
        for (partition, gauge) in self.partitions.iter().enumerate() {
            let blocked = now.since(Timestamp(gauge.blocked_since.load(Ordering::Relaxed)));
            if gauge.is_blocked.load(Ordering::Relaxed) && blocked > self.patience {
                let undelivered = gauge.undelivered.load(Ordering::Relaxed);
                return Err(format!(
                    "partition {partition} decides nothing for {} s: {undelivered} messages are not delivered \
                     (worker.undelivered_messages = {limit}, worker.undelivered_bytes). Are all partitions of the \
                     output topics online?",
                    blocked.as_secs()
                ));
            }
        }
        Ok(format!("{all} messages not delivered; a partition waits at {limit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_is_blocked_for_long_is_not_ready() {
        let pressure = BackPressure::new(2, 100, Duration::from_secs(10));
        let now = Timestamp::now();
        pressure.set(0, 3, false);
        pressure.set(1, 100, true);
        assert_eq!(pressure.check(now), Ok("103 messages not delivered; a partition waits at 100".to_owned()));
        let later = Timestamp(now.0 + 60_000);
        let reason = pressure.check(later).unwrap_err();
        assert!(reason.starts_with("partition 1 decides nothing for ") && reason.contains("100 messages"), "{reason}");
        pressure.set(1, 99, false);
        assert!(pressure.check(later).is_ok());
    }
}
