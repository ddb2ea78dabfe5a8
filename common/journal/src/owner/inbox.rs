//! Input messages that wait to be decided, and the positions in their topics.

use std::collections::VecDeque;

use vocabulary::messages::{Damage, Message, Unreadable};

use crate::interface::Ticket;
use crate::partition::Partition;
use crate::record::{LastMessages, Positions, set_of_partition};

/// The most messages whose progress is left unwritten.
const UNWRITTEN_MESSAGES: usize = 1_000;

/// A message, or what could be read of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) origin: Origin,
}

/// How a message was received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// It is at its offset of its topic.
    Topic,
    /// Its bytes are damaged: why they can't be read.
    Damaged(Damage),
    /// Without a topic between.
    Direct(Ticket),
}

/// A message that was passed without a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Isolated {
    /// Its topic, with the partition if that was added ([`position_key`](crate::position_key)).
    pub(super) topic: String,
    pub(super) offset: i64,
    pub(super) reason: Unreadable,
}

/// The messages of all inputs, in the order in which they were received.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Inbox {
    queue: VecDeque<Received>,
    queued_bytes: usize,
    /// The next offset to decide.
    positions: Positions,
    /// The next offset to receive: messages received twice are queued once.
    received: Positions,
    /// Ends that must be reached before timers fire; removed as they are reached.
    ends: Positions,
    unwritten: Unwritten,
}

/// Progress that is not yet in an entry: behind offsets that hold no message, and behind messages whose decisions
/// changed and sent nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Unwritten {
    pub(super) positions: Positions,
    pub(super) last: LastMessages,
    pub(super) set_aside: Vec<Isolated>,
    /// The messages among it.
    pub(super) messages: usize,
}

impl Inbox {
    pub(super) fn load(&mut self, positions: Positions, ends: Positions) {
        self.received = positions.clone();
        self.positions = positions;
        self.ends = ends;
        let positions = &self.positions;
        self.ends.retain(|topic, end| positions.get(topic).copied().unwrap_or(0) < *end);
    }

    /// Queues a message of a topic, or what could be read of one.
    pub(crate) fn enqueue(&mut self, partition: Partition, message: Message, damage: Option<Damage>) {
        let source = partition.position_key(&message);
        if message.offset >= self.received.get(&*source).copied().unwrap_or(0) {
            set_of_partition(&mut self.received, &source, message.offset.saturating_add(1));
            self.push(message, damage.map_or(Origin::Topic, Origin::Damaged));
        }
    }

    /// Queues a message that was handed over without a topic.
    pub(super) fn enqueue_direct(&mut self, message: Message, ticket: Ticket) {
        self.push(message, Origin::Direct(ticket));
    }

    /// Removes the direct messages and returns their tickets.
    pub(super) fn take_direct(&mut self) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        let bytes = &mut self.queued_bytes;
        self.queue.retain(|received| {
            let Origin::Direct(ticket) = received.origin else { return true };
            *bytes = bytes.saturating_sub(received.message.size());
            tickets.push(ticket);
            false
        });
        tickets
    }

    fn push(&mut self, message: Message, origin: Origin) {
        self.queued_bytes += message.size();
        self.queue.push_back(Received { message, origin });
    }

    /// Removes the next message; returns it with its estimated bytes.
    pub(super) fn pop(&mut self) -> Option<(Received, usize)> {
        let received = self.queue.pop_front()?;
        let bytes = received.message.size();
        self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
        Some((received, bytes))
    }

    /// Moves the decided positions forward.
    pub(super) fn advance(&mut self, positions: &Positions) {
        for (topic, next) in positions {
            set_of_partition(&mut self.positions, topic, *next);
            self.ends.retain(|t, end| t != topic || *next < *end);
        }
    }

    /// Moves the position of an input without waiting messages over offsets that hold none.
    pub(crate) fn skip(&mut self, partition: Partition, source: &str, next: i64) {
        let received = self.received.entry(source.to_owned()).or_insert(0);
        let waits = |waiting: &Received| {
            !matches!(waiting.origin, Origin::Direct(_)) && partition.position_key(&waiting.message) == source
        };
        if next > *received && !self.queue.iter().any(waits) {
            *received = next;
            let skipped = Positions::from([(source.to_owned(), next)]);
            self.advance(&skipped);
            self.unwritten.positions.extend(skipped);
        }
    }

    /// Leaves the progress of a batch that changed and sent nothing to the next entry. Returns false if it can't wait
    /// for one: a successor would decide too many messages again.
    pub(super) fn leave_unwritten(&mut self, progress: Unwritten) -> bool {
        self.unwritten.positions.extend(progress.positions);
        self.unwritten.last.extend(progress.last);
        self.unwritten.set_aside.extend(progress.set_aside);
        self.unwritten.messages += progress.messages;
        self.unwritten.messages < UNWRITTEN_MESSAGES
    }

    /// Returns true if progress is not yet in an entry.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.positions.is_empty()
    }

    /// Returns the progress that is not yet in an entry, for one to be appended.
    pub(super) fn take_unwritten(&mut self) -> Unwritten {
        std::mem::take(&mut self.unwritten)
    }

    /// Returns true if all messages are decided that were there at the claim.
    pub(super) fn is_caught_up(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }
}
