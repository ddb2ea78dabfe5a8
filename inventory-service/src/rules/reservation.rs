//! The rules of reservations.
//!
//! ```text
//!             reserve              confirm
//!   (none) -----------> reserved -----------> confirmed
//!     |  \               |    | release           | release: back into the stock
//!     |   \ reserve:     |    v                   |
//!     |    +-> refused   |  released <------------+
//!     |        release   |    ^  ^
//!     +------------------|----+  | release
//!                        +----> expired: a later confirm is refused
//!                               a reserve after any of them is refused
//! ```
//! A repeated command gets the same reply. A release is never refused: a saga that does not know if its reserve or its
//! confirm was carried out sends one, and afterwards the order holds no stock in either case.

use common::ids;
use common::messages::Reply;
use serde_json::json;

use crate::entity::reservation::TransitionKind;
use crate::entity::{Inventory, Line, Reservation, ReservationStatus, Stock, reservation_key};
use crate::messages::{ItemQuantity, item_id};
use crate::rules::changes::record_shortfall;
use crate::rules::context::RuleContext;

/// Reserves all items or none. A refusal is recorded, so that a repeated command is refused too, even if there is stock
/// by then: the saga has acted on the first reply.
pub(crate) fn reserve(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    warehouse: &str,
    requested: Vec<ItemQuantity>,
) -> Reply {
    if let Some(known) = ctx.reservation(order) {
        return reply_to_reserve(known);
    }
    let items = merged_lines(requested);
    let shortage = items.iter().find_map(|line| shortage(ctx, warehouse, line));
    let mut reservation = Reservation::new(order, warehouse, ReservationStatus::Refused, items, ctx.now);
    match shortage {
        None => {
            for line in &reservation.items {
                ctx.change_stock(warehouse, &line.id, |stock| {
                    stock.reserved = stock.reserved.saturating_add(line.quantity);
                });
            }
            reservation.expires = Some(ctx.now.plus(ctx.rules.expiry));
            reservation.enter(TransitionKind::Reserved, ctx.now);
        }
        Some(detail) => {
            reservation.reason = Some("out_of_stock".to_owned());
            reservation.detail = Some(detail);
        }
    }
    let reply = reply_to_reserve(&reservation);
    ctx.tx.put(reservation_key(order), Inventory::Reservation(reservation));
    reply
}

/// The reply to a reserve, by the status of the reservation.
fn reply_to_reserve(known: &Reservation) -> Reply {
    match known.status {
        ReservationStatus::Reserved | ReservationStatus::Confirmed => {
            let id = ids::derive(&["reservation", &known.order_id]);
            Reply::ok(json!({"reservationId": id, "items": known.items}))
        }
        ReservationStatus::Refused => Reply::Refused {
            reason: known.reason.clone().unwrap_or_else(|| "out_of_stock".to_owned()),
            detail: known.detail.clone(),
        },
        ReservationStatus::Released if known.items.is_empty() => {
            Reply::refused("released_before_reserved", "the reservation was released before it was made")
        }
        ReservationStatus::Released => Reply::refused("already_released", "the reservation was made and released"),
        ReservationStatus::Expired => refuse_expired(known),
    }
}

fn refuse_expired(known: &Reservation) -> Reply {
    Reply::refused("reservation_expired", format!("the reservation expired at {}", known.at))
}

/// Describes the missing pieces of an item; `None` if there are enough.
fn shortage(ctx: &mut RuleContext<'_, '_>, warehouse: &str, line: &Line) -> Option<String> {
    let id = &line.id;
    let requested = line.quantity;
    match ctx.stock(warehouse, id) {
        Some(stock) if stock.available() >= requested => None,
        Some(stock) => {
            Some(format!("item {id} ({}): {requested} requested, {} available", stock.name, stock.available()))
        }
        None => Some(format!("item {id}: {requested} requested, unknown in warehouse {warehouse}")),
    }
}

