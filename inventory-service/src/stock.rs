//! What the inventory service decides: how stock is counted, set aside, given back and given out. Pure.
//!
//! ```text
//!             reserve              confirm
//!   (none) -----------> reserved -----------> confirmed
//!     |  \                  | release             | release: back into the stock
//!     |   \ reserve:        v                     |
//!     |    +-> refused   released <---------------+
//!     |        release           ^
//!     +--------------------------+   a reserve that comes after it is refused
//! ```
//! Every command is answered as before when it comes again. A release is never refused: a saga that does not know whether
//! its reserve or its confirm happened sends one, and afterwards the order holds nothing, whatever had happened.

use common::ids;
use common::journal::{Entity, Handler, Nothing, Trigger, World};
use common::messages::{Message, Outgoing, Reply, Unreadable};
use common::time::Timestamp;
use common::topics;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::messages::{CONFIRM, OfOrder, RELEASE, RESERVE, Reserve, SET, SetStock, Wanted, item_id};

/// How many of the last changes of a count a stock remembers.
const CHANGES: usize = 4;

/// What the service keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Inventory {
    Stock(Stock),
    Reservation(Reservation),
}

/// An item in a warehouse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    pub item_id: String,
    pub name: String,
    pub warehouse: String,
    /// Pieces in the warehouse, reserved ones included.
    pub on_hand: u64,
    /// Pieces set aside for orders.
    pub reserved: u64,
    /// The last requests that set the count, oldest first, so that whoever asked can see that it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

impl Stock {
    /// Pieces that can still be reserved. None where a count came out below what is reserved.
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }
}

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
}

/// One item of a reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub quantity: u64,
}

/// Where a reservation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Reserved,
    Released,
    Confirmed,
    Refused,
}

impl Entity for Inventory {
    /// A reservation is waited for while it holds stock. A stock is never done with, and looked up when it is needed.
    fn is_open(&self) -> bool {
        match self {
            Self::Stock(_) => false,
            Self::Reservation(reservation) => match reservation.status {
                Status::Reserved => true,
                Status::Released | Status::Confirmed | Status::Refused => false,
            },
        }
    }
}

/// The entity key of an item's stock.
pub fn stock_key(warehouse: &str, item: &str) -> String {
    format!("stock/{warehouse}/{item}")
}

/// The entity key of an order's reservation.
pub fn reservation_key(order: &str) -> String {
    format!("reservation/{order}")
}

/// The inventory's decisions.
#[derive(Clone, Debug)]
pub struct Warehouse {
    /// The warehouse of commands that name none.
    pub name: String,
    /// What is put into the stock when it was never seen.
    pub seed: Vec<Stock>,
}

type Decision<'w, 'a> = &'w mut World<'a, Inventory>;

impl Handler for Warehouse {
    type Entity = Inventory;
    type Act = Nothing;

    fn decide(&self, world: &mut World<'_, Inventory>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        let message = match trigger {
            Trigger::Message(message) => message,
            Trigger::Claimed => {
                self.seed(world);
                return Ok(());
            }
            Trigger::Timer(_) => return Ok(()),
        };
        let (order, answer) = match message.kind() {
            Some(RESERVE) => {
                let asked: Reserve = message.json()?;
                let warehouse = self.warehouse_of(world, message)?;
                let order = asked.order_id.to_string();
                let answer = reserve(world, &order, warehouse, asked.items, now);
                (order, answer)
            }
            Some(RELEASE) => {
                let order = message.json::<OfOrder>()?.order_id.to_string();
                let warehouse = self.warehouse_of(world, message)?;
                let answer = release(world, &order, warehouse, now);
                (order, answer)
            }
            Some(CONFIRM) => {
                let order = message.json::<OfOrder>()?.order_id.to_string();
                self.warehouse_of(world, message)?;
                let answer = confirm(world, &order, now);
                (order, answer)
            }
            Some(SET) => return set(world, message.json()?, message.id()),
            other => return Err(Unreadable::UnknownType(other.unwrap_or_default().to_owned())),
        };
        world.send(Outgoing::reply(message, &order, now, &answer));
        Ok(())
    }
}

