//! Dead letters that were put back where they came from: who did it, when and why, kept in the journal, so that nobody
//! does it again without knowing.

use common::journal::{Key, Transaction};
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conduct::Kept;

/// `ce_type` on `saga-commands`: a dead letter was put back.
pub const LETTER_PUT_BACK: &str = "letter.put_back";

/// A dead letter that was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutBack {
    /// The dead-letter topic on which it lies.
    pub topic: String,
    /// Its partition there.
    pub partition: i32,
    /// And its offset.
    pub offset: i64,
    /// Who put it back.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, last.
    pub at: Timestamp,
}

/// The key of a dead letter.
pub fn letter_key(topic: &str, partition: i32, offset: i64) -> Key {
    format!("letter/{topic}/{partition}/{offset}")
}

/// Keeps that it was put back.
pub fn keep(tx: &mut Transaction<'_, Kept>, told: PutBack) {
    tx.put(letter_key(&told.topic, told.partition, told.offset), Kept::Letter(told));
}