/// Releases all stock of an order: reserved pieces become available, and confirmed pieces are put back into the stock,
/// except for those that were restocked before.
pub(crate) fn release(ctx: &mut RuleContext<'_, '_>, order: &str, warehouse: &str) -> Reply {
    let Some(known) = ctx.reservation(order) else {
        let early = Reservation::new(order, warehouse, ReservationStatus::Released, Vec::new(), ctx.now);
        ctx.tx.put(reservation_key(order), Inventory::Reservation(early));
        return Reply::done();
    };
    match known.status {
        ReservationStatus::Released | ReservationStatus::Refused => {}
        ReservationStatus::Expired => {
            if let Some(Inventory::Reservation(known)) = ctx.tx.update(&reservation_key(order)) {
                known.status = ReservationStatus::Released;
                known.at = ctx.now;
            }
        }
        ReservationStatus::Reserved => transition(ctx, order, TransitionKind::Released, unreserve),
        ReservationStatus::Confirmed => transition(ctx, order, TransitionKind::PutBack, |stock, quantity| {
            stock.on_hand = stock.on_hand.saturating_add(quantity);
            0
        }),
    }
    Reply::done()
}

/// Takes the reserved pieces out of the warehouse. If a count was lower than the reserved quantity, the stock ends at
/// zero. A confirm that is handled while the stock is still reserved is in time: only the timer expires a reservation.
pub(crate) fn confirm(ctx: &mut RuleContext<'_, '_>, order: &str) -> Reply {
    let Some(known) = ctx.reservation(order) else {
        return Reply::refused("unknown_reservation", "there is no reservation for this order");
    };
    match known.status {
        ReservationStatus::Confirmed => Reply::done(),
        ReservationStatus::Reserved => {
            transition(ctx, order, TransitionKind::Confirmed, |stock, quantity| {
                stock.reserved = stock.reserved.saturating_sub(quantity);
                let missing = quantity.saturating_sub(stock.on_hand);
                stock.on_hand = stock.on_hand.saturating_sub(quantity);
                missing
            });
            Reply::done()
        }
        ReservationStatus::Released => Reply::refused("already_released", "the reservation was released"),
        ReservationStatus::Refused => Reply::refused("not_reserved", "the reservation was refused"),
        ReservationStatus::Expired => refuse_expired(known),
    }
}

/// Expires a reservation whose time has come.
pub(crate) fn expire(ctx: &mut RuleContext<'_, '_>, order: &str) {
    let now = ctx.now;
    let is_due = |known: &Reservation| known.is_open() && known.expires.is_some_and(|end| end <= now);
    if ctx.reservation(order).is_some_and(is_due) {
        transition(ctx, order, TransitionKind::Expired, unreserve);
    }
}

fn unreserve(stock: &mut Stock, quantity: u64) -> u64 {
    stock.reserved = stock.reserved.saturating_sub(quantity);
    0
}

/// Moves a reservation to its next status and changes the stock of each of its items. `change` returns how many pieces
/// were missing.
fn transition(ctx: &mut RuleContext<'_, '_>, order: &str, kind: TransitionKind, change: fn(&mut Stock, u64) -> u64) {
    let key = reservation_key(order);
    let Some(Inventory::Reservation(mut reservation)) = ctx.tx.take(&key) else { return };
    for line in &reservation.items {
        let quantity = match kind {
            TransitionKind::PutBack => line.quantity.saturating_sub(reservation.restocked(&line.id)),
            TransitionKind::Reserved
            | TransitionKind::Confirmed
            | TransitionKind::Released
            | TransitionKind::Expired => line.quantity,
        };
        let missing = ctx.change_stock(&reservation.warehouse, &line.id, |stock| change(stock, quantity));
        if let Some(missing @ 1..) = missing {
            record_shortfall(ctx, &reservation.warehouse, &line.id, missing, order);
        }
    }
    reservation.enter(kind, ctx.now);
    ctx.tx.put(key, Inventory::Reservation(reservation));
}

/// The requested items sorted by id, with the quantities of an item listed twice added up.
pub(crate) fn merged_lines(requested: Vec<ItemQuantity>) -> Vec<Line> {
    let line =
        |item: ItemQuantity| Line { id: item_id(&item.id), name: item.name, quantity: u64::from(item.quantity.get()) };
    let mut lines: Vec<Line> = requested.into_iter().map(line).collect();
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    lines.dedup_by(|next, first| {
        let is_same = next.id == first.id;
        if is_same {
            first.quantity = first.quantity.saturating_add(next.quantity);
        }
        is_same
    });
    lines
}

#[cfg(test)]
mod tests;