impl Warehouse {
    /// Items that were never seen begin with their configured count; a known one stays as it is.
    fn seed(&self, world: Decision<'_, '_>) {
        for stock in &self.seed {
            let key = stock_key(&stock.warehouse, &stock.item_id);
            if is_at_home(world, &stock.warehouse).is_ok() && world.get(&key).is_none() {
                world.put(key, Inventory::Stock(stock.clone()));
            }
        }
    }

    /// The warehouse that a command is for: its key.
    fn warehouse_of<'m>(&'m self, world: &World<'_, Inventory>, message: &'m Message) -> Result<&'m str, Unreadable> {
        let warehouse = message.key.as_ref().map_or(Some(&*self.name), |key| key.text());
        let warehouse =
            warehouse.ok_or_else(|| Unreadable::Malformed("the key is not a warehouse's name".to_owned()))?;
        is_at_home(world, warehouse)?;
        Ok(warehouse)
    }
}

/// A warehouse lives on the partition of its name: elsewhere its stock would have two writers.
fn is_at_home(world: &World<'_, Inventory>, warehouse: &str) -> Result<(), Unreadable> {
    let home = topics::partition_of(warehouse.as_bytes(), world.partitions());
    let here = world.partition();
    if home == here {
        return Ok(());
    }
    let why = format!("warehouse '{warehouse}' lives on partition {home}, not {here}: use its name as the key");
    Err(Unreadable::Malformed(why))
}

/// All items or none. What could not be reserved is recorded, so that asking again is answered the same even when there
/// is stock by then: the saga has long gone on.
fn reserve(world: Decision<'_, '_>, order: &str, warehouse: &str, wanted: Vec<Wanted>, now: Timestamp) -> Reply {
    let key = reservation_key(order);
    if let Some(Inventory::Reservation(known)) = world.get(&key) {
        return answer_again(known);
    }
    let items = summed(wanted);
    let shortage = items.iter().find_map(|line| shortage(world, warehouse, line));
    if shortage.is_none() {
        for line in &items {
            change(world, warehouse, &line.id, |stock| stock.reserved = stock.reserved.saturating_add(line.quantity));
        }
    }
    let (status, reason) = match shortage {
        None => (Status::Reserved, None),
        Some(_) => (Status::Refused, Some("out_of_stock".to_owned())),
    };
    let (order_id, warehouse) = (order.to_owned(), warehouse.to_owned());
    let reservation = Reservation { order_id, warehouse, status, items, reason, detail: shortage, at: now };
    let answer = answer_again(&reservation);
    world.put(key, Inventory::Reservation(reservation));
    answer
}

/// The answer to a reserve for a reservation that is known.
fn answer_again(known: &Reservation) -> Reply {
    match known.status {
        Status::Reserved | Status::Confirmed => {
            let id = ids::derive(&["reservation", &known.order_id]);
            Reply::Ok { data: json!({"reservationId": id, "items": known.items}) }
        }
        Status::Refused => Reply::Refused {
            reason: known.reason.clone().unwrap_or_else(|| "out_of_stock".to_owned()),
            detail: known.detail.clone(),
        },
        Status::Released if known.items.is_empty() => {
            refused("released_before_reserved", "the reservation was taken back before it was made")
        }
        Status::Released => refused("already_released", "the reservation was made and taken back"),
    }
}

/// What is missing of an item, in words.
fn shortage(world: Decision<'_, '_>, warehouse: &str, line: &Line) -> Option<String> {
    let (id, wanted) = (&line.id, line.quantity);
    match world.get(&stock_key(warehouse, id)) {
        Some(Inventory::Stock(stock)) if stock.available() >= wanted => None,
        Some(Inventory::Stock(stock)) => {
            let (name, available) = (&stock.name, stock.available());
            Some(format!("item {id} ({name}): {wanted} wanted, {available} available"))
        }
        Some(Inventory::Reservation(_)) | None => {
            Some(format!("item {id}: {wanted} wanted, warehouse {warehouse} does not know it"))
        }
    }
}

