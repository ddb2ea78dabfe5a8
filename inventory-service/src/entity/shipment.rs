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
    /// When it was delivered, or collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// When it is late, unless it arrives before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_due: Option<Timestamp>,
    /// Since when it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_since: Option<Timestamp>,
    /// The next event of the simulated carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<SimulatedStage>,
    /// How many reports were sent to the order.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reports: u32,
    /// Oldest entry first.
    pub history: Vec<HistoryEntry>,
    pub created_at: Timestamp,
}

/// An event that the simulated carrier will report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SimulatedStage {
    pub stage: Stage,
    pub due: Timestamp,
    /// The milliseconds from the booking to the estimated date, at normal speed.
    pub span_ms: u64,
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
    /// The id of the carrier's event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// The report of a stage.
#[derive(Clone, Copy, Debug)]
pub struct StageReport<'r> {
    pub stage: Stage,
    /// The id of the event: a repeated one changes nothing.
    pub event: &'r str,
    /// The tracking number that it names.
    pub tracking_number: Option<&'r str>,
}

/// What the report of a stage changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageEffect {
    /// The shipment enters the stage.
    Enters,
    /// It is late, or contradicts an earlier one: it is added to the history.
    IsRecorded,
    /// Nothing: the event or its stage is known.
    IsKnown,
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
            delivered_at: None,
            late_due: None,
            late_since: None,
            simulated: None,
            reports: 0,
            history: Vec::new(),
            created_at: now,
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        shipment_id(&self.order_id)
    }

    /// Returns true if a call to its carrier is due, or time alone changes it.
    pub fn is_open(&self) -> bool {
        self.status == ShipmentStatus::Requested || self.void_due.is_some() || self.wake_at().is_some()
    }

    /// When it is late, or the simulated carrier reports its next event, whichever is first.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let simulated = self.simulated.map(|next| next.due);
        self.late_due.into_iter().chain(simulated).min()
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

    /// What the report of a stage changes.
    ///
    /// # Errors
    /// Why the stage is not possible, as a clause.
    pub fn effect_of(&self, report: StageReport<'_>) -> Result<StageEffect, String> {
        let StageReport { stage, event, tracking_number } = report;
        if let Some(number) = tracking_number
            && self.tracking_number.as_deref() != Some(number)
        {
            return Err(format!("the shipment does not have the tracking number {number}"));
        }
        if self.knows_event(event) {
            return Ok(StageEffect::IsKnown);
        }
        let Some(progress) = self.status.progress() else {
            return Err(format!("the shipment is {}", self.status.name()));
        };
        if self.carrier.is_none() && !matches!(stage, Stage::Picked | Stage::Delivered) {
            return Err("the customer collects the shipment: it has no carrier".to_owned());
        }
        let status = ShipmentStatus::from(stage);
        if self.history.iter().any(|entry| entry.status == status) {
            return Ok(StageEffect::IsKnown);
        }
        let is_ahead = status.progress().is_some_and(|stage| stage > progress);
        Ok(if is_ahead { StageEffect::Enters } else { StageEffect::IsRecorded })
    }

    fn knows_event(&self, event: &str) -> bool {
        self.history.iter().any(|entry| entry.event.as_deref() == Some(event))
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
