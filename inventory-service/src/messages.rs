//! The values of the messages that the inventory service reads and writes. The key is the warehouse, except on
//! [`common::topics::GOODS_RECEIVED`] and [`common::topics::CASES`], where it is the id of the return or the case.

pub mod cases;
pub mod events;
pub mod incoming;

use std::borrow::Cow;
use std::num::NonZeroU32;

use common::bounds::{COMMAND_BYTES, KIB};
use common::ids::OrderId;
use common::schemas;
use common::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entity::stock::ItemPrice;

/// `ce_type`: reserve stock for an order, all of its items or none.
pub const RESERVE: &str = "inventory.reserve";
/// `ce_type`: release a reservation in any status. The compensation of [`RESERVE`] and [`CONFIRM`].
pub const RELEASE: &str = "inventory.release";
/// `ce_type`: take the reserved pieces out of the stock.
pub const CONFIRM: &str = "inventory.confirm";
/// `ce_type`: ship the reserved pieces.
pub const SHIP: &str = "inventory.ship";
/// `ce_type`: cancel a shipment. The compensation of [`SHIP`].
pub const CANCEL_SHIPMENT: &str = "inventory.cancel-shipment";
/// `ce_type`: expect pieces of an order back.
pub const EXPECT_RETURN: &str = "inventory.expect-return";
/// `ce_type`: cancel an expected return. The compensation of [`EXPECT_RETURN`].
pub const FORGET_RETURN: &str = "inventory.forget-return";
/// `ce_type`: put returned pieces back into the stock.
pub const RESTOCK: &str = "inventory.restock";
/// `ce_type`: the count of an item was set (`PUT /stock/{item}`).
pub const SET: &str = "stock.set";
/// `ce_type`: an operator counted, adjusted or received an item (HTTP API).
pub const CHANGE: &str = "stock.change";
/// `ce_type`: a shipment reached a stage of its delivery (HTTP API, or a carrier's webhook).
pub const SHIPMENT_EVENT: &str = "shipment.event";
/// `ce_type`: an operator resolved a lost or returned shipment (HTTP API).
pub const RESOLVE: &str = "shipment.resolve";
/// `ce_type`: the carrier answered a call.
pub const CARRIER_ANSWERED: &str = "shipment.carrier-answered";
/// `ce_type`: an operator inspected returned pieces (HTTP API).
pub const RETURN_RECEIVED: &str = "return.received";

/// `ce_type` on `stock-events`: fewer pieces are there than are reserved for orders.
pub const STOCK_SHORTFALL: &str = "stock.shortfall";
/// `ce_type` on `stock-events`: an item has become scarce.
pub const STOCK_LOW: &str = "stock.low";
/// `ce_type` on `goods-received`.
pub const GOODS_RECEIVED_EVENT: &str = schemas::GOODS_RECEIVED_TYPE;

// The longest values. The HTTP API refuses requests that would make longer ones.
common::bounded! {
    Reserve: COMMAND_BYTES,
    OrderCommand: COMMAND_BYTES,
    Ship: COMMAND_BYTES,
    ReturnCommand: COMMAND_BYTES,
    ForgetReturn: COMMAND_BYTES,
    SetStock: 4 * KIB,
    ChangeStock: 4 * KIB,
    ShipmentEvent: 4 * KIB,
    ResolveShipment: 4 * KIB,
    ReturnReceived: 4 * KIB,
    CarrierAnswered: 8 * KIB,
}

/// Value of `inventory.reserve`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reserve {
    pub order_id: OrderId,
    pub items: Vec<ItemQuantity>,
    /// ISO 4217, of the items' amounts.
    #[serde(default)]
    pub currency: Option<String>,
    /// The prices that the items must have; without one any are accepted.
    #[serde(default)]
    pub price_check: Option<PriceCheck>,
}

/// The prices that the items of an order must have to be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PriceCheck {
    /// Those of the warehouse's items.
    Catalogue,
}

/// A quantity of an item.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemQuantity {
    pub id: String,
    #[serde(default)]
    pub name: String,
    pub quantity: NonZeroU32,
    /// The unit price in the order, in minor units.
    #[serde(default)]
    pub amount_minor: Option<i64>,
}

/// Value of `inventory.release`, `inventory.confirm` and `inventory.cancel-shipment`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCommand {
    pub order_id: OrderId,
}

/// Value of `inventory.ship`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ship {
    pub order_id: OrderId,
    pub delivery: Delivery,
}

/// How and where an order is delivered.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub method: Method,
    #[serde(default)]
    pub address: Option<Address>,
}

