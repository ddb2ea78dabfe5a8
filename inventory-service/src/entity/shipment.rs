//! The shipment of an order.

use common::ids;
use common::journal::Intent;
use common::messages::{Headers, header};
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::carrier::call::{CarrierCall, CarrierKind, Parcel};
use crate::entity::reservation::Line;
use crate::messages::{Address, Method, Stage};

/// A shipment. An order has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    pub order_id: String,
    pub warehouse: String,
    pub status: ShipmentStatus,
    pub items: Vec<Line>,
    /// `None` if the shipment was cancelled before it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// `None` if the customer collects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<CarrierKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The day on which it should arrive, or can be collected: `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    /// Why the carrier refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// How many booking calls were requested.
    #[serde(default)]
    pub calls: u32,
    /// How many void calls were requested.
    #[serde(default)]
    pub void_calls: u32,
    /// When the next void call is due; `None` if there is nothing to void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_due: Option<Timestamp>,
    /// The headers of the command that is replied to when the carrier has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Headers>,
    /// Oldest entry first.
    pub history: Vec<HistoryEntry>,
    pub created_at: Timestamp,
}

/// An entry of a shipment's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The status that the shipment entered, or that was reported too late to change it.
    pub status: ShipmentStatus,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The status of a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// A booking call to the carrier is due.
    Requested,
    /// The booking call failed; the next `inventory.ship` makes another.
    Failed,
    /// The carrier has accepted it: its label can be printed.
    Created,
    Picked,
    HandedOver,
    Delivered,
    Cancelled,
    /// The carrier has refused it.
    Refused,
}

impl ShipmentStatus {
    /// All statuses.
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

    /// Its name in the API and the view.
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

    /// Its position on the way to the customer; `None` if the shipment is not on its way.
    pub const fn progress(self) -> Option<u8> {
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

/// The prefix of every shipment's key.
pub const SHIPMENT_PREFIX: &str = "shipment/";

/// The entity key of an order's shipment.
pub fn shipment_key(order: &str) -> String {
    format!("{SHIPMENT_PREFIX}{}", shipment_id(order))
}

impl Shipment {
    /// A shipment that was not requested yet.
    pub(crate) fn new(order: &str, warehouse: &str, now: Timestamp) -> Self {
        Self {
            order_id: order.to_owned(),
            warehouse: warehouse.to_owned(),
            status: ShipmentStatus::Failed,
            items: Vec::new(),
            method: None,
            address: None,
            carrier: None,
            tracking_number: None,
            estimated_date: None,
            refusal: None,
            calls: 0,
            void_calls: 0,
            void_due: None,
            waiting: None,
            history: Vec::new(),
            created_at: now,
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        shipment_id(&self.order_id)
    }

    /// Returns true if a call to its carrier is due.
    pub fn is_open(&self) -> bool {
        self.status == ShipmentStatus::Requested || self.void_due.is_some()
    }

    /// The call to its carrier that is due.
    pub fn intent(&self) -> Option<Intent<CarrierCall>> {
        let order = &self.order_id;
        if let Some(due) = self.void_due {
            let call = self.void_calls;
            let what = CarrierCall::Void(self.parcel()?, call);
            return Some(Intent { id: format!("{order}/void/{call}"), due, what });
        }
        if self.status != ShipmentStatus::Requested {
            return None;
        }
        let what = CarrierCall::Book(self.parcel()?);
        Some(Intent { id: format!("{order}/book/{}", self.calls), due: self.created_at, what })
    }

    fn parcel(&self) -> Option<Parcel> {
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
    }

    fn trace(&self) -> Option<&str> {
        self.waiting.as_ref()?.get(header::TRACEPARENT)
    }

    /// Checks that this stage can be reported, or could have been before.
    ///
    /// # Errors
    /// Why it can't, as a clause.
    pub fn check_stage(&self, stage: Stage) -> Result<(), String> {
        match (self.status.progress(), stage) {
            (None, _) => Err(format!("the shipment is {}", self.status.name())),
            (Some(_), Stage::HandedOver) if self.carrier.is_none() => {
                Err("the customer collects the shipment, so it is not handed over to a carrier".to_owned())
            }
            (Some(_), _) => Ok(()),
        }
    }

    /// Returns true if this stage is in the history.
    pub fn is_recorded(&self, stage: Stage) -> bool {
        self.history.iter().any(|entry| entry.status == stage.into())
    }
}
