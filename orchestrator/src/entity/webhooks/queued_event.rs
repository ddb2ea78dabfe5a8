//! An event that waits for its delivery.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An event that waits. Its body is an entity of its own, so that a queue is small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedEvent {
    /// Its `ce_id`.
    pub id: String,
    /// Its `ce_type`.
    pub kind: String,
    /// When it was published.
    pub time: Timestamp,
}