/// How an order is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryMethod)]
pub enum Method {
    Standard,
    Express,
    /// The customer collects it: it has no carrier and needs no address.
    Pickup,
}

impl Method {
    /// Its name in messages.
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
pub struct ReturnCommand {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub items: Vec<ItemQuantity>,
}

/// Value of `inventory.forget-return`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForgetReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
}

/// Value of `stock.set`. Its `ce_id` identifies the request: the caller finds it in the stock when it was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetStock {
    pub warehouse: String,
    pub item_id: String,
    pub name: String,
    pub on_hand: u32,
    /// The unit price; without one it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<ItemPrice>,
}

/// Value of `stock.change`. Its `ce_id` identifies the change: a repeated request changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStock {
    pub warehouse: String,
    pub item_id: String,
    pub kind: ChangeKind,
    /// Of an adjustment the pieces added (or removed, if negative), of a receipt the pieces received, of a count the
    /// pieces counted.
    pub quantity: i64,
    pub by: String,
    pub why: String,
}

/// How a stock changes without an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Pieces were found, broken or lost.
    Adjustment,
    /// Pieces came from a supplier.
    Receipt,
    /// Pieces were counted.
    Count,
    /// An earlier release confirmed an order with more pieces than a count had left. Now that is refused.
    Shortfall,
}

/// Value of `shipment.event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentEvent {
    pub order_id: OrderId,
    pub status: Stage,
    /// When it happened; by default, and at the latest, the time at which the event is handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The carrier's id of the event; without one, that of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The parcel that it is about; without one, the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
}

/// Value of `shipment.resolve`. Its `ce_id` identifies the request: a repeated one changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveShipment {
    pub order_id: OrderId,
    pub action: ResolveAction,
    pub by: String,
    pub why: String,
}

/// How an operator resolves a shipment that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ResolveAction)]
pub enum ResolveAction {
    /// Send another parcel. Its pieces are taken from the stock if the first is lost.
    Resend,
    /// Send no other parcel: the customer was helped otherwise, such as by a refund.
    Close,
}

/// A stage of a shipment's delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ShipmentEventStatus)]
pub enum Stage {
    /// The carrier will collect it.
    PickupBooked,
    /// Its goods are picked.
    Picked,
    /// The carrier has it.
    HandedOver,
    InTransit,
    /// The customer has it.
    Delivered,
    /// It could not be delivered and is back at the warehouse.
    ReturnedToSender,
    /// The carrier has lost it.
    Lost,
}

/// Value of `return.received`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReturnReceived {
    pub return_id: Uuid,
    pub status: ReceiptStatus,
    pub by: String,
    pub why: String,
}

/// The result of inspecting returned pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReceiptStatus)]
pub enum ReceiptStatus {
    Received,
    Rejected,
}

/// Value of `goods.received`. Messages written by hand may have the first two fields only. Sagas read it by
/// [`schemas::GOODS_RECEIVED`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsReceived {
    pub return_id: Uuid,
    pub status: ReceiptStatus,
    pub by: String,
    pub why: String,
    pub at: Timestamp,
}

impl JsonSchema for GoodsReceived {
    fn schema_name() -> Cow<'static, str> {
        "GoodsReceived".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about = "Value of `goods.received`. Messages written by hand may have the first two fields only.";
        schemas::GOODS_RECEIVED.json_schema(about, schemas::GOODS_RECEIVED_FIELDS)
    }
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

/// Value of `stock.shortfall`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockShortfall {
    pub warehouse: String,
    pub item_id: String,
    pub name: String,
    /// The pieces in the warehouse, and those reserved for orders.
    pub on_hand: u64,
    pub reserved: u64,
    /// The order that could not be confirmed for want of pieces; without one, a change of the stock left too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    pub at: Timestamp,
}

/// Value of `shipment.carrier-answered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CarrierAnswered {
    pub order_id: String,
    pub outcome: CarrierOutcome,
    /// The number of the call of its kind that it answers: 1, 2, ...
    pub call: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Why the call failed or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The outcome of a call to a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CarrierOutcome {
    /// The carrier has accepted the parcel.
    Booked,
    /// The carrier refuses the parcel; a retry would not help.
    Refused,
    /// The booking call failed technically.
    Failed,
    /// The booking is void.
    Voided,
    /// The carrier refuses to void the booking; a retry would not help.
    NotVoided,
    /// The void call failed technically.
    VoidFailed,
}

/// Normalizes an item's id: a UUID becomes lower-case with hyphens, any other text is not changed.
pub fn item_id(text: &str) -> String {
    Uuid::parse_str(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
}
