//! The reasons for which a message goes to the dead letters.

use super::damage::Damage;

/// Why a message can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unreadable {
    /// No value.
    #[error("the message has no value")]
    Empty,
    /// Not the expected JSON.
    #[error("the value is not of this topic's format: {0}")]
    Malformed(String),
    /// Longer than what is read.
    #[error("the {what} has {bytes} bytes, at most {most} are read")]
    TooLong {
        /// The part of the message, such as `value`.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// A header is missing or wrong.
    #[error("header {0}: {1}")]
    Header(&'static str, String),
    /// A type that the service does not read.
    #[error("header ce_type: '{0}' is not a message that this service reads from this topic")]
    UnknownType(String),
    /// Deciding it ended a claim.
    #[error("set aside, since it can't be processed: {0}")]
    SetAside(String),
    /// Its bytes, or a part of them.
    #[error("{0}")]
    Damaged(Damage),
    /// Its key belongs to another partition.
    #[error("{what} {key} belongs on partition {home}, not {here}: use it as the message's key")]
    WrongPartition {
        /// What the key is, such as `order`.
        what: &'static str,
        /// The key.
        key: String,
        /// The partition it belongs to.
        home: i32,
        /// The partition it was read from.
        here: i32,
    },
}
