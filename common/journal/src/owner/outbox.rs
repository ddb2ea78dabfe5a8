//! The outboxes that are not delivered: those in the producer, those that wait for room in it, and the delivered mark
//! that follows from both. Separate, because a mark that is ahead of the acknowledgements loses messages at the next
//! take-over.

use std::collections::VecDeque;
use std::sync::Arc;

use vocabulary::messages::Outgoing;

use crate::limits::Limits;

/// An amount of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
struct Amount {
    messages: usize,
    bytes: usize,
}

impl Amount {
    fn add(&mut self, messages: usize, bytes: usize) {
        self.messages += messages;
        self.bytes += bytes;
    }

    fn subtract(&mut self, messages: usize, bytes: usize) {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn has_room(self, limits: &Limits) -> bool {
        self.messages < limits.undelivered_messages && self.bytes < limits.undelivered_bytes
    }
}

/// A record whose outbox is in the producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InProducer {
    offset: i64,
    /// Messages that are not acknowledged.
    left: usize,
    bytes: usize,
}

/// A record whose outbox waits for room in the producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    offset: i64,
    messages: Arc<Vec<Outgoing>>,
    bytes: usize,
}

/// The records whose outboxes are not delivered, in the journal's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Outbox {
    in_producer: VecDeque<InProducer>,
    /// Behind all that are in the producer.
    waiting: VecDeque<Waiting>,
    in_producer_amount: Amount,
    waiting_amount: Amount,
    /// Everything before this offset has been read back.
    read: i64,
    /// True if anything was sent that no appended mark covers.
    unmarked: bool,
}

impl Outbox {
    pub(super) fn new(read: i64) -> Self {
        Self { read, ..Self::default() }
    }

    /// A valid record at `offset` has this outbox, of so many estimated bytes.
    pub(super) fn push(&mut self, offset: i64, messages: Arc<Vec<Outgoing>>, bytes: usize) {
        if !messages.is_empty() {
            self.waiting_amount.add(messages.len(), bytes);
            self.waiting.push_back(Waiting { offset, messages, bytes });
            self.unmarked = true;
        }
    }

    /// The next outbox to give to the producer, if there is room in it.
    pub(super) fn next(&mut self, limits: &Limits) -> Option<(i64, Arc<Vec<Outgoing>>)> {
        if self.waiting.is_empty() || !self.in_producer_amount.has_room(limits) {
            return None;
        }
        let Waiting { offset, messages, bytes } = self.waiting.pop_front()?;
        let left = messages.len();
        self.waiting_amount.subtract(left, bytes);
        self.in_producer_amount.add(left, bytes);
        self.in_producer.push_back(InProducer { offset, left, bytes });
        Some((offset, messages))
    }

    /// Everything up to and with `offset` has been read back.
    pub(super) fn read_back(&mut self, offset: i64) {
        self.read = self.read.max(offset.saturating_add(1));
    }

    /// One message of the record at `offset` was acknowledged.
    pub(super) fn delivered(&mut self, offset: i64) {
        if let Ok(at) = self.in_producer.binary_search_by_key(&offset, |sent| sent.offset)
            && let Some(sent) = self.in_producer.get_mut(at)
            && sent.left > 0
        {
            sent.left -= 1;
            let bytes = if sent.left == 0 { sent.bytes } else { 0 };
            self.in_producer_amount.subtract(1, bytes);
        }
        while self.in_producer.front().is_some_and(|sent| sent.left == 0) {
            self.in_producer.pop_front();
        }
    }

    /// The mark: all outboxes before this offset are delivered.
    pub(super) fn mark(&self) -> i64 {
        let first = self.in_producer.front().map(|sent| sent.offset);
        first.or_else(|| self.waiting.front().map(|waiting| waiting.offset)).unwrap_or(self.read)
    }

    /// Returns the mark for an entry to be appended.
    pub(super) fn take_mark(&mut self) -> i64 {
        self.unmarked &= !self.is_quiet();
        self.mark()
    }

    /// Returns true if everything sent was acknowledged.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_producer.is_empty() && self.waiting.is_empty()
    }

    /// Returns true if an entry with only the mark would save a successor from sending again.
    pub(super) fn wants_mark(&self) -> bool {
        self.unmarked && self.is_quiet()
    }

    /// Messages that are not acknowledged, in the producer or not.
    pub(super) fn undelivered(&self) -> usize {
        self.in_producer_amount.messages + self.waiting_amount.messages
    }

    /// Returns true if further outboxes may be added: decisions may be made.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        let mut all = self.in_producer_amount;
        all.add(self.waiting_amount.messages, self.waiting_amount.bytes);
        all.has_room(limits)
    }
}

#[cfg(test)]
mod tests {
    use vocabulary::time::Timestamp;

    use super::*;

    fn messages(n: usize) -> Arc<Vec<Outgoing>> {
        let message = Outgoing::event("t", "k", "a.b", "1", "s", Timestamp(0), "text");
        Arc::new(vec![message; n])
    }

    #[test]
    fn the_mark_stops_at_the_first_record_in_flight() {
        let limits = Limits::default();
        let mut outbox = Outbox::new(4);
        assert_eq!(outbox.mark(), 4);
        outbox.read_back(4);
        outbox.push(4, messages(2), 100);
        assert_eq!(outbox.mark(), 4, "it waits");
        assert!(outbox.next(&limits).is_some());
        outbox.read_back(5);
        outbox.push(5, messages(1), 50);
        assert!(outbox.next(&limits).is_some());
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

    #[test]
    fn the_producer_gets_so_many_messages_and_bytes_and_the_rest_waits() {
        let few = Limits { undelivered_messages: 3, ..Limits::default() };
        let small = Limits { undelivered_bytes: 150, ..Limits::default() };
        for limits in [few, small] {
            let mut outbox = Outbox::new(0);
            for offset in 1..4 {
                outbox.push(offset, messages(2), 100);
            }
            let first = outbox.next(&limits).map(|(offset, _)| offset);
            let second = outbox.next(&limits).map(|(offset, _)| offset);
            assert_eq!([first, second], [Some(1), Some(2)]);
            assert!(outbox.next(&limits).is_none());
            assert_eq!(outbox.undelivered(), 6);
            assert!(!outbox.has_room(&limits));
            outbox.delivered(1);
            outbox.delivered(1);
            assert_eq!(outbox.next(&limits).map(|(offset, _)| offset), Some(3));
            assert_eq!(outbox.mark(), 2);
        }
    }
}
