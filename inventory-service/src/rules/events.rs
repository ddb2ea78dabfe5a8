//! Events for external systems: the changes of a decision, as the difference between two states of a shipment. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

use common::ids;
use common::messages::{Message, Outgoing};
use common::time::Timestamp;
use common::topics;

use super::context::RuleContext;
use crate::entity::{Inventory, Shipment, ShipmentStatus, shipment_key};
use crate::messages::events::{ShipmentChange, ShipmentChanged};

/// Runs a rule of an order's shipment, and sends the events of its changes. They continue the trace of the message.
pub(crate) fn publishing<T>(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    message: &Message,
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
        let trace = message.traceparent();
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

const fn status_of(change: ShipmentChange) -> ShipmentStatus {
    match change {
        ShipmentChange::Created => ShipmentStatus::Created,
        ShipmentChange::Picked => ShipmentStatus::Picked,
        ShipmentChange::HandedOver => ShipmentStatus::HandedOver,
        ShipmentChange::Delivered => ShipmentStatus::Delivered,
        ShipmentChange::Cancelled => ShipmentStatus::Cancelled,
        ShipmentChange::Refused => ShipmentStatus::Refused,
    }
}

/// Returns true if the change is in the history, or the shipment has that status. One that was cancelled before it was
/// requested never existed.
fn has_happened(change: ShipmentChange, shipment: &Shipment) -> bool {
    let status = status_of(change);
    let is_known = shipment.status == status || shipment.history.iter().any(|entry| entry.status == status);
    is_known && shipment.method.is_some()
}

fn message(change: ShipmentChange, shipment: &Shipment, now: Timestamp) -> Outgoing {
    let kind = change.kind();
    let order = &shipment.order_id;
    let id = ids::derive(&[topics::SHIPMENT_EVENTS, kind, order]).to_string();
    let entry = shipment.history.iter().rev().find(|entry| entry.status == status_of(change));
    let value = ShipmentChanged {
        order_id: order.clone(),
        shipment_id: shipment.id(),
        warehouse: shipment.warehouse.clone(),
        at: entry.map_or(now, |entry| entry.at),
        method: shipment.method,
        carrier: shipment.carrier.map(|carrier| carrier.name().to_owned()),
        tracking_number: shipment.tracking_number.clone(),
        estimated_date: shipment.estimated_date.clone(),
    };
    Outgoing::event(topics::SHIPMENT_EVENTS, order, kind, id, order, now, &value)
}

#[cfg(test)]
mod tests;
