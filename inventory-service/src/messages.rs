//! What the inventory service is asked and what it tells: the values of its messages. The key is the warehouse, but for
//! [`common::topics::GOODS_RECEIVED`], where it is the return's id.

use std::num::NonZeroU32;

use common::ids::OrderId;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `ce_type`: set stock aside for an order, all of its items or none.
pub const RESERVE: &str = "inventory.reserve";
/// `ce_type`: take a reservation back, whatever became of it. The compensation of the two others.
pub const RELEASE: &str = "inventory.release";
/// `ce_type`: what was reserved leaves the stock.
pub const CONFIRM: &str = "inventory.confirm";
/// `ce_type`: make a shipment of what was reserved.
pub const SHIP: &str = "inventory.ship";
/// `ce_type`: call a shipment off. The compensation of [`SHIP`].
pub const CANCEL_SHIPMENT: &str = "inventory.cancel-shipment";
/// `ce_type`: pieces of an order are to come back.
pub const EXPECT_RETURN: &str = "inventory.expect-return";
/// `ce_type`: they are not, after all. The compensation of [`EXPECT_RETURN`].
pub const FORGET_RETURN: &str = "inventory.forget-return";
/// `ce_type`: pieces of an order go back into the stock.
pub const RESTOCK: &str = "inventory.restock";
/// `ce_type`: an item was counted (from `PUT /stock/{item}`).
pub const SET: &str = "stock.set";
/// `ce_type`: an item was counted, adjusted or received by somebody who says why (from the HTTP API).
pub const CHANGE: &str = "stock.change";
/// `ce_type`: what the carrier did with a shipment (from the HTTP API).
pub const SHIPMENT_EVENT: &str = "shipment.event";
/// `ce_type`: what the carrier answered when it was asked.
pub const CARRIER_ANSWERED: &str = "shipment.carrier-answered";
/// `ce_type`: somebody looked at what came back (from the HTTP API).
pub const RETURN_RECEIVED: &str = "return.received";

/// `ce_type` on `stock-events`: an item has become scarce.
pub const LOW: &str = "stock.low";
/// `ce_type` on `goods-received`.
pub const GOODS: &str = "goods.received";

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

/// Value of `inventory.release`, `inventory.confirm` and `inventory.cancel-shipment`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfOrder {
    pub order_id: OrderId,
}

/// Value of `inventory.ship`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ship {
    pub order_id: OrderId,
    pub delivery: Delivery,
}

/// How and where to.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub method: Method,
    #[serde(default)]
    pub address: Option<Address>,
}

/// How an order comes to its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryMethod)]
pub enum Method {
    Standard,
    Express,
    /// The customer collects it: no carrier, no address.
    Pickup,
}

impl Method {
    /// As messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Express => "express",
            Self::Pickup => "pickup",
        }
    }
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub name: String,
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    pub city: String,
    #[serde(default)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Value of `inventory.expect-return` and `inventory.restock`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub items: Vec<Wanted>,
}

/// Value of `inventory.forget-return`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forget {
    pub return_id: Uuid,
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

/// Value of `stock.change`. Its `ce_id` is the request by which it is known: asked for again, it is the same change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStock {
    pub warehouse: String,
    pub item_id: String,
    pub kind: ChangeKind,
    /// Of an adjustment what is added (or, below 0, taken away), of a receipt what came, of a count what is there.
    pub quantity: i64,
    pub by: String,
    pub why: String,
}

/// What changes a stock beside orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Pieces were found, broken, lost.
    Adjustment,
    /// Pieces came from a supplier.
    Receipt,
    /// Pieces were counted.
    Count,
    /// More was given out than a count had left: the count was wrong, and is put right.
    Shortfall,
}

/// Value of `shipment.event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentEvent {
    pub order_id: OrderId,
    pub status: Stage,
    /// When it happened; the time it is told, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What can happen to a shipment on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ShipmentEventStatus)]
pub enum Stage {
    Picked,
    HandedOver,
    Delivered,
}

/// Value of `return.received`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReturnReceived {
    pub return_id: Uuid,
    pub status: Verdict,
    pub by: String,
    pub why: String,
}

/// What somebody said of what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReceiptStatus)]
pub enum Verdict {
    Received,
    Rejected,
}

/// Value of `goods.received`. A person may say no more than the first two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GoodsReceived {
    pub return_id: Uuid,
    pub status: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// Value of `stock.low`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockLow {
    pub warehouse: String,
    pub item_id: String,
    pub name: String,
    pub available: u64,
    pub threshold: u64,
    pub at: Timestamp,
}

/// One spelling of an item's id: a UUID is written lower-case with hyphens, any other text stays as it is.
pub fn item_id(text: &str) -> String {
    Uuid::parse_str(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
}
