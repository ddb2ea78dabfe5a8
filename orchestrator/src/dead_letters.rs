//! Dead letters that were put back on their source topic. The journal records by whom, when and why, so that an
//! operator does not put one back twice unknowingly.

use common::journal::Key;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `ce_type` on `saga-commands`: a dead letter was put back.
pub const LETTER_PUT_BACK: &str = "letter.put_back";

/// A dead letter that was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutBack {
    /// Its dead-letter topic.
    pub topic: String,
    /// Its partition on that topic.
    pub partition: i32,
    /// Its offset in that partition.
    pub offset: i64,
    /// The operator who put it back.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it was last put back.
    pub at: Timestamp,
}

/// Where a dead letter lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The dead-letter topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl Position {
    /// The key of the dead letter at this position.
    pub fn key(&self) -> Key {
        format!("letter/{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl PutBack {
    /// The dead letter's position.
    pub fn position(&self) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }
}
