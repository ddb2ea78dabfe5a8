//! An operator's decision about a parcel that was lost or returned to the sender: another parcel for the same order, or
//! none.

use common::bounds::{ID_BYTES, cut};
use common::time::Timestamp;

use super::number;
use crate::entity::shipment::{FormerParcel, Resolution};
use crate::entity::{Inventory, Shipment, ShipmentStatus, shipment_key};
use crate::messages::{Method, ResolveAction, ResolveShipment};
use crate::rules::context::RuleContext;

/// The most decisions kept. The oldest of those that were refused, or that booked the same parcel again, makes room.
const MOST_RESOLUTIONS: usize = 16;

/// A decision, before it is carried out.
pub(super) struct Decision {
    /// That of the request, or of the case.
    pub(super) id: String,
    pub(super) action: ResolveAction,
    pub(super) by: String,
    pub(super) why: String,
}

/// Carries out an operator's decision.
pub(crate) fn resolve(ctx: &mut RuleContext<'_, '_>, command: ResolveShipment) {
    let ResolveShipment { order_id, action, by, why } = command;
    let key = shipment_key(&order_id.to_string());
    let id = cut(ctx.cause, ID_BYTES).into_owned();
    let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) else { return };
    carry_out(ctx, &mut known, Decision { id, action, by, why });
    ctx.tx.put(key, Inventory::Shipment(known));
}

/// Carries out a decision once, and records it, also one that is refused.
pub(super) fn carry_out(ctx: &mut RuleContext<'_, '_>, shipment: &mut Shipment, decision: Decision) {
    let Decision { id, action, by, why } = decision;
    if shipment.resolutions.iter().any(|made| made.id == id) {
        return;
    }
    let checked = shipment.check_resolve(action);
    let carried_out = checked.and_then(|()| match action {
        ResolveAction::Resend => resend(ctx, shipment),
        ResolveAction::Close => Ok(false),
    });
    let from_stock = carried_out == Ok(true);
    let refused = carried_out.err();
    record(shipment, Resolution { id, action, by, why, at: ctx.now, refused, from_stock });
}

pub(super) fn record(shipment: &mut Shipment, made: Resolution) {
    let all = &mut shipment.resolutions;
    if all.len() >= MOST_RESOLUTIONS {
        let is_refused = |made: &Resolution| made.refused.is_some();
        let is_booking = |made: &Resolution| made.action == ResolveAction::Resend && !made.from_stock;
        let oldest = all.iter().position(is_refused).or_else(|| all.iter().position(is_booking));
        if let Some(oldest) = oldest {
            all.remove(oldest);
        }
    }
    all.push(made);
}

/// Books another parcel. Returns true if its pieces are taken from the stock: those of a lost parcel are gone, those of
/// one that came back are sent again.
fn resend(ctx: &mut RuleContext<'_, '_>, shipment: &mut Shipment) -> Result<bool, String> {
    let from_stock = shipment.status == ShipmentStatus::Lost;
    if from_stock {
        take_pieces(ctx, shipment)?;
    }
    // A parcel that the carrier never accepted is booked again as it is.
    if matches!(shipment.status, ShipmentStatus::Lost | ShipmentStatus::ReturnedToSender) {
        let method = shipment.method.unwrap_or(Method::Standard);
        let tracking_number = number::next(ctx, method);
        shipment.replace_parcel(tracking_number);
    }
    shipment.book_again(ctx.now);
    Ok(from_stock)
}

/// Takes the pieces of a shipment out of the stock.
fn take_pieces(ctx: &mut RuleContext<'_, '_>, shipment: &Shipment) -> Result<(), String> {
    for line in &shipment.items {
        let available = ctx.stock(&shipment.warehouse, &line.id).map_or(0, |stock| stock.available());
        if available < line.quantity {
            return Err(format!("item {}: {} wanted, {available} available", line.id, line.quantity));
        }
    }
    for line in &shipment.items {
        ctx.change_stock(&shipment.warehouse, &line.id, |stock| {
            stock.on_hand = stock.on_hand.saturating_sub(line.quantity);
        });
    }
    Ok(())
}

impl Shipment {
    /// Keeps the parcel as one that did not arrive.
    fn replace_parcel(&mut self, tracking_number: String) {
        self.parcels.push(FormerParcel {
            tracking_number: self.tracking_number.replace(tracking_number),
            status: self.status,
            estimated_date: self.estimated_date.take(),
            late_since: self.late_since.take(),
            history: std::mem::take(&mut self.history),
        });
        self.late_due = None;
        self.refusal = None;
    }

    /// Requests a booking call that no command waits for.
    fn book_again(&mut self, now: Timestamp) {
        self.calls = self.calls.saturating_add(1);
        self.waiting = None;
        self.enter(ShipmentStatus::Requested, now, None);
    }
}
