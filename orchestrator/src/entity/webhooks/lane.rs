//! The deliveries of a subscription on a partition: those in progress, what the receiver's health is, and counts.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::queued_event::QueuedEvent;

/// An attempt in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number.
    pub serial: u64,
    /// The order.
    pub order: String,
    /// The event.
    pub event: QueuedEvent,
    /// Its body.
    pub body: String,
    /// How often the event was attempted before.
    pub tries: u32,
    /// When it was decided.
    pub at: Timestamp,
}

/// The result of an attempt, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The event.
    pub event: QueuedEvent,
    /// The order.
    pub order: String,
    /// When the answer came.
    pub at: Timestamp,
    /// The number of the attempt: 1, 2, …
    pub attempt: u32,
    /// The HTTP status; `None` without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed; `None` if the event was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the request took, in milliseconds.
    pub took: u64,
}

/// A replay of deliveries that were given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The number of the next one.
    pub next: u64,
    /// The number behind the last one.
    pub end: u64,
    /// Only events that are not older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it goes on.
    pub at: Timestamp,
}

/// How long requests took: the number below each bound of [`Durations::BOUNDS_MS`], and of all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// The numbers.
    pub counts: [u64; 8],
    /// All durations together, in milliseconds.
    pub total: u64,
}

impl Durations {
    /// The bounds of the buckets, in milliseconds; the last bucket has none.
    pub const BOUNDS_MS: [u64; 7] = [50, 100, 250, 500, 1_000, 5_000, 15_000];

    /// Counts a request.
    pub fn add(&mut self, took: u64) {
        let bucket = Self::BOUNDS_MS.iter().filter(|bound| took > **bound).count();
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.total = self.total.saturating_add(took);
    }
}

/// The deliveries of a subscription on a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The number of the last attempt.
    pub serial: u64,
    /// The attempts in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The order of the first queue that is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// That of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// The number of events that wait or are being sent.
    pub pending: u64,
    /// The failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Why the last of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Nothing is sent before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// The revision of the subscription at which the receiver answered 410: nothing is sent while it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<u64>,
    /// The last success of this partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// The success that was reported to partition 0 last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Timestamp>,
    /// On partition 0: the last success that another partition reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Timestamp>,
    /// The number of the first delivery that was given up and is kept.
    pub undelivered_first: u64,
    /// The number of the next one.
    pub undelivered_next: u64,
    /// How many are kept.
    pub undelivered: u64,
    /// A replay that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// When the removal of a deleted subscription goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_at: Option<Timestamp>,
    /// The last results, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Outcome>,
    /// How many events were accepted ever.
    pub accepted: u64,
    /// How many attempts failed ever.
    pub failed: u64,
    /// How many deliveries were given up ever.
    pub given_up: u64,
    /// How long requests took.
    pub durations: Durations,
}

impl Lane {
    /// The most results that are remembered.
    pub const MOST_RECENT: usize = 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_bucket_of_the_smallest_bound_that_it_does_not_exceed() {
        let mut durations = Durations::default();
        for took in [0, 50, 51, 15_000, 15_001] {
            durations.add(took);
        }
        assert_eq!(durations.counts, [2, 1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(durations.total, 30_102);
    }
}