/// Afterwards the order holds nothing: what was reserved is free again, and what had left comes back into the stock.
fn release(world: Decision<'_, '_>, order: &str, warehouse: &str, now: Timestamp) -> Reply {
    let key = reservation_key(order);
    let Some(Inventory::Reservation(known)) = world.get(&key) else {
        let (order_id, warehouse) = (order.to_owned(), warehouse.to_owned());
        let (status, items) = (Status::Released, Vec::new());
        let early = Reservation { order_id, warehouse, status, items, reason: None, detail: None, at: now };
        world.put(key, Inventory::Reservation(early));
        return done();
    };
    match known.status {
        Status::Released | Status::Refused => {}
        Status::Reserved => {
            settle(world, &key, Status::Released, now, |stock, n| stock.reserved = stock.reserved.saturating_sub(n));
        }
        Status::Confirmed => {
            settle(world, &key, Status::Released, now, |stock, n| stock.on_hand = stock.on_hand.saturating_add(n));
        }
    }
    done()
}

/// What was reserved leaves the warehouse. Where a count came out below what was reserved, the count ends at zero.
fn confirm(world: Decision<'_, '_>, order: &str, now: Timestamp) -> Reply {
    let key = reservation_key(order);
    let known = match world.get(&key) {
        Some(Inventory::Reservation(known)) => known.status,
        Some(Inventory::Stock(_)) | None => {
            return refused("unknown_reservation", "nothing was reserved for this order");
        }
    };
    match known {
        Status::Confirmed => done(),
        Status::Reserved => {
            settle(world, &key, Status::Confirmed, now, |stock, n| {
                stock.reserved = stock.reserved.saturating_sub(n);
                stock.on_hand = stock.on_hand.saturating_sub(n);
            });
            done()
        }
        Status::Released => refused("already_released", "the reservation was taken back"),
        Status::Refused => refused("not_reserved", "the reservation was refused"),
    }
}

/// Moves a reservation to its next status, and the stock of each of its items with it.
fn settle(world: Decision<'_, '_>, key: &str, status: Status, now: Timestamp, each: impl Fn(&mut Stock, u64)) {
    let Some(Inventory::Reservation(mut reservation)) = world.take(key) else { return };
    for line in &reservation.items {
        change(world, &reservation.warehouse, &line.id, |stock| each(stock, line.quantity));
    }
    (reservation.status, reservation.at) = (status, now);
    world.put(key, Inventory::Reservation(reservation));
}

fn change(world: Decision<'_, '_>, warehouse: &str, item: &str, how: impl FnOnce(&mut Stock)) {
    if let Some(Inventory::Stock(stock)) = world.update(&stock_key(warehouse, item)) {
        how(stock);
    }
}

/// An item was counted. The count is taken as it is, even below what is reserved: then nothing is available, and what was
/// promised can still be confirmed. The same request again changes nothing.
fn set(world: Decision<'_, '_>, asked: SetStock, request: String) -> Result<(), Unreadable> {
    is_at_home(world, &asked.warehouse)?;
    let id = item_id(&asked.item_id);
    let key = stock_key(&asked.warehouse, &id);
    let (known, reserved, mut changes) = match world.get(&key) {
        Some(Inventory::Stock(stock)) => (stock.changes.contains(&request), stock.reserved, stock.changes.clone()),
        Some(Inventory::Reservation(_)) | None => (false, 0, Vec::new()),
    };
    if !known {
        changes.drain(..changes.len().saturating_sub(CHANGES - 1));
        changes.push(request);
        let (name, warehouse, on_hand) = (asked.name, asked.warehouse, u64::from(asked.on_hand));
        world.put(key, Inventory::Stock(Stock { item_id: id, name, warehouse, on_hand, reserved, changes }));
    }
    Ok(())
}

/// The same item listed twice is one line with both quantities.
fn summed(wanted: Vec<Wanted>) -> Vec<Line> {
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

fn done() -> Reply {
    Reply::Ok { data: Value::Object(Map::new()) }
}

fn refused(reason: &str, detail: &str) -> Reply {
    Reply::Refused { reason: reason.to_owned(), detail: Some(detail.to_owned()) }
}

#[cfg(test)]
#[path = "stock_tests.rs"]
mod tests;
