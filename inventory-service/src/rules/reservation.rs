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

use std::borrow::Cow;

use common::bounds::{TEXT_BYTES, cut, json_bytes, shorten};
use common::ids;
use common::messages::Reply;
use serde_json::json;

use crate::bounds::REPLY_BYTES;
use crate::entity::reservation::TransitionKind;
use crate::entity::stock::ItemPrice;
use crate::entity::{Inventory, Line, Reservation, ReservationStatus, Stock, reservation_key};
use crate::messages::{ItemQuantity, PriceCheck, Reserve, item_id};
use crate::rules::context::RuleContext;

/// The reason of a confirm that is refused for want of pieces.
const STOCK_SHORTFALL_CODE: &str = "stock_shortfall";

/// Why an order is not reserved.
struct Refusal {
    reason: &'static str,
    detail: String,
}

/// Reserves all items or none. A refusal is recorded, so that a repeated command is refused too, even if there is stock
/// by then: the saga has acted on the first reply.
pub(crate) fn reserve(ctx: &mut RuleContext<'_, '_>, order: &str, warehouse: &str, command: Reserve) -> Reply {
    if let Some(known) = ctx.reservation(order) {
        return reply_to_reserve(known);
    }
    let wrong_price = price_refusal(ctx, warehouse, &command);
    let items = merged_lines(command.items);
    let refusal = wrong_price.or_else(|| items.iter().find_map(|line| shortage(ctx, warehouse, line)));
    let mut reservation = Reservation::new(order, warehouse, ReservationStatus::Refused, items, ctx.now);
    match refusal {
        None => {
            for line in &reservation.items {
                ctx.change_stock(warehouse, &line.id, |stock| {
                    stock.reserved = stock.reserved.saturating_add(line.quantity);
                });
            }
            reservation.expires = Some(ctx.now.plus(ctx.rules.expiry));
            reservation.enter(TransitionKind::Reserved, ctx.now);
        }
        Some(Refusal { reason, detail }) => {
            reservation.reason = Some(reason.to_owned());
            reservation.detail = Some(cut(&detail, TEXT_BYTES).into_owned());
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
            let items = replied_lines(&known.items);
            Reply::ok(json!({"reservationId": id, "items": items}))
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

/// The reserved lines for a reply; without names if they are too long for one.
fn replied_lines(lines: &[Line]) -> Cow<'_, [Line]> {
    if json_bytes(lines) <= REPLY_BYTES {
        return lines.into();
    }
    let nameless = |line: &Line| Line { id: line.id.clone(), name: String::new(), quantity: line.quantity };
    lines.iter().map(nameless).collect()
}

fn refuse_expired(known: &Reservation) -> Reply {
    Reply::refused("reservation_expired", format!("the reservation expired at {}", known.at))
}

/// The refusal for missing pieces of an item; `None` if there are enough.
fn shortage(ctx: &mut RuleContext<'_, '_>, warehouse: &str, line: &Line) -> Option<Refusal> {
    let id = &line.id;
    let requested = line.quantity;
    let detail = match ctx.stock(warehouse, id) {
        Some(stock) if stock.available() >= requested => return None,
        Some(stock) => format!("item {id} ({}): {requested} requested, {} available", stock.name, stock.available()),
        None => format!("item {id}: {requested} requested, unknown in warehouse {warehouse}"),
    };
    Some(Refusal { reason: "out_of_stock", detail })
}

/// The refusal for a price that is not the warehouse's; `None` if all are, or need not be. Unknown items are refused as
/// out of stock.
fn price_refusal(ctx: &mut RuleContext<'_, '_>, warehouse: &str, command: &Reserve) -> Option<Refusal> {
    let PriceCheck::Catalogue = command.price_check?;
    let currency = command.currency.as_deref().unwrap_or_default();
    command.items.iter().find_map(|item| {
        let id = item_id(&item.id);
        let stock = ctx.stock(warehouse, &id)?;
        let name = &stock.name;
        let Some(price) = &stock.price else {
            let detail = format!("item {id} ({name}) has no price in warehouse {warehouse}");
            return Some(Refusal { reason: "no_price", detail });
        };
        if item.amount_minor == Some(price.amount_minor) && currency == price.currency {
            return None;
        }
        let given = item.amount_minor.map(|minor| ItemPrice { amount_minor: minor, currency: currency.to_owned() });
        let given = given.map_or_else(|| "has no price".to_owned(), |given| format!("has {given}"));
        let detail = format!("item {id} ({name}) costs {price}, the order {given}");
        Some(Refusal { reason: "wrong_price", detail })
    })
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
        }),
    }
    Reply::done()
}

