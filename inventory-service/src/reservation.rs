//! How stock is set aside for an order, given back and given out.
//!
//! ```text
//!             reserve              confirm
//!   (none) -----------> reserved -----------> confirmed
//!     |  \               |    | release           | release: back into the stock
//!     |   \ reserve:     |    v                   |
//!     |    +-> refused   |  released <------------+
//!     |        release   |    ^  ^
//!     +------------------|----+  | release
//!                        +----> expired: held for too long; a confirm is refused
//!                               a reserve that comes after any of them is refused
//! ```
//! Every command is answered as before when it comes again. A release is never refused: a saga that does not know
//! whether its reserve or its confirm happened sends one, and afterwards the order holds nothing, whatever had
//! happened.

use common::ids;
use common::messages::Reply;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::changes::shortfall;
use crate::messages::{Wanted, item_id};
use crate::stock::{Decision, Inventory, Stock};

/// What was set aside for an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    pub order_id: String,
    pub warehouse: String,
    pub status: Status,
    /// Sorted by item, each item once.
    pub items: Vec<Line>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Since when it is as it is.
    pub at: Timestamp,
    /// Until when it holds. One that was written before there was an end to it holds for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What it moved in the stock, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Moved>,
    /// What came back of it, or is to come, by item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<Back>,
}

/// One item of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReservedItem)]
pub struct Line {
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub quantity: u64,
}

/// A move of all its items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    pub what: Move,
    pub at: Timestamp,
}

/// What can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Available pieces were set aside.
    Reserved,
    /// They were given out.
    Confirmed,
    /// What was set aside is available again.
    Released,
    /// The same, since it was held for too long.
    Expired,
    /// What had been given out is available again, but for what had come back before.
    PutBack,
}

/// What came back of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Back {
    pub id: String,
    /// On its way.
    pub expected: u64,
    /// In the stock again.
    pub restocked: u64,
}

/// Where a reservation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReservationStatus)]
pub enum Status {
    Reserved,
    Released,
    Confirmed,
    Refused,
    Expired,
}

impl Reservation {
    /// Whether it holds stock.
    pub fn is_open(&self) -> bool {
        self.status == Status::Reserved
    }

    fn of(order: &str, warehouse: &str, (status, items): (Status, Vec<Line>), now: Timestamp) -> Self {
        let (order_id, warehouse) = (order.to_owned(), warehouse.to_owned());
        let (reason, detail, expires, moves, back) = (None, None, None, Vec::new(), Vec::new());
        Self { order_id, warehouse, status, items, reason, detail, at: now, expires, moves, back }
    }

    fn back_of(&self, item: &str) -> Option<&Back> {
        self.back.iter().find(|back| back.id == item)
    }

    /// How many pieces of an item came back.
    pub fn restocked(&self, item: &str) -> u64 {
        self.back_of(item).map_or(0, |back| back.restocked)
    }

    /// How many pieces of an item were given out, and neither came back nor are to.
    pub fn returnable(&self, item: &str) -> u64 {
        let line = self.items.iter().find(|line| line.id == item && self.status == Status::Confirmed);
        let back = self.back_of(item).map_or(0, |back| back.expected.saturating_add(back.restocked));
        line.map_or(0, |line| line.quantity.saturating_sub(back))
    }

    /// Notes what becomes of pieces that come back.
    pub(crate) fn comes_back(&mut self, item: &str, note: impl FnOnce(&mut Back)) {
        let known = self.back.iter().position(|back| back.id == item);
        let place = known.unwrap_or_else(|| {
            self.back.push(Back { id: item.to_owned(), expected: 0, restocked: 0 });
            self.back.len() - 1
        });
        if let Some(back) = self.back.get_mut(place) {
            note(back);
        }
    }

    fn becomes(&mut self, status: Status, what: Move, now: Timestamp) {
        (self.status, self.at) = (status, now);
        self.moves.push(Moved { what, at: now });
    }
}

/// The entity key of an order's reservation.
pub fn reservation_key(order: &str) -> String {
    format!("reservation/{order}")
}

/// All items or none. What could not be reserved is recorded, so that asking again is answered the same even when there
/// is stock by then: the saga has long gone on.
pub(crate) fn reserve(desk: &mut Decision<'_, '_>, order: &str, warehouse: &str, wanted: Vec<Wanted>) -> Reply {
    if let Some(known) = desk.reservation(order) {
        return answer_again(known);
    }
    let items = summed(wanted);
    let shortage = items.iter().find_map(|line| shortage(desk, warehouse, line));
    let mut reservation = Reservation::of(order, warehouse, (Status::Refused, items), desk.now);
    match shortage {
        None => {
            for line in &reservation.items {
                desk.change(warehouse, &line.id, |stock| stock.reserved = stock.reserved.saturating_add(line.quantity));
            }
            reservation.expires = Some(desk.now.plus(desk.rules.expiry));
            reservation.becomes(Status::Reserved, Move::Reserved, desk.now);
        }
        Some(_) => (reservation.reason, reservation.detail) = (Some("out_of_stock".to_owned()), shortage),
    }
    let answer = answer_again(&reservation);
    desk.tx.put(reservation_key(order), Inventory::Reservation(reservation));
    answer
}

