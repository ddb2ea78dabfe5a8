//! What the inventory service is asked: the values of its messages. Their key is the warehouse.

use std::num::NonZeroU32;

use common::ids::OrderId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `ce_type`: set stock aside for an order, all of its items or none.
pub const RESERVE: &str = "inventory.reserve";
/// `ce_type`: take a reservation back, whatever became of it. The compensation of the two others.
pub const RELEASE: &str = "inventory.release";
/// `ce_type`: what was reserved leaves the warehouse.
pub const CONFIRM: &str = "inventory.confirm";
/// `ce_type`: an item was counted (from the HTTP API).
pub const SET: &str = "stock.set";

/// Value of `inventory.reserve`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reserve {
    pub order_id: OrderId,
    pub items: Vec<Wanted>,
}

/// One item of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub quantity: NonZeroU32,
}

/// Value of `inventory.release` and of `inventory.confirm`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfOrder {
    pub order_id: OrderId,
}

/// Value of `stock.set`. Its `ce_id` is the request by which whoever asked knows that it was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetStock {
    pub warehouse: String,
    pub item_id: String,
    pub name: String,
    pub on_hand: u32,
}

/// One spelling of an item's id: a UUID is written lower-case with hyphens, any other text stays as it is.
pub fn item_id(text: &str) -> String {
    Uuid::parse_str(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
}
