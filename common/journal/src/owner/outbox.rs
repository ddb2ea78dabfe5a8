//! The messages in flight, and the delivered mark that follows from them. Separate, because a mark that is ahead of the
//! acknowledgements loses messages at the next take-over.

use std::collections::VecDeque;

/// The records whose outboxes are in flight, in the journal's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Outbox {
    /// (offset of the record, messages not yet acknowledged), ascending.
    in_flight: VecDeque<(i64, usize)>,
    /// Everything before this offset has been read back.
    read: i64,
    /// True if anything was sent that no appended mark covers.
    unmarked: bool,
}

impl Outbox {
    pub(super) fn new(read: i64) -> Self {
        Self { in_flight: VecDeque::new(), read, unmarked: false }
    }

    /// A valid record at `offset` sends `messages` now.
    pub(super) fn sent(&mut self, offset: i64, messages: usize) {
        if messages > 0 {
            self.in_flight.push_back((offset, messages));
            self.unmarked = true;
        }
    }

    /// Everything up to and with `offset` has been read back.
    pub(super) fn read_back(&mut self, offset: i64) {
        self.read = self.read.max(offset.saturating_add(1));
    }

    /// One message of the record at `offset` was acknowledged.
    pub(super) fn delivered(&mut self, offset: i64) {
        if let Ok(at) = self.in_flight.binary_search_by_key(&offset, |(o, _)| *o)
            && let Some((_, left)) = self.in_flight.get_mut(at)
        {
            *left = left.saturating_sub(1);
        }
        while self.in_flight.front().is_some_and(|(_, left)| *left == 0) {
            self.in_flight.pop_front();
        }
    }

    /// The mark: all outboxes before this offset are delivered.
    pub(super) fn mark(&self) -> i64 {
        self.in_flight.front().map_or(self.read, |(offset, _)| *offset)
    }

    /// Returns the mark for an entry to be appended.
    pub(super) fn take_mark(&mut self) -> i64 {
        self.unmarked &= !self.in_flight.is_empty();
        self.mark()
    }

    /// Returns true if everything sent was acknowledged.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns true if an entry with only the mark would save a successor from sending again.
    pub(super) fn wants_mark(&self) -> bool {
        self.unmarked && self.is_quiet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stops_at_the_first_record_in_flight() {
        let mut outbox = Outbox::new(4);
        assert_eq!(outbox.mark(), 4);
        outbox.read_back(4);
        outbox.sent(4, 2);
        outbox.read_back(5);
        outbox.sent(5, 1);
        outbox.delivered(5);
        outbox.delivered(4);
        assert_eq!(outbox.mark(), 4, "one acknowledgement of record 4 is missing");
        assert!(!outbox.wants_mark());
        outbox.delivered(4);
        assert_eq!(outbox.mark(), 6);
        assert!(outbox.wants_mark());
        assert_eq!(outbox.take_mark(), 6);
        assert!(!outbox.wants_mark());
    }
}