/// The answer to a reserve for a reservation that is known.
fn answer_again(known: &Reservation) -> Reply {
    match known.status {
        Status::Reserved | Status::Confirmed => {
            let id = ids::derive(&["reservation", &known.order_id]);
            Reply::ok(json!({"reservationId": id, "items": known.items}))
        }
        Status::Refused => Reply::Refused {
            reason: known.reason.clone().unwrap_or_else(|| "out_of_stock".to_owned()),
            detail: known.detail.clone(),
        },
        Status::Released if known.items.is_empty() => {
            Reply::refused("released_before_reserved", "the reservation was taken back before it was made")
        }
        Status::Released => Reply::refused("already_released", "the reservation was made and taken back"),
        Status::Expired => ran_out(known),
    }
}

fn ran_out(known: &Reservation) -> Reply {
    Reply::refused("reservation_expired", format!("the reservation was held until {} and is free again", known.at))
}

/// What is missing of an item, in words.
fn shortage(desk: &mut Decision<'_, '_>, warehouse: &str, line: &Line) -> Option<String> {
    let (id, wanted) = (&line.id, line.quantity);
    match desk.stock(warehouse, id) {
        Some(stock) if stock.available() >= wanted => None,
        Some(stock) => {
            let (name, available) = (&stock.name, stock.available());
            Some(format!("item {id} ({name}): {wanted} wanted, {available} available"))
        }
        None => Some(format!("item {id}: {wanted} wanted, warehouse {warehouse} does not know it")),
    }
}

/// Afterwards the order holds nothing: what was reserved is free again, and what had left comes back into the stock,
/// but for what had come back before.
pub(crate) fn release(desk: &mut Decision<'_, '_>, order: &str, warehouse: &str) -> Reply {
    let Some(known) = desk.reservation(order) else {
        let early = Reservation::of(order, warehouse, (Status::Released, Vec::new()), desk.now);
        desk.tx.put(reservation_key(order), Inventory::Reservation(early));
        return Reply::done();
    };
    match known.status {
        Status::Released | Status::Refused => {}
        Status::Expired => {
            if let Some(Inventory::Reservation(known)) = desk.tx.update(&reservation_key(order)) {
                (known.status, known.at) = (Status::Released, desk.now);
            }
        }
        Status::Reserved => settle(desk, order, (Status::Released, Move::Released), free),
        Status::Confirmed => settle(desk, order, (Status::Released, Move::PutBack), |stock, n| {
            stock.on_hand = stock.on_hand.saturating_add(n);
            0
        }),
    }
    Reply::done()
}

/// What was reserved leaves the warehouse. Where a count came out below what was reserved, the count ends at zero. A
/// confirm that is read while the stock is still set aside is in time, whenever it is read: only the timer ends a
/// reservation.
pub(crate) fn confirm(desk: &mut Decision<'_, '_>, order: &str) -> Reply {
    let Some(known) = desk.reservation(order) else {
        return Reply::refused("unknown_reservation", "nothing was reserved for this order");
    };
    match known.status {
        Status::Confirmed => Reply::done(),
        Status::Reserved => {
            settle(desk, order, (Status::Confirmed, Move::Confirmed), |stock, n| {
                stock.reserved = stock.reserved.saturating_sub(n);
                let missing = n.saturating_sub(stock.on_hand);
                stock.on_hand = stock.on_hand.saturating_sub(n);
                missing
            });
            Reply::done()
        }
        Status::Released => Reply::refused("already_released", "the reservation was taken back"),
        Status::Refused => Reply::refused("not_reserved", "the reservation was refused"),
        Status::Expired => ran_out(known),
    }
}

/// A reservation that was held until its end is free again. Whoever confirms it later is told so.
pub(crate) fn expire(desk: &mut Decision<'_, '_>, order: &str) {
    let now = desk.now;
    let held_out = |known: &Reservation| known.is_open() && known.expires.is_some_and(|end| end <= now);
    if desk.reservation(order).is_some_and(held_out) {
        settle(desk, order, (Status::Expired, Move::Expired), free);
    }
}

fn free(stock: &mut Stock, n: u64) -> u64 {
    stock.reserved = stock.reserved.saturating_sub(n);
    0
}

/// Moves a reservation to its next status, and the stock of each of its items with it. `each` says how many pieces were
/// missing.
fn settle(desk: &mut Decision<'_, '_>, order: &str, next: (Status, Move), each: fn(&mut Stock, u64) -> u64) {
    let key = reservation_key(order);
    let Some(Inventory::Reservation(mut reservation)) = desk.tx.take(&key) else { return };
    for line in &reservation.items {
        let left = match next.1 {
            Move::PutBack => line.quantity.saturating_sub(reservation.restocked(&line.id)),
            Move::Reserved | Move::Confirmed | Move::Released | Move::Expired => line.quantity,
        };
        let missing = desk.change(&reservation.warehouse, &line.id, |stock| each(stock, left));
        if let Some(missing @ 1..) = missing {
            shortfall(desk, (&reservation.warehouse, &line.id), missing, order);
        }
    }
    reservation.becomes(next.0, next.1, desk.now);
    desk.tx.put(key, Inventory::Reservation(reservation));
}

/// The same item listed twice is one line with both quantities.
pub(crate) fn summed(wanted: Vec<Wanted>) -> Vec<Line> {
    let line = |w: Wanted| Line { id: item_id(&w.id), name: w.name, quantity: u64::from(w.quantity.get()) };
    let mut lines: Vec<Line> = wanted.into_iter().map(line).collect();
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    lines.dedup_by(|next, kept| {
        let same = next.id == kept.id;
        if same {
            kept.quantity = kept.quantity.saturating_add(next.quantity);
        }
        same
    });
    lines
}
