//! An order's shipment, from the carrier's yes to the customer's door. How it moves is in `moves`.
//!
//! ```text
//!             ship                 the carrier takes it       picked        handed_over          delivered
//!   (none) -----------> requested -----------------> created -----> picked -----------> handed_over -----> delivered
//!     |                  |  |  ^ |                     | |            |                      ^               ^
//!     | cancel           |  v  | +-> refused           | +------------|----------------------+---------------+
//!     |                  | failed: ship again          |              |       a stage may be told late, or not at all
//!     +------------------+--------> cancelled <--------+--------------+
//!                        a ship that comes after it is refused
//! ```
//! What a customer collects has no carrier: it is created at once, and cancelled until it is delivered.

pub mod calendar;
pub mod label;
pub mod moves;
pub mod tracking;

use common::ids;
use common::journal::Intent;
use common::messages::Headers;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::carrier::{CarrierCall, CarrierKind, Parcel};
use crate::messages::{Address, Method, Stage};
use crate::reservation::Line;

/// A shipment. An order has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    pub order_id: String,
    pub warehouse: String,
    pub status: ShipmentStatus,
    pub items: Vec<Line>,
    /// None of one that was called off before it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// None where the customer collects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<CarrierKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// When it should arrive, or can be collected: `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    /// Why the carrier does not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// How often the carrier was asked to take it, and to let it go.
    #[serde(default)]
    pub calls: u32,
    #[serde(default)]
    pub void_calls: u32,
    /// When to ask the carrier to let it go, as long as it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_due: Option<Timestamp>,
    /// The headers of the command that is to be answered when the carrier has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Headers>,
    /// What happened to it, oldest first.
    pub history: Vec<Happened>,
    pub created_at: Timestamp,
}

/// Something that happened to a shipment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// What it became; or what was told too late to change it.
    pub status: ShipmentStatus,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where a shipment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// The carrier is being asked.
    Requested,
    /// The carrier could not be asked; it is asked for again, or not.
    Failed,
    /// The carrier takes it: its label can be printed.
    Created,
    Picked,
    HandedOver,
    Delivered,
    Cancelled,
    /// The carrier does not take it.
    Refused,
}

impl ShipmentStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::Failed,
        Self::Created,
        Self::Picked,
        Self::HandedOver,
        Self::Delivered,
        Self::Cancelled,
        Self::Refused,
    ];

    /// As the API and the view call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Failed => "failed",
            Self::Created => "created",
            Self::Picked => "picked",
            Self::HandedOver => "handed_over",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// How far it is on its way; none where it is on none.
    pub const fn far(self) -> Option<u8> {
        match self {
            Self::Created => Some(0),
            Self::Picked => Some(1),
            Self::HandedOver => Some(2),
            Self::Delivered => Some(3),
            Self::Requested | Self::Failed | Self::Cancelled | Self::Refused => None,
        }
    }
}

impl From<Stage> for ShipmentStatus {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Picked => Self::Picked,
            Stage::HandedOver => Self::HandedOver,
            Stage::Delivered => Self::Delivered,
        }
    }
}

/// The id of an order's shipment.
pub fn shipment_id(order: &str) -> Uuid {
    ids::derive(&["shipment", order])
}

/// What every shipment's key begins with.
pub const PREFIX: &str = "shipment/";

/// The entity key of an order's shipment.
pub fn shipment_key(order: &str) -> String {
    format!("{PREFIX}{}", shipment_id(order))
}

impl Shipment {
    /// Its id.
    pub fn id(&self) -> Uuid {
        shipment_id(&self.order_id)
    }

    /// Whether its carrier is being asked.
    pub fn is_open(&self) -> bool {
        self.status == ShipmentStatus::Requested || self.void_due.is_some()
    }

    /// What it wants asked of its carrier.
    pub fn intent(&self) -> Option<Intent<CarrierCall>> {
        let parcel = || {
            Some(Parcel {
                shipment: self.id().to_string(),
                order: self.order_id.clone(),
                warehouse: self.warehouse.clone(),
                carrier: self.carrier?,
                method: self.method?,
                address: self.address.clone()?,
                number: self.tracking_number.clone()?,
                pieces: self.items.iter().map(|line| line.quantity).sum(),
                call: self.calls,
                trace: self.trace().map(str::to_owned),
            })
        };
        let (order, calls, void_calls) = (&self.order_id, self.calls, self.void_calls);
        if let Some(due) = self.void_due {
            let what = CarrierCall::Void(parcel()?, void_calls);
            return Some(Intent { id: format!("{order}/void/{void_calls}"), due, what });
        }
        let asks = self.status == ShipmentStatus::Requested;
        let what = CarrierCall::Book(parcel().filter(|_| asks)?);
        Some(Intent { id: format!("{order}/book/{calls}"), due: self.created_at, what })
    }

    fn trace(&self) -> Option<&str> {
        self.waiting.as_ref()?.get(common::messages::header::TRACEPARENT)
    }

    /// Whether this stage can be told of it, or was.
    ///
    /// # Errors
    /// Why not.
    pub fn takes(&self, stage: Stage) -> Result<(), String> {
        match (self.status.far(), stage) {
            (None, _) => Err(format!("the shipment is {}", self.status.name())),
            (Some(_), Stage::HandedOver) if self.carrier.is_none() => {
                Err("its customer collects it: no carrier takes it over".to_owned())
            }
            (Some(_), _) => Ok(()),
        }
    }

    /// Whether this stage was told of it.
    pub fn has_been(&self, stage: Stage) -> bool {
        self.history.iter().any(|event| event.status == stage.into())
    }
}