/// Takes the reserved pieces out of the warehouse. It is refused if a count has left fewer pieces than the order needs;
/// the saga then releases the rest. A confirm that is handled while the stock is still reserved is in time: only the
/// timer expires a reservation.
pub(crate) fn confirm(ctx: &mut RuleContext<'_, '_>, order: &str) -> Reply {
    let Some(known) = ctx.reservation(order) else {
        return Reply::refused("unknown_reservation", "there is no reservation for this order");
    };
    match known.status {
        ReservationStatus::Confirmed => Reply::done(),
        ReservationStatus::Reserved => match find_shortfall(ctx, order) {
            Some(refusal) => refusal,
            None => {
                transition(ctx, order, TransitionKind::Confirmed, |stock, quantity| {
                    stock.reserved = stock.reserved.saturating_sub(quantity);
                    stock.on_hand = stock.on_hand.saturating_sub(quantity);
                });
                Reply::done()
            }
        },
        ReservationStatus::Released => Reply::refused("already_released", "the reservation was released"),
        ReservationStatus::Refused => Reply::refused("not_reserved", "the reservation was refused"),
        ReservationStatus::Expired => refuse_expired(known),
    }
}

/// Refuses to confirm an order for which too few pieces are left, and reports each such item. The refusal is recorded:
/// a repeated command is refused too, even if the pieces were found by then.
fn find_shortfall(ctx: &mut RuleContext<'_, '_>, order: &str) -> Option<Reply> {
    if let Some(Reservation { reason: Some(reason), detail, .. }) = ctx.reservation(order) {
        return Some(Reply::Refused { reason: reason.clone(), detail: detail.clone() });
    }
    let key = reservation_key(order);
    let Some(Inventory::Reservation(mut known)) = ctx.tx.take(&key) else { return None };
    let refusal = report_shortfalls(ctx, &mut known);
    ctx.tx.put(key, Inventory::Reservation(known));
    refusal
}

fn report_shortfalls(ctx: &mut RuleContext<'_, '_>, known: &mut Reservation) -> Option<Reply> {
    let mut detail = None;
    for Line { id: item, quantity, .. } in &known.items {
        let Some(short) = ctx.stock(&known.warehouse, item).filter(|stock| stock.on_hand < *quantity).cloned() else {
            continue;
        };
        let sentence = || format!("item {item} ({}): {quantity} reserved, {} left", short.name, short.on_hand);
        detail.get_or_insert_with(sentence);
        ctx.report_shortfall(short, Some(known.order_id.clone()));
    }
    let detail = cut(&detail?, TEXT_BYTES).into_owned();
    known.reason = Some(STOCK_SHORTFALL_CODE.to_owned());
    known.detail = Some(detail.clone());
    Some(Reply::refused(STOCK_SHORTFALL_CODE, detail))
}

/// Expires a reservation whose time has come.
pub(crate) fn expire(ctx: &mut RuleContext<'_, '_>, order: &str) {
    let now = ctx.now;
    let is_due = |known: &Reservation| known.is_open() && known.expires.is_some_and(|end| end <= now);
    if ctx.reservation(order).is_some_and(is_due) {
        transition(ctx, order, TransitionKind::Expired, unreserve);
    }
}

fn unreserve(stock: &mut Stock, quantity: u64) {
    stock.reserved = stock.reserved.saturating_sub(quantity);
}

/// Moves a reservation to its next status and changes the stock of each of its items.
fn transition(ctx: &mut RuleContext<'_, '_>, order: &str, kind: TransitionKind, change: fn(&mut Stock, u64)) {
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
        ctx.change_stock(&reservation.warehouse, &line.id, |stock| change(stock, quantity));
    }
    reservation.enter(kind, ctx.now);
    ctx.tx.put(key, Inventory::Reservation(reservation));
}

/// The requested items sorted by id, with the quantities of an item listed twice added up.
pub(crate) fn merged_lines(requested: Vec<ItemQuantity>) -> Vec<Line> {
    let line = |mut item: ItemQuantity| {
        shorten(&mut item.name, TEXT_BYTES);
        Line { id: item_id(&item.id), name: item.name, quantity: u64::from(item.quantity.get()) }
    };
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
