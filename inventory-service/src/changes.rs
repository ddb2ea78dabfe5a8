//! Changes of a stock that no order makes: counts, adjustments, receipts. Each is kept, with who and why, and is known
//! again by its request.

use common::ids;
use common::messages::Unreadable;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::messages::{ChangeKind, ChangeStock, SetStock, item_id};
use crate::stock::{Decision, Inventory, Stock, stock_key};

/// How many of the last changes of a count a stock remembers.
const CHANGES: usize = 4;

/// A change that somebody made, or wanted to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub warehouse: String,
    pub item_id: String,
    pub kind: ChangeKind,
    /// What was asked for: of a count what is there, else what is added.
    pub asked: i64,
    /// What is more in the warehouse since; below 0: less.
    pub moved: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The order that found it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    pub at: Timestamp,
    /// Why nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How the stock stood afterwards.
    pub on_hand: u64,
    pub reserved: u64,
}

/// The id of a change that this request asks for.
pub fn change_id(warehouse: &str, item: &str, request: &str) -> String {
    ids::derive(&["change", warehouse, item, request]).to_string()
}

/// The entity key of a change.
pub fn change_key(id: &str) -> String {
    format!("change/{id}")
}

/// An item was counted. The count is taken as it is, even below what is reserved: then nothing is available, and what
/// was promised can still be confirmed. The same request again changes nothing.
pub(crate) fn set(desk: &mut Decision<'_, '_>, asked: SetStock) {
    let SetStock { warehouse, item_id: item, name, on_hand } = asked;
    let (item, request) = (item_id(&item), desk.cause.to_owned());
    let key = change_key(&change_id(&warehouse, &item, &request));
    let known = desk.stock(&warehouse, &item).map(|stock| stock.changes.contains(&request));
    if known == Some(true) || desk.tx.get(&key).is_some() {
        return;
    }
    if known.is_none() {
        let (item_id, warehouse, name) = (item.clone(), warehouse.clone(), name.clone());
        let new = Stock { item_id, name, warehouse, ..Stock::default() };
        desk.tx.put(stock_key(&new.warehouse, &new.item_id), Inventory::Stock(new));
    }
    let told = Told { kind: ChangeKind::Count, asked: on_hand.into(), by: None, why: None, order: None };
    let change = made(desk, (&warehouse, &item), told, |stock| {
        stock.name = name;
        stock.changes.drain(..stock.changes.len().saturating_sub(CHANGES - 1));
        stock.changes.push(request);
        stock.on_hand = on_hand.into();
        Ok(())
    });
    desk.tx.put(key, Inventory::Change(change));
}

/// Somebody counted, adjusted or received an item, and says why. What is set aside for orders can't be taken away, but
/// may be missing in a count.
///
/// # Errors
/// For a number that no change can have.
pub(crate) fn change(desk: &mut Decision<'_, '_>, asked: ChangeStock) -> Result<(), Unreadable> {
    let ChangeStock { warehouse, item_id: item, kind, quantity, by, why } = asked;
    let item = item_id(&item);
    let key = change_key(&change_id(&warehouse, &item, desk.cause));
    let most = i64::from(u32::MAX);
    let allowed = match kind {
        ChangeKind::Adjustment => (-most..=most).contains(&quantity) && quantity != 0,
        ChangeKind::Receipt => (1..=most).contains(&quantity),
        ChangeKind::Count => (0..=most).contains(&quantity),
        ChangeKind::Shortfall => false,
    };
    if !allowed {
        return Err(Unreadable::Malformed(format!("quantity: a change of this kind can't have {quantity}")));
    }
    if desk.tx.get(&key).is_some() {
        return Ok(());
    }
    let told = Told { kind, asked: quantity, by: Some(by), why: Some(why), order: None };
    let change = made(desk, (&warehouse, &item), told, |stock| {
        let pieces = quantity.unsigned_abs();
        match kind {
            ChangeKind::Count => stock.on_hand = pieces,
            ChangeKind::Receipt | ChangeKind::Shortfall => stock.on_hand = stock.on_hand.saturating_add(pieces),
            ChangeKind::Adjustment if quantity > 0 => stock.on_hand = stock.on_hand.saturating_add(pieces),
            ChangeKind::Adjustment if pieces > stock.available() => {
                let (available, reserved) = (stock.available(), stock.reserved);
                return Err(format!("only {available} are available; {reserved} are reserved for orders"));
            }
            ChangeKind::Adjustment => stock.on_hand = stock.on_hand.saturating_sub(pieces),
        }
        Ok(())
    });
    desk.tx.put(key, Inventory::Change(change));
    Ok(())
}

/// More was given out than the last count had left: that count was too low by so many.
pub(crate) fn shortfall(desk: &mut Decision<'_, '_>, place: (&str, &str), missing: u64, order: &str) {
    let id = ids::derive(&["shortfall", place.0, place.1, order]).to_string();
    let asked = i64::try_from(missing).unwrap_or(i64::MAX);
    let told = Told { kind: ChangeKind::Shortfall, asked, by: None, why: None, order: Some(order.to_owned()) };
    // The stock stands at zero already.
    let mut change = made(desk, place, told, |_| Ok(()));
    change.moved = asked;
    desk.tx.put(change_key(&id), Inventory::Change(change));
}

/// What is told of a change.
struct Told {
    kind: ChangeKind,
    asked: i64,
    by: Option<String>,
    why: Option<String>,
    order: Option<String>,
}

/// Makes a change, and says how the stock stands then.
fn made(
    desk: &mut Decision<'_, '_>,
    (warehouse, item): (&str, &str),
    told: Told,
    how: impl FnOnce(&mut Stock) -> Result<(), String>,
) -> Change {
    let seen = desk.change(warehouse, item, |stock| {
        let before = stock.on_hand;
        let refused = how(stock).err();
        (before, stock.on_hand, stock.reserved, refused)
    });
    let unknown = || (0, 0, 0, Some(format!("warehouse {warehouse} does not know the item {item}")));
    let (before, on_hand, reserved, refused) = seen.unwrap_or_else(unknown);
    let signed = |pieces: u64| i64::try_from(pieces).unwrap_or(i64::MAX);
    let moved = signed(on_hand).saturating_sub(signed(before));
    let Told { kind, asked, by, why, order } = told;
    let (warehouse, item_id) = (warehouse.to_owned(), item.to_owned());
    Change { warehouse, item_id, kind, asked, moved, by, why, order, at: desk.now, refused, on_hand, reserved }
}
