//! Events for external systems: the changes of a decision, as the difference between two states of a shipment. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;

use super::context::RuleContext;
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

/// The changes that have happened to a shipment.
struct Milestones(Vec<ShipmentChange>);

impl Milestones {
    /// Those of a shipment; of none before its first command.
    fn of(shipment: Option<&Shipment>) -> Self {
        let happened = |change: &ShipmentChange| shipment.is_some_and(|shipment| has_happened(*change, shipment));
        Self(ShipmentChange::ALL.into_iter().filter(happened).collect())
    }

    /// The events of the changes since then, in order.
    fn changes(&self, shipment: &Shipment, now: Timestamp) -> Vec<Outgoing> {
        let is_new = |change: &ShipmentChange| !self.0.contains(change) && has_happened(*change, shipment);
        ShipmentChange::ALL.into_iter().filter(is_new).map(|change| message(change, shipment, now)).collect()
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

/// Returns true if the change is in the history, or the shipment has that status. One that was cancelled before it was
/// requested never existed.
fn has_happened(change: ShipmentChange, shipment: &Shipment) -> bool {
    let Some(status) = status_of(change) else { return shipment.late_since.is_some() };
    let is_known = shipment.status == status || shipment.history.iter().any(|entry| entry.status == status);
    is_known && shipment.method.is_some()
}

/// When the change happened.
fn time_of(change: ShipmentChange, shipment: &Shipment) -> Option<Timestamp> {
    match status_of(change) {
        Some(status) => shipment.history.iter().rev().find(|entry| entry.status == status).map(|entry| entry.at),
        None => shipment.late_since,
    }
}

fn message(change: ShipmentChange, shipment: &Shipment, now: Timestamp) -> Outgoing {
    let kind = change.kind();
    let order = &shipment.order_id;
    let id = ids::derive(&[topics::SHIPMENT_EVENTS, kind, order]).to_string();
    let value = ShipmentChanged {
        order_id: order.clone(),
        shipment_id: shipment.id(),
        warehouse: shipment.warehouse.clone(),
        at: time_of(change, shipment).unwrap_or(now),
        method: shipment.method,
        carrier: shipment.carrier.map(|carrier| carrier.name().to_owned()),
        tracking_number: shipment.tracking_number.clone(),
        estimated_date: shipment.estimated_date.clone(),
    };
    Outgoing::event(topics::SHIPMENT_EVENTS, order, kind, id, order, now, &value)
}

#[cfg(test)]
mod tests;
