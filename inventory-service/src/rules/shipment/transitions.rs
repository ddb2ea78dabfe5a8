//! The transitions of a shipment: its next status, what is recorded of it, and the reply.

use std::time::Duration;

use common::bounds::{ID_BYTES, TEXT_BYTES, shorten, shorten_any};
use common::messages::{Headers, Reply};
use common::time::Timestamp;
use serde_json::json;

use crate::entity::shipment::{FormerParcel, HistoryEntry, Shipment, ShipmentStatus, StageEffect, StageReport};
use crate::messages::{CarrierAnswered, CarrierOutcome, Stage};
use crate::rules::calendar::Shipping;

/// The longest history, as long as it has entries of failed calls to drop.
const HISTORY: usize = 32;
/// The pause between void calls doubles at most this many times.
const MOST_DOUBLINGS: u32 = 6;

impl Shipment {
    /// Adds an entry to the history. A full one drops its oldest entry of a failed call, else of a cancellation; stages
    /// of the delivery stay.
    pub(super) fn record(&mut self, entry: HistoryEntry) {
        if self.history.len() >= HISTORY {
            let is_call =
                |entry: &HistoryEntry| matches!(entry.status, ShipmentStatus::Requested | ShipmentStatus::Failed);
            let is_cancellation = |entry: &HistoryEntry| entry.status == ShipmentStatus::Cancelled;
            let oldest = self.history.iter().position(is_call);
            if let Some(oldest) = oldest.or_else(|| self.history.iter().position(is_cancellation)) {
                self.history.remove(oldest);
            }
        }
        self.history.push(entry);
    }

    pub(super) fn enter(&mut self, status: ShipmentStatus, now: Timestamp, note: Option<&str>) {
        self.status = status;
        self.record(HistoryEntry { status, at: now, note: note.map(str::to_owned), event: None });
        if !status.is_underway() {
            self.stop_waiting();
        }
    }

    /// Nothing more is due: it is not on its way any more.
    fn stop_waiting(&mut self) {
        self.late_due = None;
        self.simulated = None;
    }

    /// Handles the report of a stage.
    pub(super) fn track(&mut self, report: StageReport<'_>, at: Timestamp, note: Option<String>) {
        let effect = match self.effect_of(report) {
            Err(_) | Ok(StageEffect::IsKnown) => return,
            Ok(effect) => effect,
        };
        let status = ShipmentStatus::from(report.stage);
        let entry = HistoryEntry { status, at, note, event: Some(report.event.to_owned()) };
        let is_of = |former: &&mut FormerParcel| report.tracking_number == former.tracking_number.as_deref();
        if report.tracking_number.is_some()
            && report.tracking_number != self.tracking_number.as_deref()
            && let Some(former) = self.parcels.iter_mut().find(is_of)
        {
            // Each stage once, so it is bounded.
            former.history.push(entry);
            return;
        }
        self.record(entry);
        if effect == StageEffect::IsRecorded {
            return;
        }
        self.status = status;
        if report.stage == Stage::Delivered {
            self.delivered_at = Some(at.max(self.created_at));
        }
        if !status.is_underway() {
            self.stop_waiting();
        }
    }

    /// Requests a booking call; its answer is the reply to `command`.
    pub(super) fn request(&mut self, command: &Headers, now: Timestamp) {
        self.calls = self.calls.saturating_add(1);
        self.waiting = Some(command.clone());
        self.enter(ShipmentStatus::Requested, now, None);
    }

    pub(super) fn create(&mut self, shipping: &Shipping, now: Timestamp) {
        let country = self.address.as_ref().map(|address| address.country.as_str());
        let date = self.method.map(|method| shipping.estimated_date(method, country, now));
        self.estimated_date = date.map(|date| date.to_string());
        self.enter(ShipmentStatus::Created, now, None);
        if let Some(date) = date.filter(|_| self.carrier.is_some()) {
            self.expect_on(date, shipping, now);
        }
    }

    /// Handles a repeated `inventory.ship`. `None`: the reply is sent when the carrier has answered.
    pub(super) fn ship_again(&mut self, command: &Headers, now: Timestamp) -> Option<Reply> {
        if !self.parcels.is_empty() {
            // Its saga has ended; another parcel is no attempt of it.
            return Some(self.created_reply());
        }
        match self.status {
            ShipmentStatus::Requested => {
                self.waiting = Some(command.clone());
                None
            }
            ShipmentStatus::Failed => {
                self.request(command, now);
                None
            }
            ShipmentStatus::Created
            | ShipmentStatus::PickupBooked
            | ShipmentStatus::Picked
            | ShipmentStatus::HandedOver
            | ShipmentStatus::InTransit
            | ShipmentStatus::Delivered
            | ShipmentStatus::ReturnedToSender
            | ShipmentStatus::Lost => Some(self.created_reply()),
            ShipmentStatus::Cancelled if self.method.is_none() => {
                Some(Reply::refused("cancelled_before_created", "the shipment was cancelled before it was requested"))
            }
            ShipmentStatus::Cancelled => Some(Reply::refused("already_cancelled", "the shipment was cancelled")),
            ShipmentStatus::Refused => Some(self.refused_reply()),
        }
    }

