//! Hints at the result of a payment: messages that may be true, but are not the provider's own answer.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How far the hints at a payment's result are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hints {
    /// When the provider was, or will be, asked because of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
    /// When to ask about an authorized payment; the other states have a time of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Queries because of hints. They do not lengthen the pauses.
    pub queries: u32,
    /// True if one arrived while the provider was being asked, whose answer may be older.
    #[serde(default)]
    pub again: bool,
}
