//! How a shipment moves: what the saga asks, what the carrier answers, what happens to the parcel.

use std::time::Duration;

use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::time::Timestamp;
use serde_json::json;

use super::calendar::Shipping;
use super::{Happened, Shipment, ShipmentStatus, shipment_key, tracking};
use crate::carrier::answers::{CarrierAnswered, Outcome};
use crate::messages::{Delivery, Method, ShipmentEvent};
use crate::reservation::Status;
use crate::stock::{Decision, Inventory};

/// The most that a history keeps, with the calls that led nowhere.
const HISTORY: usize = 32;
/// After so many doublings the pause between calls grows no more.
const LONGEST_PAUSE: u32 = 6;
/// Counts the tracking numbers of a partition.
const NUMBERS: &str = "numbers";

/// Asks the carrier to take what is reserved for an order. Answered when the carrier has; none means: later.
pub(crate) fn ship(
    desk: &mut Decision<'_, '_>,
    (order, warehouse): (&str, &str),
    delivery: Delivery,
    command: &Message,
) -> Option<Reply> {
    let key = shipment_key(order);
    if let Some(Inventory::Shipment(mut known)) = desk.tx.take(&key) {
        let answer = known.asked_again(command, desk.now);
        desk.tx.put(key, Inventory::Shipment(known));
        return answer;
    }
    let items = match desk.reservation(order).map(|held| (held.status, held.items.clone())) {
        Some((Status::Reserved | Status::Confirmed, items)) => items,
        Some((Status::Released | Status::Refused | Status::Expired, _)) | None => {
            return Some(Reply::refused(
                "not_confirmed",
                "nothing is reserved for this order, so there is nothing to ship",
            ));
        }
    };
    let carried = delivery.method != Method::Pickup;
    if carried && delivery.address.is_none() {
        return Some(Reply::refused("address_missing", format!("{} needs an address", delivery.method.name())));
    }
    let mut new = Shipment::of(order, warehouse, desk.now);
    (new.items, new.method, new.address) = (items, Some(delivery.method), delivery.address);
    let answer = if carried {
        new.carrier = Some(desk.rules.shipping.carrier);
        new.tracking_number = Some(next_number(desk, delivery.method));
        new.request(command, desk.now);
        None
    } else {
        new.created(&desk.rules.shipping, desk.now);
        Some(new.answer())
    };
    desk.tx.put(key, Inventory::Shipment(Box::new(new)));
    answer
}

/// The next tracking number. Each partition has numbers of its own.
fn next_number(desk: &mut Decision<'_, '_>, method: Method) -> String {
    let given = if let Some(Inventory::Numbers(given)) = desk.tx.get(NUMBERS) { *given } else { 0 };
    desk.tx.put(NUMBERS, Inventory::Numbers(given.saturating_add(1)));
    let whole = |n: i32| u64::try_from(n).unwrap_or(0);
    let serial = given.saturating_mul(whole(desk.tx.partitions())).saturating_add(whole(desk.tx.partition()));
    let shipping = &desk.rules.shipping;
    tracking::number(method, shipping.serial_from.saturating_add(serial), &shipping.origin)
}

/// Calls a shipment off. One never heard of is recorded: it is refused later.
pub(crate) fn cancel(desk: &mut Decision<'_, '_>, order: &str, warehouse: &str) -> Reply {
    let key = shipment_key(order);
    let Some(Inventory::Shipment(mut known)) = desk.tx.take(&key) else {
        let mut early = Shipment::of(order, warehouse, desk.now);
        early.becomes(ShipmentStatus::Cancelled, desk.now, Some("called off before it was asked for"));
        desk.tx.put(key, Inventory::Shipment(Box::new(early)));
        return Reply::done();
    };
    let answer = known.cancelled(desk.now);
    desk.tx.put(key, Inventory::Shipment(known));
    answer
}

/// The carrier answered.
///
/// # Errors
/// For an answer that is none.
pub(crate) fn answered(desk: &mut Decision<'_, '_>, message: &Message) -> Result<(), Unreadable> {
    let said: CarrierAnswered = message.json()?;
    let key = shipment_key(&said.order_id);
    let Some(Inventory::Shipment(mut known)) = desk.tx.take(&key) else { return Ok(()) };
    let answer = known.carrier_said(said, desk.rules, desk.now);
    let waiting = if answer.is_some() { known.waiting.take() } else { None };
    if let (Some(answer), Some(headers)) = (answer, waiting) {
        desk.tx.send(Outgoing::reply(&headers, &known.order_id, desk.now, &answer));
    }
    desk.tx.put(key, Inventory::Shipment(known));
    Ok(())
}

/// Something happened to the parcel. What is told twice changes nothing, what is told late is noted, and what can't be
/// is left out: whoever told it sees that.
pub(crate) fn happened(desk: &mut Decision<'_, '_>, event: ShipmentEvent) {
    let now = desk.now;
    let key = shipment_key(&event.order_id.to_string());
    if let Some(Inventory::Shipment(shipment)) = desk.tx.update(&key)
        && shipment.takes(event.status).is_ok()
        && !shipment.has_been(event.status)
    {
        let status = ShipmentStatus::from(event.status);
        let (at, note) = (event.at.unwrap_or(now), event.note);
        if shipment.status.far() < status.far() {
            shipment.status = status;
        }
        shipment.note(Happened { status, at, note });
    }
}

