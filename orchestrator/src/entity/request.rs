//! The records of operators' requests, which several entities keep.

use common::bounds::{self, ID_BYTES};
use common::time::Timestamp;
use saga::TEXT_LIMIT;
use serde::{Deserialize, Serialize};

/// An operator's request, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The request's id.
    pub id: String,
    /// When it was applied.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The operator's reason.
    pub why: String,
    /// The address that the request came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl RequestRecord {
    /// The record of a request, with its texts cut to their bounds.
    pub fn new(id: &str, at: Timestamp, by: &str, why: &str, from: Option<&str>) -> Self {
        let cut = |text: &str| bounds::cut(text, TEXT_LIMIT).into_owned();
        Self { id: bounds::cut(id, ID_BYTES).into_owned(), at, by: cut(by), why: cut(why), from: from.map(cut) }
    }
}

/// Adds an item to those of which the last `most` are remembered.
pub fn push_bounded<T>(items: &mut Vec<T>, item: T, most: usize) {
    if items.len() >= most {
        items.remove(0);
    }
    items.push(item);
}
