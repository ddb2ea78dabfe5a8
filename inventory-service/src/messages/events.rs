//! The events of shipments for external systems, on the topic `shipment-events`.

use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Method;

/// A change of a shipment that external systems receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShipmentChange {
    /// The carrier has accepted it, or it can be collected on a day that is known.
    Created,
    /// The carrier will collect it from the warehouse.
    PickupBooked,
    Picked,
    HandedOver,
    InTransit,
    /// Its estimated date has passed.
    Late,
    /// The carrier has lost it.
    Lost,
    Delivered,
    /// It is back at the warehouse.
    ReturnedToSender,
    /// It was cancelled before it was handed over.
    Cancelled,
    /// The carrier has refused it.
    Refused,
}

impl ShipmentChange {
    /// Every change, in the order in which they happen.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::PickupBooked,
        Self::Picked,
        Self::HandedOver,
        Self::InTransit,
        Self::Late,
        Self::Lost,
        Self::Delivered,
        Self::ReturnedToSender,
        Self::Cancelled,
        Self::Refused,
    ];

    /// Its `ce_type`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Created => "shipment.created",
            Self::PickupBooked => "shipment.pickup-booked",
            Self::Picked => "shipment.picked",
            Self::HandedOver => "shipment.handed-over",
            Self::InTransit => "shipment.in-transit",
            Self::Late => "shipment.late",
            Self::Lost => "shipment.lost",
            Self::Delivered => "shipment.delivered",
            Self::ReturnedToSender => "shipment.returned-to-sender",
            Self::Cancelled => "shipment.cancelled",
            Self::Refused => "shipment.refused",
        }
    }
}

/// Value of every event on `shipment-events`: ids, days and codes, no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentChanged {
    pub order_id: String,
    pub shipment_id: Uuid,
    pub warehouse: String,
    /// When it changed; of a stage of the delivery, when it was reached.
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Missing if the customer collects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The day on which it should arrive, or can be collected: `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    /// The number of the parcel, from 2: another was lost or came back. Missing for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<u32>,
}
