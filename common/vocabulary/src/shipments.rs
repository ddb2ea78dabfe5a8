//! The delivery of an order, as inventory-service reports it to order-service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds::KIB;
use crate::ids::OrderId;
use crate::time::Timestamp;

/// `ce_type` of [`ShipmentProgress`].
pub const PROGRESS: &str = "shipment.progress";

/// Where a shipment is, for its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// At the warehouse.
    Preparing,
    /// The carrier has it.
    HandedOver,
    /// On its way.
    InTransit,
    /// The customer has it.
    Delivered,
    /// It could not be delivered and is back at the warehouse.
    ReturnedToSender,
    /// The carrier has lost it.
    Lost,
}

impl DeliveryStatus {
    /// All statuses.
    pub const ALL: [Self; 6] =
        [Self::Preparing, Self::HandedOver, Self::InTransit, Self::Delivered, Self::ReturnedToSender, Self::Lost];

    /// Returns true until it has arrived, is back, or is lost.
    pub const fn is_underway(self) -> bool {
        match self {
            Self::Preparing | Self::HandedOver | Self::InTransit => true,
            Self::Delivered | Self::ReturnedToSender | Self::Lost => false,
        }
    }

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::HandedOver => "handed_over",
            Self::InTransit => "in_transit",
            Self::Delivered => "delivered",
            Self::ReturnedToSender => "returned_to_sender",
            Self::Lost => "lost",
        }
    }
}

/// `shipment.progress`: the delivery of an order has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentProgress {
    /// The order.
    pub order_id: OrderId,
    /// The number of the report: a later one is larger.
    pub number: u32,
    /// Where the shipment is.
    pub status: DeliveryStatus,
    /// When it changed.
    pub at: Timestamp,
    /// The number of its parcel; missing if the customer collects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The day on which it should arrive, or can be collected: `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    /// When it was delivered, or collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Whether the estimated date passed without a delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

crate::bounded! { ShipmentProgress: 4 * KIB }
