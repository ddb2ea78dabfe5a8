//! What was said and what of it has arrived: the delivered mark. Apart, because a mark that runs ahead of the truth loses
//! messages at the next take-over.

use std::collections::VecDeque;

/// The records whose outboxes are on their way, in the journal's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Outbox {
    /// (offset of the record, messages not yet acknowledged), ascending.
    underway: VecDeque<(i64, usize)>,
    /// Everything before this offset has been read back.
    read: i64,
    /// Whether anything was sent that no appended mark covers.
    unmarked: bool,
}

impl Outbox {
    pub(super) fn new(read: i64) -> Self {
        Self { underway: VecDeque::new(), read, unmarked: false }
    }

    /// A valid record at `offset` sends `messages` now.
    pub(super) fn sent(&mut self, offset: i64, messages: usize) {
        if messages > 0 {
            self.underway.push_back((offset, messages));
            self.unmarked = true;
        }
    }

    /// Everything up to and with `offset` has been read back.
    pub(super) fn read_back(&mut self, offset: i64) {
        self.read = self.read.max(offset.saturating_add(1));
    }

    /// One message of the record at `offset` has arrived.
    pub(super) fn delivered(&mut self, offset: i64) {
        if let Ok(at) = self.underway.binary_search_by_key(&offset, |(o, _)| *o)
            && let Some((_, left)) = self.underway.get_mut(at)
        {
            *left = left.saturating_sub(1);
        }
        while self.underway.front().is_some_and(|(_, left)| *left == 0) {
            self.underway.pop_front();
        }
    }

    /// All outboxes before this offset are delivered: what is read back and not underway.
    pub(super) fn mark(&self) -> i64 {
        self.underway.front().map_or(self.read, |(offset, _)| *offset)
    }

    /// Takes the mark for an entry to be appended.
    pub(super) fn take_mark(&mut self) -> i64 {
        self.unmarked &= !self.underway.is_empty();
        self.mark()
    }

    /// Whether everything sent has arrived.
    pub(super) fn is_quiet(&self) -> bool {
        self.underway.is_empty()
    }

    /// Whether an entry of its own for the mark would save a successor from sending again.
    pub(super) fn wants_mark(&self) -> bool {
        self.unmarked && self.is_quiet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stops_at_the_first_record_underway() {
        let mut outbox = Outbox::new(4);
        assert_eq!(outbox.mark(), 4);
        outbox.read_back(4);
        outbox.sent(4, 2);
        outbox.read_back(5);
        outbox.sent(5, 1);
        outbox.delivered(5);
        outbox.delivered(4);
        assert_eq!(outbox.mark(), 4, "one of record 4's is missing");
        assert!(!outbox.wants_mark());
        outbox.delivered(4);
        assert_eq!(outbox.mark(), 6);
        assert!(outbox.wants_mark());
        assert_eq!(outbox.take_mark(), 6);
        assert!(!outbox.wants_mark());
    }
}
