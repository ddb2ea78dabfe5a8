//! The events that workers receive.

use std::time::Instant;

use crossbeam_channel::Sender;
use journal::Head;
use tokio::sync::oneshot;
use vocabulary::messages::Message;
use vocabulary::time::Timestamp;

/// An event for a worker.
#[derive(Debug)]
pub(super) enum Event {
    /// The group assigns the partition to this instance.
    Assigned,
    /// The group takes it away: finish, unless it is already lost, and report it.
    Revoked { at_once: bool, done: Sender<()> },
    /// A record of the journal.
    ReadBack { offset: i64, head: Head, at: Instant },
    /// An append of this worker's producer was stored. The offset is unknown if the broker recognised a repetition.
    Stored { offset: Option<i64>, head: Head, written: Timestamp, at: Instant },
    /// A message that comes from no topic.
    Direct(Box<DirectMessage>),
    /// The instance ends.
    Stop,
}

/// A message for a worker of this process. Dropping it declines the message.
#[derive(Debug)]
pub(super) struct DirectMessage {
    pub(super) message: Message,
    /// Resolved when the decision is durable.
    pub(super) accepted: oneshot::Sender<()>,
}
