//! Notices an append that was acknowledged and never comes back from the journal. Without it the owner would wait for
//! its record for ever, and decide nothing more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use journal::{Head, Record};

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
    /// Claims in a row that ended because a record was not read back.
    failures: u32,
    /// The entries of this claim that were appended and not read back: the claim, the number, and when.
    appended: VecDeque<(i64, u64, Instant)>,
}

impl ReadBackWatch {
    /// A claim begins.
    pub(super) fn begin(&mut self) {
        self.acknowledged = 0;
        self.awaited = None;
        self.appended.clear();
    }

    /// A record was given to the producer.
    pub(super) fn appended(&mut self, record: &Record, at: Instant) {
        if let Record::Entry(entry) = record {
            self.appended.push_back((entry.owner, entry.seq, at));
        }
    }

    /// The time from the append of this record until it was read at `at`; `None` if it is not the next entry of this
    /// claim.
    pub(super) fn time_of(&mut self, head: Head, at: Instant) -> Option<Duration> {
        let Head::Entry { owner, seq } = head else { return None };
        let next = self.appended.front().filter(|next| (next.0, next.1) == (owner, seq))?;
        let time = at.saturating_duration_since(next.2);
        self.appended.pop_front();
        Some(time)
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

    /// Returns true if an entry was appended more than a moment ago and is not read back.
    pub(super) fn waits_for_long(&self, now: Instant) -> bool {
        self.appended.front().is_some_and(|(_, _, at)| now.saturating_duration_since(*at) > MOMENT)
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
        watch.begin();
        assert!(!watch.waits_for_long(later), "nothing was appended");
        watch.appended(&entry(0), begin);
        watch.appended(&entry(1), later);
        assert!(!watch.waits_for_long(begin));
        assert!(watch.waits_for_long(later));
        watch.time_of(Head::Entry { owner: 7, seq: 0 }, later);
        assert!(!watch.waits_for_long(later), "the next one was appended just now");
    }

    fn entry(seq: u64) -> Record {
        let positions = journal::Positions::new();
        let last = journal::LastMessages::new();
        let (delivered, entities, outbox) = Default::default();
        Record::Entry(journal::Entry { owner: 7, seq, positions, last, delivered, entities, outbox })
    }

    #[test]
    fn the_time_of_an_entry_lasts_from_its_append_until_it_is_read() {
        let mut watch = ReadBackWatch::default();
        let begin = Instant::now();
        watch.begin();
        watch.appended(&entry(0), begin);
        watch.appended(&entry(1), begin);
        let at = begin + Duration::from_millis(5);
        assert_eq!(watch.time_of(Head::Entry { owner: 6, seq: 0 }, at), None, "of another claim");
        assert_eq!(watch.time_of(Head::Entry { owner: 7, seq: 0 }, at), Some(Duration::from_millis(5)));
        assert_eq!(watch.time_of(Head::Entry { owner: 7, seq: 0 }, at), None);
        watch.begin();
        assert_eq!(watch.time_of(Head::Entry { owner: 7, seq: 1 }, at), None, "the claim is over");
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