    /// The reply to `inventory.ship` for a shipment that was created.
    pub(super) fn created_reply(&self) -> Reply {
        let (number, estimated_date) = match self.parcels.first() {
            Some(first) => (&first.tracking_number, &first.estimated_date),
            None => (&self.tracking_number, &self.estimated_date),
        };
        let mut data = json!({
            "shipmentId": self.id(),
            "method": self.method,
            "estimatedDate": estimated_date,
            "tracked": true,
        });
        if let (Some(carrier), Some(number)) = (self.carrier, number) {
            data["carrier"] = carrier.name().into();
            data["trackingNumber"] = number.as_str().into();
        }
        Reply::ok(data)
    }

    fn refused_reply(&self) -> Reply {
        Reply::refused("carrier_refused", self.refusal.clone().unwrap_or_default())
    }

    pub(super) fn cancel(&mut self, now: Timestamp) -> Reply {
        match self.status {
            ShipmentStatus::Cancelled | ShipmentStatus::Refused => return Reply::done(),
            ShipmentStatus::HandedOver
            | ShipmentStatus::InTransit
            | ShipmentStatus::Delivered
            | ShipmentStatus::ReturnedToSender
            | ShipmentStatus::Lost => {
                let detail = format!("the shipment is {} and can't be cancelled", self.status.name());
                return Reply::refused("already_handed_over", detail);
            }
            ShipmentStatus::Requested
            | ShipmentStatus::Failed
            | ShipmentStatus::Created
            | ShipmentStatus::PickupBooked
            | ShipmentStatus::Picked => {}
        }
        // Also if the booking call failed or is under way: the carrier may have booked the parcel.
        if self.carrier.is_some() {
            self.request_void(now);
        }
        self.waiting = None;
        self.enter(ShipmentStatus::Cancelled, now, None);
        Reply::done()
    }

    fn request_void(&mut self, due: Timestamp) {
        self.void_calls = self.void_calls.saturating_add(1);
        self.void_due = Some(due);
    }

    /// Handles the carrier's answer; returns the reply to the waiting command. Answers to earlier calls change nothing.
    pub(super) fn carrier_answered(
        &mut self,
        mut answer: CarrierAnswered,
        shipping: &Shipping,
        now: Timestamp,
    ) -> Option<Reply> {
        shorten_any(&mut answer.tracking_number, ID_BYTES);
        let mut error = answer.error.unwrap_or_else(|| "the carrier gave no reason".to_owned());
        shorten(&mut error, TEXT_BYTES);
        let is_awaited = self.status == ShipmentStatus::Requested && answer.call == self.calls;
        let is_void_awaited = self.void_due.is_some() && answer.call == self.void_calls;
        match answer.outcome {
            CarrierOutcome::Booked if is_awaited => {
                if answer.tracking_number.is_some() {
                    self.tracking_number = answer.tracking_number;
                }
                self.create(shipping, now);
                Some(self.created_reply())
            }
            CarrierOutcome::Booked => {
                // It was cancelled in the meantime, and the carrier may have voided it before it booked it.
                if self.status == ShipmentStatus::Cancelled && self.void_due.is_none() {
                    self.request_void(now);
                }
                None
            }
            CarrierOutcome::Refused if is_awaited => {
                self.enter(ShipmentStatus::Refused, now, Some(&error));
                self.refusal = Some(error);
                Some(self.refused_reply())
            }
            CarrierOutcome::Failed if is_awaited => {
                self.enter(ShipmentStatus::Failed, now, Some(&error));
                Some(Reply::failed(error, None))
            }
            CarrierOutcome::Refused | CarrierOutcome::Failed => None,
            CarrierOutcome::Voided | CarrierOutcome::NotVoided | CarrierOutcome::VoidFailed if !is_void_awaited => None,
            CarrierOutcome::Voided => {
                self.void_due = None;
                None
            }
            CarrierOutcome::NotVoided => {
                self.void_due = None;
                let note = Some(format!("the carrier does not void it: {error}"));
                self.record(HistoryEntry { status: ShipmentStatus::Cancelled, at: now, note, event: None });
                None
            }
            CarrierOutcome::VoidFailed => {
                self.request_void(now.plus(Duration::from_secs(1 << self.void_calls.min(MOST_DOUBLINGS))));
                None
            }
        }
    }
}
