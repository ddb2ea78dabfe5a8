//! Events for external systems: the changes of a decision, as the difference between two states of a shipment. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;

use super::context::RuleContext;
use crate::entity::shipment::HistoryEntry;
use crate::entity::{Inventory, Shipment, ShipmentStatus, shipment_key};
use crate::messages::events::{ShipmentChange, ShipmentChanged};

/// Runs a rule of an order's shipment, and sends the events of its changes. They continue the trace of its cause.
pub(crate) fn publishing<T>(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    trace: Option<&str>,
    rule: impl FnOnce(&mut RuleContext<'_, '_>) -> T,
) -> T {
    if !ctx.rules.events {
        return rule(ctx);
    }
    let key = shipment_key(order);
    let before = Milestones::of(ctx.tx.get(&key).and_then(Inventory::shipment));
    let result = rule(ctx);
    if let Some(after) = ctx.tx.get(&key).and_then(Inventory::shipment) {
        let changes = before.changes(after, ctx.now);
        changes.into_iter().for_each(|event| ctx.tx.send(event.caused_by(trace)));
    }
    result
}

/// A parcel of a shipment.
struct Parcel<'s> {
    /// From 1.
    number: usize,
    status: ShipmentStatus,
    history: &'s [HistoryEntry],
    late_since: Option<Timestamp>,
    tracking_number: Option<&'s String>,
    estimated_date: Option<&'s String>,
}

/// The parcels of a shipment, oldest first. One that was cancelled before it was requested never existed.
fn parcels(shipment: &Shipment) -> Vec<Parcel<'_>> {
    if shipment.method.is_none() {
        return Vec::new();
    }
    let former = (1..).zip(&shipment.parcels).map(|(number, parcel)| Parcel {
        number,
        status: parcel.status,
        history: &parcel.history,
        late_since: parcel.late_since,
        tracking_number: parcel.tracking_number.as_ref(),
        estimated_date: parcel.estimated_date.as_ref(),
    });
    let current = Parcel {
        number: shipment.parcels.len().saturating_add(1),
        status: shipment.status,
        history: &shipment.history,
        late_since: shipment.late_since,
        tracking_number: shipment.tracking_number.as_ref(),
        estimated_date: shipment.estimated_date.as_ref(),
    };
    former.chain([current]).collect()
}

/// The changes that have happened to the parcels of a shipment.
struct Milestones(Vec<(usize, ShipmentChange)>);

impl Milestones {
    /// Those of a shipment; of none before its first command.
    fn of(shipment: Option<&Shipment>) -> Self {
        let of_parcel = |parcel: Parcel<'_>| {
            let happened = |change: &ShipmentChange| has_happened(*change, &parcel);
            let all = ShipmentChange::ALL.into_iter().filter(happened).map(|change| (parcel.number, change));
            all.collect::<Vec<_>>()
        };
        Self(shipment.map(parcels).into_iter().flatten().flat_map(of_parcel).collect())
    }

    /// The events of the changes since then, in order.
    fn changes(&self, shipment: &Shipment, now: Timestamp) -> Vec<Outgoing> {
        let mut all = Vec::new();
        for parcel in parcels(shipment) {
            let is_new =
                |change: &ShipmentChange| !self.0.contains(&(parcel.number, *change)) && has_happened(*change, &parcel);
            let new = ShipmentChange::ALL.into_iter().filter(is_new);
            all.extend(new.map(|change| message(change, shipment, &parcel, now)));
        }
        all
    }
}

/// The status with which a change happens; `None` of a delay, which is no status.
const fn status_of(change: ShipmentChange) -> Option<ShipmentStatus> {
    match change {
        ShipmentChange::Created => Some(ShipmentStatus::Created),
        ShipmentChange::PickupBooked => Some(ShipmentStatus::PickupBooked),
        ShipmentChange::Picked => Some(ShipmentStatus::Picked),
        ShipmentChange::HandedOver => Some(ShipmentStatus::HandedOver),
        ShipmentChange::InTransit => Some(ShipmentStatus::InTransit),
        ShipmentChange::Late => None,
        ShipmentChange::Lost => Some(ShipmentStatus::Lost),
        ShipmentChange::Delivered => Some(ShipmentStatus::Delivered),
        ShipmentChange::ReturnedToSender => Some(ShipmentStatus::ReturnedToSender),
        ShipmentChange::Cancelled => Some(ShipmentStatus::Cancelled),
        ShipmentChange::Refused => Some(ShipmentStatus::Refused),
    }
}

/// Returns true if the change is in the history, or the parcel has that status.
fn has_happened(change: ShipmentChange, parcel: &Parcel<'_>) -> bool {
    let Some(status) = status_of(change) else { return parcel.late_since.is_some() };
    parcel.status == status || parcel.history.iter().any(|entry| entry.status == status)
}

/// When the change happened.
fn time_of(change: ShipmentChange, parcel: &Parcel<'_>) -> Option<Timestamp> {
    match status_of(change) {
        Some(status) => parcel.history.iter().rev().find(|entry| entry.status == status).map(|entry| entry.at),
        None => parcel.late_since,
    }
}

fn message(change: ShipmentChange, shipment: &Shipment, parcel: &Parcel<'_>, now: Timestamp) -> Outgoing {
    let kind = change.kind();
    let order = &shipment.order_id;
    // The ids of the first parcel are those of releases that sent no others.
    let further = u32::try_from(parcel.number).ok().filter(|number| *number > 1);
    let id = match further {
        None => ids::derive(&[topics::SHIPMENT_EVENTS, kind, order]),
        Some(number) => ids::derive(&[topics::SHIPMENT_EVENTS, kind, order, &number.to_string()]),
    };
    let value = ShipmentChanged {
        order_id: order.clone(),
        shipment_id: shipment.id(),
        warehouse: shipment.warehouse.clone(),
        at: time_of(change, parcel).unwrap_or(now),
        method: shipment.method,
        carrier: shipment.carrier.map(|carrier| carrier.name().to_owned()),
        tracking_number: parcel.tracking_number.cloned(),
        estimated_date: parcel.estimated_date.cloned(),
        parcel: further,
    };
    Outgoing::event(topics::SHIPMENT_EVENTS, order, kind, id.to_string(), order, now, &value)
}

#[cfg(test)]
mod tests;
