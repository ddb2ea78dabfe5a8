//! Reports of a shipment to its order: what the customer sees of it, sent when it changes.

use common::ids;
use common::messages::Outgoing;
use common::shipments::{DeliveryStatus, PROGRESS, ShipmentProgress};
use common::time::Timestamp;
use common::topics;

use super::context::RuleContext;
use crate::entity::{Inventory, Shipment, ShipmentStatus, shipment_key};

/// Runs a rule of an order's shipment, and reports what it changes to the order. The report continues the trace of its
/// cause.
pub(crate) fn reporting<T>(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    trace: Option<&str>,
    rule: impl FnOnce(&mut RuleContext<'_, '_>) -> T,
) -> T {
    let key = shipment_key(order);
    let before = ctx.tx.get(&key).and_then(Inventory::shipment).and_then(Delivery::of);
    let result = rule(ctx);
    let after = ctx.tx.get(&key).and_then(Inventory::shipment).and_then(Delivery::of);
    let Some(delivery) = after.filter(|after| before.as_ref() != Some(after)) else { return result };
    if let Some(Inventory::Shipment(shipment)) = ctx.tx.update(&key) {
        shipment.reports = shipment.reports.saturating_add(1);
        let report = message(delivery, shipment, ctx.now);
        report.into_iter().for_each(|report| ctx.tx.send(report.caused_by(trace)));
    }
    result
}

/// What the customer sees of a shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delivery {
    status: DeliveryStatus,
    tracking_number: Option<String>,
    estimated_date: Option<String>,
    is_late: bool,
}

impl Delivery {
    /// `None` until it leaves the warehouse or is late: until then the reply to `inventory.ship` is all that the order
    /// needs.
    fn of(shipment: &Shipment) -> Option<Self> {
        let status = match shipment.status {
            ShipmentStatus::Requested
            | ShipmentStatus::Failed
            | ShipmentStatus::Created
            | ShipmentStatus::PickupBooked
            | ShipmentStatus::Picked
            | ShipmentStatus::Cancelled
            | ShipmentStatus::Refused => DeliveryStatus::Preparing,
            ShipmentStatus::HandedOver => DeliveryStatus::HandedOver,
            ShipmentStatus::InTransit => DeliveryStatus::InTransit,
            ShipmentStatus::Delivered => DeliveryStatus::Delivered,
            ShipmentStatus::ReturnedToSender => DeliveryStatus::ReturnedToSender,
            ShipmentStatus::Lost => DeliveryStatus::Lost,
        };
        let is_late = shipment.late_since.is_some();
        let is_reported = status != DeliveryStatus::Preparing || is_late || !shipment.parcels.is_empty();
        is_reported.then(|| Self {
            status,
            tracking_number: shipment.tracking_number.clone().filter(|_| shipment.carrier.is_some()),
            estimated_date: shipment.estimated_date.clone(),
            is_late,
        })
    }
}

/// `None` for an order whose id is none of order-service.
fn message(delivery: Delivery, shipment: &Shipment, now: Timestamp) -> Option<Outgoing> {
    let order = &shipment.order_id;
    let Delivery { status, tracking_number, estimated_date, is_late } = delivery;
    let number = shipment.reports;
    let at = shipment.history.last().map(|entry| entry.at).max(shipment.late_since);
    let value = ShipmentProgress {
        order_id: order.parse().ok()?,
        number,
        status,
        at: at.unwrap_or(now),
        tracking_number,
        estimated_date,
        delivered_at: shipment.delivered_at,
        late: is_late,
    };
    let id = ids::derive(&[PROGRESS, order, &number.to_string()]).to_string();
    Some(Outgoing::event(topics::ORDER_COMMANDS, order, PROGRESS, id, order, now, &value))
}

#[cfg(test)]
mod tests;