impl Shipment {
    /// One of which nothing is known yet.
    fn of(order: &str, warehouse: &str, now: Timestamp) -> Self {
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

    fn note(&mut self, event: Happened) {
        if self.history.len() >= HISTORY {
            // What happened to the parcel stays; that the carrier was asked in vain, once more, need not.
            let in_vain = |event: &Happened| matches!(event.status, ShipmentStatus::Requested | ShipmentStatus::Failed);
            if let Some(oldest) = self.history.iter().position(in_vain) {
                self.history.remove(oldest);
            }
        }
        self.history.push(event);
    }

    fn becomes(&mut self, status: ShipmentStatus, now: Timestamp, note: Option<&str>) {
        self.status = status;
        self.note(Happened { status, at: now, note: note.map(str::to_owned) });
    }

    fn request(&mut self, command: &Message, now: Timestamp) {
        self.calls = self.calls.saturating_add(1);
        self.waiting = Some(command.reply_headers());
        self.becomes(ShipmentStatus::Requested, now, None);
    }

    fn created(&mut self, shipping: &Shipping, now: Timestamp) {
        let country = self.address.as_ref().map(|address| address.country.as_str());
        let date = self.method.map(|method| shipping.arrives(method, country, now));
        self.estimated_date = date.map(|date| date.to_string());
        self.becomes(ShipmentStatus::Created, now, None);
    }

    fn asked_again(&mut self, command: &Message, now: Timestamp) -> Option<Reply> {
        match self.status {
            ShipmentStatus::Requested => {
                self.waiting = Some(command.reply_headers());
                None
            }
            ShipmentStatus::Failed => {
                self.request(command, now);
                None
            }
            ShipmentStatus::Created
            | ShipmentStatus::Picked
            | ShipmentStatus::HandedOver
            | ShipmentStatus::Delivered => Some(self.answer()),
            ShipmentStatus::Cancelled if self.method.is_none() => {
                Some(Reply::refused("cancelled_before_created", "the shipment was called off before it was asked for"))
            }
            ShipmentStatus::Cancelled => Some(Reply::refused("already_cancelled", "the shipment was called off")),
            ShipmentStatus::Refused => Some(self.refused()),
        }
    }

    /// What the saga is told of a shipment that there is.
    fn answer(&self) -> Reply {
        let mut data = json!({
            "shipmentId": self.id(),
            "method": self.method,
            "estimatedDate": self.estimated_date,
        });
        if let (Some(carrier), Some(number)) = (self.carrier, &self.tracking_number) {
            data["carrier"] = carrier.name().into();
            data["trackingNumber"] = number.as_str().into();
        }
        Reply::ok(data)
    }

    fn refused(&self) -> Reply {
        Reply::refused("carrier_refused", self.refusal.clone().unwrap_or_default())
    }

    fn cancelled(&mut self, now: Timestamp) -> Reply {
        match self.status {
            ShipmentStatus::Cancelled | ShipmentStatus::Refused => return Reply::done(),
            ShipmentStatus::HandedOver | ShipmentStatus::Delivered => {
                let why = format!("the shipment is {} and can't be called off", self.status.name());
                return Reply::refused("already_handed_over", why);
            }
            ShipmentStatus::Requested | ShipmentStatus::Failed | ShipmentStatus::Created | ShipmentStatus::Picked => {}
        }
        // Also one whose booking failed, or is on its way: the carrier may have it.
        if self.carrier.is_some() {
            self.void(now);
        }
        self.waiting = None;
        self.becomes(ShipmentStatus::Cancelled, now, None);
        Reply::done()
    }

    fn void(&mut self, due: Timestamp) {
        self.void_calls = self.void_calls.saturating_add(1);
        self.void_due = Some(due);
    }

    fn carrier_said(&mut self, said: CarrierAnswered, rules: &crate::stock::Rules, now: Timestamp) -> Option<Reply> {
        let error = said.error.unwrap_or_else(|| "the carrier gave no reason".to_owned());
        let asked = self.status == ShipmentStatus::Requested && said.call == self.calls;
        match said.outcome {
            Outcome::Booked if asked => {
                if said.tracking_number.is_some() {
                    self.tracking_number = said.tracking_number;
                }
                self.created(&rules.shipping, now);
                Some(self.answer())
            }
            Outcome::Booked => {
                // It was called off meanwhile, and the carrier may have let it go before it took it.
                if self.status == ShipmentStatus::Cancelled && self.void_due.is_none() {
                    self.void(now);
                }
                None
            }
            Outcome::Refused if asked => {
                self.becomes(ShipmentStatus::Refused, now, Some(&error));
                self.refusal = Some(error);
                Some(self.refused())
            }
            Outcome::Failed if asked => {
                self.becomes(ShipmentStatus::Failed, now, Some(&error));
                Some(Reply::failed(error, None))
            }
            Outcome::Refused | Outcome::Failed => None,
            Outcome::Voided | Outcome::NotVoided | Outcome::VoidFailed
                if self.void_due.is_none() || said.call != self.void_calls =>
            {
                None
            }
            Outcome::Voided => {
                self.void_due = None;
                None
            }
            Outcome::NotVoided => {
                self.void_due = None;
                let note = Some(format!("the carrier does not let it go: {error}"));
                self.note(Happened { status: ShipmentStatus::Cancelled, at: now, note });
                None
            }
            Outcome::VoidFailed => {
                self.void(now.plus(Duration::from_secs(1 << self.void_calls.min(LONGEST_PAUSE))));
                None
            }
        }
    }
}
