//! The rules of shipments. How each command and event changes the status is in `transitions`, what time alone changes
//! in `timers`.
//!
//! ```text
//!             ship                 the carrier books it
//!   (none) -----------> requested -----------------> created
//!     |                  |  |  ^ |                      |  pickup booked, picked, handed over, in transit: any of
//!     | cancel           |  v  | +-> refused            v  these may be reported late, or never
//!     |                  | failed: ship again       (underway) ---> lost ---+---> delivered
//!     +------------------+--------> cancelled <--------+ |                  |
//!                        a later ship is refused         +------------------+---> returned to sender
//! ```
//! A report moves a shipment forward only. A late one, or one that contradicts another, is added to the history. A
//! shipment can be cancelled until it is handed over. One that the customer collects has no carrier: it is created at
//! once, is only picked and delivered, and can be cancelled until it is delivered.

mod case;
mod number;
mod resolve;
mod simulated;
mod timers;
mod transitions;

use common::bounds::{ID_BYTES, cut};
use common::journal::Key;
use common::messages::{Headers, Outgoing, Reply};

use crate::entity::shipment::StageReport;
use crate::entity::{Inventory, Line, ReservationStatus, Shipment, ShipmentStatus, shipment_key};
use crate::messages::{CarrierAnswered, Delivery, Method, ShipmentEvent};
use crate::rules::context::RuleContext;

/// Ships the reserved items of an order. `None`: the reply is sent when the carrier has answered.
pub(crate) fn ship(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    warehouse: &str,
    delivery: Delivery,
    command: &Headers,
) -> Option<Reply> {
    let key = shipment_key(order);
    if let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) {
        let reply = known.ship_again(command, ctx.now);
        ctx.tx.put(key, Inventory::Shipment(known));
        return reply;
    }
    let Some(items) = reserved_items(ctx, order) else {
        return Some(Reply::refused("not_confirmed", "the order has no reserved stock to ship"));
    };
    let has_carrier = delivery.method != Method::Pickup;
    if has_carrier && delivery.address.is_none() {
        let detail = format!("delivery method {} needs an address", delivery.method.name());
        return Some(Reply::refused("address_missing", detail));
    }
    let mut new = Shipment::new(order, warehouse, ctx.now);
    new.items = items;
    new.method = Some(delivery.method);
    new.address = delivery.address;
    let reply = if has_carrier {
        new.carrier = Some(ctx.rules.shipping.carrier);
        new.tracking_number = Some(number::next(ctx, delivery.method));
        new.request(command, ctx.now);
        None
    } else {
        new.create(&ctx.rules.shipping, ctx.now);
        Some(new.created_reply())
    };
    ctx.tx.put(key, Inventory::Shipment(Box::new(new)));
    reply
}

/// The items of an order's reservation, if it is reserved or confirmed.
fn reserved_items(ctx: &mut RuleContext<'_, '_>, order: &str) -> Option<Vec<Line>> {
    let reservation = ctx.reservation(order)?;
    match reservation.status {
        ReservationStatus::Reserved | ReservationStatus::Confirmed => Some(reservation.items.clone()),
        ReservationStatus::Released | ReservationStatus::Refused | ReservationStatus::Expired => None,
    }
}

/// Cancels a shipment. An unknown shipment is recorded as cancelled, so that a later ship is refused.
pub(crate) fn cancel(ctx: &mut RuleContext<'_, '_>, order: &str, warehouse: &str) -> Reply {
    let key = shipment_key(order);
    let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) else {
        let mut early = Shipment::new(order, warehouse, ctx.now);
        early.enter(ShipmentStatus::Cancelled, ctx.now, Some("cancelled before it was requested"));
        ctx.tx.put(key, Inventory::Shipment(Box::new(early)));
        return Reply::done();
    };
    let reply = known.cancel(ctx.now);
    ctx.tx.put(key, Inventory::Shipment(known));
    reply
}

/// Handles the carrier's answer to a call, and replies to the command that waits for it.
pub(crate) fn carrier_answered(ctx: &mut RuleContext<'_, '_>, answer: CarrierAnswered) {
    let key = shipment_key(&answer.order_id);
    let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) else { return };
    if let Some(reply) = known.carrier_answered(answer, &ctx.rules.shipping, ctx.now)
        && let Some(command) = known.waiting.take()
    {
        ctx.tx.send(Outgoing::reply(&command, &known.order_id, ctx.now, &reply));
    }
    ctx.tx.put(key, Inventory::Shipment(known));
}

/// Records a stage of the delivery. An impossible one is ignored: the HTTP API has already rejected it.
pub(crate) fn stage_reported(ctx: &mut RuleContext<'_, '_>, event: ShipmentEvent) {
    let ShipmentEvent { order_id, status: stage, at, note, event_id, tracking_number } = event;
    let now = ctx.now;
    let id = event_id.as_deref().unwrap_or(ctx.cause);
    let id = cut(id, ID_BYTES).into_owned();
    let report = StageReport { stage, event: &id, tracking_number: tracking_number.as_deref() };
    if let Some(Inventory::Shipment(shipment)) = ctx.tx.update(&shipment_key(&order_id.to_string())) {
        shipment.track(report, at.unwrap_or(now).min(now), note);
    }
}

/// Handles what became due.
pub(crate) fn wake(ctx: &mut RuleContext<'_, '_>, key: &Key) {
    let now = ctx.now;
    if let Some(Inventory::Shipment(shipment)) = ctx.tx.update(key) {
        shipment.wake(&ctx.rules.shipping, now);
    }
}

pub(crate) use case::{conclude_case, reopen_case, resolve_case};
pub(crate) use resolve::resolve;

#[cfg(test)]
mod tests;
