//! The limits of webhooks, and when a delivery is attempted again.

use std::time::Duration;

use common::ids;

/// The failures in a row from which on a receiver gets one request at a time, after a pause.
pub const OPEN_AT: u32 = 5;
/// The longest pause of a receiver whose requests fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The most doublings of a pause.
const DOUBLINGS: u32 = 30;

/// The limits of webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookPolicy {
    /// The most subscriptions.
    pub subscriptions: usize,
    /// The most requests to a receiver at the same time, of a partition.
    pub concurrency: usize,
    /// The most events of a subscription that wait, of a partition.
    pub pending: u64,
    /// The most deliveries of a subscription that are kept after they were given up, of a partition.
    pub kept: u64,
    /// The pause after the first failure; each further one is twice as long.
    pub first_retry: Duration,
    /// The longest pause.
    pub longest_retry: Duration,
    /// A delivery is given up after this time, and a subscription of which all deliveries failed so long is disabled.
    pub give_up: Duration,
    /// How long a secret that was replaced signs beside the new one.
    pub rotation_overlap: Duration,
}

impl Default for WebhookPolicy {
    fn default() -> Self {
        Self {
            subscriptions: 16,
            concurrency: 4,
            pending: 100_000,
            kept: 1_000,
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(6 * 3_600),
            give_up: Duration::from_secs(72 * 3_600),
            rotation_overlap: Duration::from_secs(24 * 3_600),
        }
    }
}

impl WebhookPolicy {
    /// The pause after a number of failed attempts, within a fifth more or less, so that events that failed together
    /// are not attempted together again. The same for the same event and number.
    pub fn backoff(&self, tries: u32, event: &str) -> Duration {
        let doublings = tries.saturating_sub(1).min(DOUBLINGS);
        let pause = self.first_retry.saturating_mul(1 << doublings).min(self.longest_retry);
        let hash = ids::derive(&["webhook", event, &tries.to_string()]).as_u64_pair().1;
        let percent = 80 + u32::try_from(hash % 41).unwrap_or(0);
        pause.saturating_mul(percent) / 100
    }

    /// How long a receiver gets no request after so many failures in a row, if it has a pause.
    pub fn pause(&self, failures: u32, webhook: &str) -> Option<Duration> {
        let over = failures.checked_sub(OPEN_AT)?;
        Some(self.backoff(over.saturating_add(1), webhook).min(LONGEST_PAUSE))
    }

    /// How long a receiver gets no request that asked for this pause.
    pub fn asked_pause(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).min(self.longest_retry)
    }

    /// How often a partition reports at most that a receiver accepts events.
    pub fn report_interval(&self) -> Duration {
        self.give_up / 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_one_within_a_fifth() {
        let policy = WebhookPolicy::default();
        for (tries, seconds) in [(1, 5), (2, 10), (5, 80), (13, 20_480), (14, 21_600), (u32::MAX, 21_600)] {
            let pause = policy.backoff(tries, "event").as_secs_f64();
            let nominal = f64::from(seconds);
            assert!((0.79 * nominal..=1.21 * nominal).contains(&pause), "{tries}: {pause}");
        }
        assert_eq!(policy.backoff(3, "a"), policy.backoff(3, "a"));
        assert_ne!(policy.backoff(3, "a"), policy.backoff(3, "b"));
    }

    #[test]
    fn a_receiver_has_a_pause_after_several_failures_in_a_row() {
        let policy = WebhookPolicy::default();
        assert_eq!(policy.pause(OPEN_AT - 1, "w"), None);
        assert!(policy.pause(OPEN_AT, "w").unwrap() <= Duration::from_secs(6));
        assert_eq!(policy.pause(100, "w"), Some(LONGEST_PAUSE));
        assert_eq!(policy.asked_pause(u64::MAX), policy.longest_retry);
    }
}
