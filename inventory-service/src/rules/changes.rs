//! Changes of a stock that are not part of an order: counts, adjustments and receipts. Each is recorded with its author
//! and reason, and identified by its request.

use common::messages::Unreadable;

use crate::entity::{Change, Inventory, Stock, change_id, change_key, stock_key};
use crate::messages::{ChangeKind, ChangeStock, SetStock, item_id};
use crate::rules::context::RuleContext;

/// How many `stock.set` requests a stock remembers.
const REMEMBERED_REQUESTS: usize = 4;

/// Sets the count of an item, and creates the item if it is unknown. A count lower than the reserved quantity is
/// accepted: no piece is available then, and the orders whose pieces are missing can't be confirmed. A repeated request
/// changes nothing.
pub(crate) fn set(ctx: &mut RuleContext<'_, '_>, command: SetStock) {
    let SetStock { warehouse, item_id: item, name, on_hand, price } = command;
    let item = item_id(&item);
    let request = ctx.cause.to_owned();
    let key = change_key(&change_id(&warehouse, &item, &request));
    let stock = ctx.stock(&warehouse, &item);
    let is_new = stock.is_none();
    let is_repeated = stock.is_some_and(|stock| stock.changes.contains(&request));
    if is_repeated || ctx.tx.get(&key).is_some() {
        return;
    }
    if is_new {
        let new = Stock { item_id: item.clone(), name: name.clone(), warehouse: warehouse.clone(), ..Stock::default() };
        ctx.tx.put(stock_key(&warehouse, &item), Inventory::Stock(new));
    }
    let count = ChangeRequest { kind: ChangeKind::Count, quantity: on_hand.into(), by: None, why: None };
    let change = apply(ctx, &warehouse, &item, count, |stock| {
        stock.name = name;
        if let Some(price) = price {
            stock.price = Some(price);
        }
        stock.changes.drain(..stock.changes.len().saturating_sub(REMEMBERED_REQUESTS - 1));
        stock.changes.push(request);
        stock.on_hand = on_hand.into();
        Ok(())
    });
    ctx.tx.put(key, Inventory::Change(change));
}

/// Counts, adjusts or receives an item. An adjustment that would remove reserved pieces is refused; a count may be
/// lower than the reserved quantity.
///
/// # Errors
/// [`Unreadable::Malformed`] for a quantity that the kind of change does not allow.
pub(crate) fn change(ctx: &mut RuleContext<'_, '_>, command: ChangeStock) -> Result<(), Unreadable> {
    let ChangeStock { warehouse, item_id: item, kind, quantity, by, why } = command;
    let item = item_id(&item);
    let key = change_key(&change_id(&warehouse, &item, ctx.cause));
    let most = i64::from(u32::MAX);
    let is_allowed = match kind {
        ChangeKind::Adjustment => (-most..=most).contains(&quantity) && quantity != 0,
        ChangeKind::Receipt => (1..=most).contains(&quantity),
        ChangeKind::Count => (0..=most).contains(&quantity),
        ChangeKind::Shortfall => false,
    };
    if !is_allowed {
        return Err(Unreadable::Malformed(format!("quantity: {quantity} is not allowed for this kind of change")));
    }
    if ctx.tx.get(&key).is_some() {
        return Ok(());
    }
    let request = ChangeRequest { kind, quantity, by: Some(by), why: Some(why) };
    let change = apply(ctx, &warehouse, &item, request, |stock| {
        let pieces = quantity.unsigned_abs();
        match kind {
            ChangeKind::Count => stock.on_hand = pieces,
            ChangeKind::Receipt | ChangeKind::Shortfall => stock.on_hand = stock.on_hand.saturating_add(pieces),
            ChangeKind::Adjustment if quantity > 0 => stock.on_hand = stock.on_hand.saturating_add(pieces),
            ChangeKind::Adjustment if pieces > stock.available() => {
                let available = stock.available();
                let reserved = stock.reserved;
                return Err(format!("only {available} are available; {reserved} are reserved for orders"));
            }
            ChangeKind::Adjustment => stock.on_hand = stock.on_hand.saturating_sub(pieces),
        }
        Ok(())
    });
    ctx.tx.put(key, Inventory::Change(change));
    Ok(())
}

/// The part of a [`Change`] that is known before it is applied.
struct ChangeRequest {
    kind: ChangeKind,
    quantity: i64,
    by: Option<String>,
    why: Option<String>,
}

/// Applies a change to a stock and returns its record. `how` fails with the reason of a refusal.
fn apply(
    ctx: &mut RuleContext<'_, '_>,
    warehouse: &str,
    item: &str,
    request: ChangeRequest,
    how: impl FnOnce(&mut Stock) -> Result<(), String>,
) -> Change {
    let applied = ctx.change_stock(warehouse, item, |stock| {
        let before = stock.on_hand;
        let refused = how(stock).err();
        (before, stock.on_hand, stock.reserved, refused)
    });
    let unknown = || (0, 0, 0, Some(format!("item {item} is unknown in warehouse {warehouse}")));
    let (before, on_hand, reserved, refused) = applied.unwrap_or_else(unknown);
    let signed = |pieces: u64| i64::try_from(pieces).unwrap_or(i64::MAX);
    Change {
        warehouse: warehouse.to_owned(),
        item_id: item.to_owned(),
        kind: request.kind,
        requested: request.quantity,
        moved: signed(on_hand).saturating_sub(signed(before)),
        by: request.by,
        why: request.why,
        order: None,
        at: ctx.now,
        refused,
        on_hand,
        reserved,
    }
}

#[cfg(test)]
mod tests;
