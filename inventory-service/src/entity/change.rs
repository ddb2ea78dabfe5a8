//! A change of a stock that is not part of an order: a count, an adjustment or a receipt.

use common::ids;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::messages::ChangeKind;

/// A requested change of a stock, applied or refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub warehouse: String,
    pub item_id: String,
    pub kind: ChangeKind,
    /// The requested quantity: for a count the pieces counted, otherwise the pieces to add.
    #[serde(rename = "asked")]
    pub requested: i64,
    /// The pieces added to the stock; negative if pieces were removed.
    pub moved: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The order whose confirmation revealed a shortfall, in an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    pub at: Timestamp,
    /// Why the change was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The stock after the change.
    pub on_hand: u64,
    pub reserved: u64,
}

/// The id of the change that a request makes.
pub fn change_id(warehouse: &str, item: &str, request: &str) -> String {
    ids::derive(&["change", warehouse, item, request]).to_string()
}

/// The entity key of a change.
pub fn change_key(id: &str) -> String {
    format!("change/{id}")
}
