//! The shipment of an order.

pub mod case;
pub mod status;

use common::ids;
use common::journal::Intent;
use common::messages::{Headers, header};
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::carrier::call::{CarrierCall, CarrierKind, Parcel};
use crate::entity::reservation::Line;
use crate::messages::{Address, Method, ResolveAction, Stage};

pub use self::case::Case;
pub use self::status::ShipmentStatus;

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
    /// The parcels that did not arrive, oldest first, if another was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<FormerParcel>,
    /// Operators' decisions about parcels that did not arrive, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<Resolution>,
    /// The case in which a person decides about a parcel that did not arrive, until its saga has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Case>,
    /// How many cases it has had.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cases: u32,
    /// How many reports were sent to the order.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reports: u32,
    /// Oldest entry first.
    pub history: Vec<HistoryEntry>,
    pub created_at: Timestamp,
}

/// A parcel that did not arrive, and in place of which another was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerParcel {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    pub status: ShipmentStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_since: Option<Timestamp>,
    pub history: Vec<HistoryEntry>,
}

/// An operator's decision about a parcel that did not arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// The id of the request.
    pub id: String,
    pub action: ResolveAction,
    pub by: String,
    pub why: String,
    pub at: Timestamp,
    /// Why it was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether the pieces of the other parcel were taken from the stock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_stock: bool,
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

/// The most parcels that are sent in place of others.
pub const MOST_FORMER_PARCELS: usize = 4;

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
            parcels: Vec::new(),
            resolutions: Vec::new(),
            case: None,
            cases: 0,
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
        // Each parcel has an idempotency key of its own.
        let id = match self.parcels.len() {
            0 => self.id(),
            before => ids::derive(&["parcel", &self.order_id, &before.to_string()]),
        };
        Some(Parcel {
            shipment: id.to_string(),
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

    /// The `traceparent` of the command that waits for an answer.
    pub fn trace(&self) -> Option<&str> {
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
            let former = self.parcels.iter().find(|parcel| parcel.tracking_number.as_deref() == Some(number));
            let Some(former) = former else {
                return Err(format!("the shipment does not have the tracking number {number}"));
            };
            let is_known = self.knows_event(event) || former.has_entered(stage.into());
            return Ok(if is_known { StageEffect::IsKnown } else { StageEffect::IsRecorded });
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
        let former = self.parcels.iter().flat_map(|parcel| &parcel.history);
        self.history.iter().chain(former).any(|entry| entry.event.as_deref() == Some(event))
    }

    /// Returns true if it did not arrive, and an operator must decide about it.
    pub fn is_to_be_resolved(&self) -> bool {
        let has_failed = match self.status {
            ShipmentStatus::Lost | ShipmentStatus::ReturnedToSender => true,
            ShipmentStatus::Failed | ShipmentStatus::Refused => !self.parcels.is_empty(),
            ShipmentStatus::Requested
            | ShipmentStatus::Created
            | ShipmentStatus::PickupBooked
            | ShipmentStatus::Picked
            | ShipmentStatus::HandedOver
            | ShipmentStatus::InTransit
            | ShipmentStatus::Delivered
            | ShipmentStatus::Cancelled => false,
        };
        has_failed && !self.is_closed()
    }

    /// Returns true if an operator decided to send no other parcel.
    fn is_closed(&self) -> bool {
        let is_closing = |made: &Resolution| made.action == ResolveAction::Close && made.refused.is_none();
        self.resolutions.iter().any(is_closing)
    }

    /// The id of its case with this number, which is that of its saga.
    pub fn case_id(&self, number: u32) -> Uuid {
        ids::derive(&["case", &self.id().to_string(), &number.to_string()])
    }

    /// The id of its open case.
    pub fn open_case(&self) -> Option<Uuid> {
        self.case.map(|case| self.case_id(case.number))
    }

    /// The decision that the saga of a case made.
    pub(crate) fn decision_of(&mut self, case: Uuid) -> Option<&mut Resolution> {
        let id = case.to_string();
        self.resolutions.iter_mut().find(|made| made.id == id)
    }

    /// Why the decision about the last case was not carried out.
    pub(crate) fn last_refusal(&self) -> Option<&str> {
        let id = self.case_id(self.cases).to_string();
        self.resolutions.iter().find(|made| made.id == id)?.refused.as_deref()
    }

    /// Checks that an operator can decide this about it; the stock is not considered.
    ///
    /// # Errors
    /// Why not, as a clause.
    pub fn check_resolve(&self, action: ResolveAction) -> Result<(), String> {
        if self.is_closed() {
            return Err("an operator has closed it".to_owned());
        }
        if !self.is_to_be_resolved() {
            return Err(format!("the shipment is {}", self.status.name()));
        }
        if action == ResolveAction::Resend && self.parcels.len() >= MOST_FORMER_PARCELS {
            return Err(format!("{MOST_FORMER_PARCELS} other parcels were sent"));
        }
        Ok(())
    }
}

impl FormerParcel {
    fn has_entered(&self, status: ShipmentStatus) -> bool {
        self.history.iter().any(|entry| entry.status == status)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
