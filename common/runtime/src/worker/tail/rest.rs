//! When the tailer rests from a partition: its owner, in this process, gives the view all records, so that reading them
//! again is not urgent. All are read nevertheless, in fewer requests.

use std::time::{Duration, Instant};

/// How long a partition is not read. A fetch also shows that the brokers answer, which the client reports every second:
/// both times together are shorter than `USUAL_SILENCE`.
const REST: Duration = Duration::from_millis(750);
/// The shortest time for which it is read between two rests. An empty fetch takes 50 ms.
const READ: Duration = Duration::from_millis(150);

/// The rests of one partition.
#[derive(Debug, Default)]
pub(super) enum Rest {
    /// The records are needed.
    #[default]
    Needed,
    /// They are read between two rests: since when, and up to which offset at least.
    Reading(Instant, i64),
    /// They are not read, since then.
    Resting(Instant),
}

impl Rest {
    /// Decides whether the partition rests. `next` is the offset to read; `given` is that behind the last record which
    /// the owner gave to the view, `None` unless it gives all.
    pub(super) fn update(&mut self, next: i64, given: Option<i64>, now: Instant) {
        let is_over = |since: Instant, time: Duration| now.saturating_duration_since(since) >= time;
        let Some(given) = given else {
            *self = Self::Needed;
            return;
        };
        match *self {
            Self::Needed => *self = Self::Reading(now, given),
            Self::Reading(since, to) if is_over(since, READ) && next >= to => *self = Self::Resting(now),
            Self::Resting(since) if is_over(since, REST) => *self = Self::Reading(now, given),
            Self::Reading(..) | Self::Resting(_) => {}
        }
    }

    pub(super) const fn is_resting(&self) -> bool {
        matches!(self, Self::Resting(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_whose_owner_gives_all_records_is_read_now_and_then() {
        let mut rest = Rest::default();
        let mut now = Instant::now();
        let mut rests_after = |time: Duration, next| {
            now += time;
            rest.update(next, Some(7), now);
            rest.is_resting()
        };
        assert!(!rests_after(Duration::ZERO, 7));
        assert!(!rests_after(READ / 2, 7));
        assert!(rests_after(READ / 2, 7));
        assert!(rests_after(REST / 2, 7));
        assert!(!rests_after(REST / 2, 7));
        assert!(!rests_after(2 * READ, 6), "the record before the last rest's end is not yet read");
        assert!(rests_after(Duration::ZERO, 7));
    }

    #[test]
    fn a_partition_whose_records_are_needed_is_read_at_once() {
        let mut rest = Rest::default();
        let begin = Instant::now();
        rest.update(0, Some(0), begin);
        rest.update(0, Some(0), begin + READ);
        assert!(rest.is_resting());
        rest.update(0, None, begin + READ);
        assert!(!rest.is_resting(), "its owner does not know all records");
        rest.update(0, None, begin + 2 * READ + REST);
        assert!(!rest.is_resting());
        rest.update(0, Some(0), begin + 2 * READ + REST);
        assert!(!rest.is_resting(), "the time to the next rest begins again");
        rest.update(0, Some(0), begin + 3 * READ + REST);
        assert!(rest.is_resting());
    }
}
