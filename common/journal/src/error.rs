//! Errors between the store, the protocol and the worker. Their types decide when a partition is claimed again.

use vocabulary::retry::Retryable;

use crate::entity::Key;
use crate::position::PositionFault;

/// A [`Store`](crate::Store) could not return a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StoreError {
    /// The store can't be read now.
    #[error("the view can't be read: {0}")]
    Unavailable(String),
    /// The stored state is not one that this version of the service can decode.
    #[error("the view's state of {key} can't be decoded: {reason}")]
    Undecodable {
        /// The entity, or the common prefix of several.
        key: Key,
        /// The decoder's reason.
        reason: String,
    },
}

impl Retryable for StoreError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Undecodable { .. } => false,
        }
    }
}

/// A technical failure that ends a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// A state could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A state or a record can't be encoded.
    #[error("{what} can't be encoded: {reason}")]
    Encoding {
        /// What was to be encoded, such as `the state of order/018f…`.
        what: String,
        /// The encoder's reason.
        reason: String,
    },
    /// A record is longer than a journal takes.
    #[error("a record of {bytes} bytes is longer than a journal takes ({limit} bytes)")]
    RecordTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An outgoing message is longer than its topic takes.
    #[error("a message of {bytes} bytes is longer than topic {topic} takes ({limit} bytes)")]
    MessageTooLong {
        /// Its topic.
        topic: String,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The handler panicked.
    #[error("the handler panicked: {0}")]
    Panicked(String),
    /// An append or a message was not accepted.
    #[error("{0}")]
    Send(String),
    /// A record of this claim was acknowledged and is missing from the journal: those behind it are void.
    #[error("the journal lost a record of this claim: number {found} was read back, and {expected} is next")]
    Lost {
        /// The number of the missing record ([`Entry::seq`](crate::Entry::seq)).
        expected: u64,
        /// The number that was read back.
        found: u64,
    },
    /// A record was acknowledged and not read back, although the journal can be read.
    #[error("an acknowledged record was not read back in time")]
    NotReadBack,
    /// The snapshot or the inputs could not be read after a claim.
    #[error("the partition can't be loaded: {0}")]
    Load(String),
    /// An input can't be read on from its position: messages may be lost, and an operator must decide.
    #[error("{topic}-{partition} can't be read on from {position}: {fault}")]
    PositionGone {
        /// The input.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The position.
        position: i64,
        /// Why.
        fault: PositionFault,
    },
    /// The process did not run for longer than the session timeout.
    #[error("the process was stalled past the session timeout")]
    Stalled,
    /// Records were read back too late to act on them.
    #[error("the records read back are older than the session timeout")]
    Stale,
}

impl Retryable for Failure {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Encoding { .. }
            | Self::RecordTooLong { .. }
            | Self::MessageTooLong { .. }
            | Self::Panicked(_)
            | Self::PositionGone { .. } => false,
            Self::Send(_) | Self::Lost { .. } | Self::NotReadBack | Self::Load(_) | Self::Stalled | Self::Stale => true,
        }
    }
}

/// The service can't work with the journal's states.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The handler's reason ([`Transaction::refuse`](crate::Transaction::refuse)).
    #[error("{0}")]
    Handler(String),
    /// The entity has intents, but [`Entity::has_intents`](crate::Entity::has_intents) is false: the next claim would
    /// forget them.
    #[error("{0} has intents, but its Entity::has_intents is false")]
    HiddenIntents(Key),
}

/// Why a worker steps down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StepDown {
    /// Another instance's claim was read back.
    #[error("another instance claimed the partition")]
    ForeignClaim,
    /// The claim failed technically.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The service can't work with the journal's states: an operator must act.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An operator accepted a loss: the partition's positions have changed.
    #[error("an operator accepted the loss of messages")]
    LossAccepted,
    /// A decision of this claim changed the partition's inputs: the next claim reads them.
    #[error("the partition's inputs have changed")]
    InputsChanged,
}

/// When to claim a partition again, while the group still assigns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// At once: nothing failed.
    AtOnce,
    /// After the session timeout at the earliest, within which the other owner shows that it lives.
    AfterSession,
    /// After a pause that grows with each failure.
    AfterPause,
    /// When an operator has accepted the loss of messages, or after minutes.
    AfterDecision,
    /// Not at all: the process ends.
    Never,
}

impl StepDown {
    /// When to claim the partition again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::ForeignClaim => Retry::AfterSession,
            Self::Failed(Failure::PositionGone { .. }) => Retry::AfterDecision,
            Self::Failed(_) | Self::LossAccepted => Retry::AfterPause,
            Self::InputsChanged => Retry::AtOnce,
            Self::Refused(_) => Retry::Never,
        }
    }
}
