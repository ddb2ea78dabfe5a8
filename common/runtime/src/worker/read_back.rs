//! Notices an append that was acknowledged and never comes back from the journal. Without it the owner would wait for
//! its record for ever, and decide nothing more.

use std::time::{Duration, Instant};

/// How long an acknowledged record may take to be read back, while the journal can be read and no other record comes.
const LIMIT: Duration = Duration::from_secs(30);

/// How long an append usually takes at most.
const MOMENT: Duration = Duration::from_secs(1);

/// After so many claims in a row whose records were not read back, the reader itself is stuck.
const HOPELESS: u32 = 3;

/// The appends of a claim, and the one that is awaited.
#[derive(Debug, Default)]
pub(super) struct ReadBackWatch {
    /// Appends of this claim that were acknowledged; acknowledgements come in order.
    acknowledged: u64,
    /// The awaited append, and since when nothing was read.
    awaited: Option<(u64, Instant)>,
    /// The oldest append that was not read back, acknowledged or not, and since when it is the oldest.
    appended: Option<(u64, Instant)>,
    /// Claims in a row that ended because a record was not read back.
    failures: u32,
}

impl ReadBackWatch {
    /// A claim begins.
    pub(super) fn begin(&mut self) {
        self.acknowledged = 0;
        self.awaited = None;
        self.appended = None;
    }

    /// The broker has stored the next append.
    pub(super) fn acknowledged(&mut self) {
        self.acknowledged += 1;
    }

    /// A record of the partition was read, of whatever claim.
    pub(super) fn read(&mut self) {
        self.awaited = None;
    }

    /// A record of this claim was read back.
    pub(super) fn progressed(&mut self) {
        self.failures = 0;
    }

    /// Returns true if the append with the number `awaited` was acknowledged and not read back for too long. Time
    /// counts only while the journal is being read (`is_reading`).
    pub(super) fn is_overdue(&mut self, awaited: Option<u64>, is_reading: bool, now: Instant) -> bool {
        let Some(number) = awaited.filter(|number| is_reading && *number < self.acknowledged) else {
            self.awaited = None;
            return false;
        };
        match self.awaited {
            Some((known, since)) if known == number => now.saturating_duration_since(since) > LIMIT,
            Some(_) | None => {
                self.awaited = Some((number, now));
                false
            }
        }
    }

    /// Returns true if the append with the number `awaited` has been awaited for more than a moment.
    pub(super) fn waits_for_long(&mut self, awaited: Option<u64>, now: Instant) -> bool {
        match (awaited, self.appended) {
            (None, _) => self.appended = None,
            (Some(number), Some((known, since))) if known == number => {
                return now.saturating_duration_since(since) > MOMENT;
            }
            (Some(number), _) => self.appended = Some((number, now)),
        }
        false
    }

    /// Counts a claim that ended because a record was not read back. Returns true if claiming again is of no use.
    pub(super) fn is_hopeless(&mut self) -> bool {
        self.failures += 1;
        self.failures >= HOPELESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_record_that_is_not_read_back_is_noticed() {
        let mut watch = ReadBackWatch::default();
        let begin = Instant::now();
        let late = begin + LIMIT + Duration::from_secs(1);
        watch.begin();
        assert!(!watch.is_overdue(Some(0), true, begin));
        assert!(!watch.is_overdue(Some(0), true, late), "the claim is not acknowledged");
        watch.acknowledged();
        assert!(!watch.is_overdue(Some(0), true, begin));
        assert!(watch.is_overdue(Some(0), true, late));
        assert!(!watch.is_overdue(Some(0), false, late), "the journal can't be read");
        assert!(!watch.is_overdue(Some(0), true, late), "time counts from here on");
        watch.read();
        assert!(!watch.is_overdue(Some(0), true, late + LIMIT + LIMIT), "another record was read");
        watch.acknowledged();
        assert!(!watch.is_overdue(Some(1), true, late + 2 * LIMIT), "the next one");
        assert!(!watch.is_overdue(None, true, late + 4 * LIMIT));
    }

    #[test]
    fn an_append_that_takes_long_is_noticed() {
        let mut watch = ReadBackWatch::default();
        let begin = Instant::now();
        let later = begin + 2 * MOMENT;
        assert!(!watch.waits_for_long(Some(3), begin));
        assert!(watch.waits_for_long(Some(3), later));
        assert!(!watch.waits_for_long(Some(4), later), "another one");
        assert!(!watch.waits_for_long(None, later + 2 * MOMENT));
        assert!(!watch.waits_for_long(Some(4), later + 2 * MOMENT), "time counts from here on");
    }

    #[test]
    fn claim_after_claim_without_a_record_read_back_is_hopeless() {
        let mut watch = ReadBackWatch::default();
        assert!(!watch.is_hopeless());
        assert!(!watch.is_hopeless());
        watch.progressed();
        assert!(!watch.is_hopeless());
        assert!(!watch.is_hopeless());
        assert!(watch.is_hopeless());
    }
}
