//! The stock of an item in a warehouse.

use serde::{Deserialize, Serialize};

/// The stock of an item in a warehouse, in pieces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    pub item_id: String,
    pub name: String,
    pub warehouse: String,
    /// Pieces in the warehouse, including reserved ones.
    pub on_hand: u64,
    /// Pieces reserved for orders.
    pub reserved: u64,
    /// The ids of the last `stock.set` requests, oldest first: a caller that finds its own knows that it was carried
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The stock before its first recorded movement; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<OpeningBalance>,
}

/// The stock before its first recorded movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpeningBalance {
    pub on_hand: u64,
    pub reserved: u64,
}

impl Stock {
    /// Pieces that can still be reserved; 0 if a count was lower than the reserved quantity.
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// Reserved pieces that are not there: more than 0 if a count was lower than the reserved quantity.
    pub fn missing(&self) -> u64 {
        self.reserved.saturating_sub(self.on_hand)
    }

    /// The balance that its movements start from.
    pub fn opening(&self) -> OpeningBalance {
        self.opening.unwrap_or(OpeningBalance { on_hand: self.on_hand, reserved: self.reserved })
    }
}

/// The entity key of an item's stock.
pub fn stock_key(warehouse: &str, item: &str) -> String {
    format!("stock/{warehouse}/{item}")
}
