//! The status of a shipment, and how far it is on its way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::messages::Stage;

/// The status of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// A booking call to the carrier is due.
    Requested,
    /// The booking call failed; the next `inventory.ship` makes another.
    Failed,
    /// The carrier has accepted it: its label can be printed.
    Created,
    /// The carrier will collect it from the warehouse.
    PickupBooked,
    /// Its goods are picked.
    Picked,
    /// The carrier has it.
    HandedOver,
    InTransit,
    Delivered,
    /// It could not be delivered and is back at the warehouse.
    ReturnedToSender,
    /// The carrier has lost it.
    Lost,
    Cancelled,
    /// The carrier has refused it.
    Refused,
}

impl ShipmentStatus {
    /// All statuses.
    pub const ALL: [Self; 12] = [
        Self::Requested,
        Self::Failed,
        Self::Created,
        Self::PickupBooked,
        Self::Picked,
        Self::HandedOver,
        Self::InTransit,
        Self::Delivered,
        Self::ReturnedToSender,
        Self::Lost,
        Self::Cancelled,
        Self::Refused,
    ];

    /// Its name in the API and the view.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Failed => "failed",
            Self::Created => "created",
            Self::PickupBooked => "pickup_booked",
            Self::Picked => "picked",
            Self::HandedOver => "handed_over",
            Self::InTransit => "in_transit",
            Self::Delivered => "delivered",
            Self::ReturnedToSender => "returned_to_sender",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// Its position on the way to the customer; `None` if the shipment is not on its way. A lost shipment may be found
    /// and then delivered or returned; these two exclude each other.
    pub const fn progress(self) -> Option<u8> {
        match self {
            Self::Created => Some(0),
            Self::PickupBooked => Some(1),
            Self::Picked => Some(2),
            Self::HandedOver => Some(3),
            Self::InTransit => Some(4),
            Self::Lost => Some(5),
            Self::Delivered | Self::ReturnedToSender => Some(6),
            Self::Requested | Self::Failed | Self::Cancelled | Self::Refused => None,
        }
    }

    /// Returns true while it is on its way to the customer.
    pub const fn is_underway(self) -> bool {
        match self {
            Self::Created | Self::PickupBooked | Self::Picked | Self::HandedOver | Self::InTransit => true,
            Self::Requested
            | Self::Failed
            | Self::Delivered
            | Self::ReturnedToSender
            | Self::Lost
            | Self::Cancelled
            | Self::Refused => false,
        }
    }
}

impl From<Stage> for ShipmentStatus {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::PickupBooked => Self::PickupBooked,
            Stage::Picked => Self::Picked,
            Stage::HandedOver => Self::HandedOver,
            Stage::InTransit => Self::InTransit,
            Stage::Delivered => Self::Delivered,
            Stage::ReturnedToSender => Self::ReturnedToSender,
            Stage::Lost => Self::Lost,
        }
    }
}
