//! The rules of returns.
//!
//! ```text
//!             expect                receive: received, or rejected          restock
//!   (none) -----------> expected -------------------------------> expected ---------> restocked
//!     |  |  \               | forget                                 | forget             ^
//!     |  |   +-> refused    v                                        v                    |
//!     |  |    forget    forgotten <----------------------------------+                    |
//!     |  +------------------^   a later expect or restock is refused                      |
//!     |       restock                                                                     |
//!     +-----------------------------------------------------------------------------------+
//! ```
//! At most the confirmed pieces of an order come back. A repeated command gets the same reply.

use common::ids;
use common::messages::{Outgoing, Reply};
use common::topics;
use uuid::Uuid;

use crate::entity::reservation::ReturnedQuantity;
use crate::entity::returns::{Receipt, Refusal};
use crate::entity::{Inventory, Return, ReturnStatus, reservation_key, return_key};
use crate::messages::{ForgetReturn, GOODS_RECEIVED_EVENT, GoodsReceived, ReturnCommand, ReturnReceived};
use crate::rules::context::RuleContext;
use crate::rules::reservation::merged_lines;

fn find(ctx: &mut RuleContext<'_, '_>, id: Uuid) -> Option<Return> {
    ctx.tx.get(&return_key(id))?.returned().cloned()
}

/// Expects pieces of an order back. A refusal is recorded: a repeated command is refused too.
pub(crate) fn expect(ctx: &mut RuleContext<'_, '_>, command: ReturnCommand, warehouse: &str) -> Reply {
    if let Some(known) = find(ctx, command.return_id) {
        return match known.status {
            ReturnStatus::Expected | ReturnStatus::Restocked => Reply::done(),
            ReturnStatus::Refused => refused(&known),
            ReturnStatus::Forgotten => Reply::refused("already_forgotten", "the return was cancelled"),
        };
    }
    let ReturnCommand { return_id, order_id, items } = command;
    let mut new = Return::new(return_id, &order_id.to_string(), warehouse, merged_lines(items), ctx.now);
    match check(ctx, &new) {
        Ok(()) => {
            update_returned(ctx, &new, |returned, n| returned.expected = returned.expected.saturating_add(n));
        }
        Err(refusal) => {
            new.status = ReturnStatus::Refused;
            new.refusal = Some(refusal);
        }
    }
    record(ctx, return_id, new)
}

/// Cancels an expected return. An unknown return is recorded as forgotten, so that a later expect is refused.
pub(crate) fn forget(ctx: &mut RuleContext<'_, '_>, command: ForgetReturn, warehouse: &str) -> Reply {
    let ForgetReturn { return_id, order_id } = command;
    let mut entry = match find(ctx, return_id) {
        Some(known) => known,
        None => Return::new(return_id, &order_id.to_string(), warehouse, Vec::new(), ctx.now),
    };
    if entry.status == ReturnStatus::Expected {
        unexpect(ctx, &entry);
        entry.status = ReturnStatus::Forgotten;
        entry.at = ctx.now;
        ctx.tx.put(return_key(return_id), Inventory::Return(entry));
    }
    Reply::done()
}

/// Puts returned pieces back into the stock, once for each return.
pub(crate) fn restock(ctx: &mut RuleContext<'_, '_>, command: ReturnCommand, warehouse: &str) -> Reply {
    let ReturnCommand { return_id, order_id, items } = command;
    let order = order_id.to_string();
    let before = find(ctx, return_id);
    if let Some(before) = &before {
        match before.status {
            ReturnStatus::Restocked => return Reply::done(),
            ReturnStatus::Refused => return refused(before),
            ReturnStatus::Forgotten => return Reply::refused("not_returnable", "the return was cancelled"),
            ReturnStatus::Expected if before.order_id != order => {
                let detail = format!("the return belongs to order {}", before.order_id);
                return Reply::refused("not_returnable", detail);
            }
            ReturnStatus::Expected => unexpect(ctx, before),
        }
    }
    let mut new = Return::new(return_id, &order, warehouse, merged_lines(items), ctx.now);
    new.receipt = before.and_then(|before| before.receipt);
    match check(ctx, &new) {
        Ok(()) => {
            update_returned(ctx, &new, |returned, n| returned.restocked = returned.restocked.saturating_add(n));
            for line in &new.items {
                ctx.change_stock(warehouse, &line.id, |stock| {
                    stock.on_hand = stock.on_hand.saturating_add(line.quantity);
                });
            }
            new.status = ReturnStatus::Restocked;
            new.restocked_at = Some(ctx.now);
        }
        Err(Refusal { detail, .. }) => {
            new.status = ReturnStatus::Refused;
            new.refusal = Some(Refusal { reason: "not_returnable".to_owned(), detail });
        }
    }
    record(ctx, return_id, new)
}

/// Records the inspection of an expected return, and sends its result to the saga. Only the first result counts.
pub(crate) fn receive(ctx: &mut RuleContext<'_, '_>, event: ReturnReceived, trace: Option<&str>) {
    let ReturnReceived { return_id, status, by, why } = event;
    let Some(known) = find(ctx, return_id) else { return };
    if known.status != ReturnStatus::Expected || known.receipt.is_some() {
        return;
    }
    let key = &known.return_id;
    let id = ids::derive(&[GOODS_RECEIVED_EVENT, key]).to_string();
    let value = GoodsReceived { return_id, status, by: by.clone(), why: why.clone(), at: ctx.now };
    let message = Outgoing::event(topics::GOODS_RECEIVED, key, GOODS_RECEIVED_EVENT, id, key, ctx.now, &value);
    ctx.tx.send(message.caused_by(trace));
    let receipt = Some(Receipt { status, by, why, at: ctx.now });
    ctx.tx.put(return_key(return_id), Inventory::Return(Return { receipt, at: ctx.now, ..known }));
}

/// Keeps a new return and replies to its command.
fn record(ctx: &mut RuleContext<'_, '_>, id: Uuid, new: Return) -> Reply {
    let reply = if new.refusal.is_some() { refused(&new) } else { Reply::done() };
    ctx.tx.put(return_key(id), Inventory::Return(new));
    reply
}

fn refused(known: &Return) -> Reply {
    match &known.refusal {
        Some(Refusal { reason, detail }) => Reply::refused(reason, detail),
        None => Reply::refused("not_returnable", ""),
    }
}

/// Checks that the order has these pieces to return.
fn check(ctx: &mut RuleContext<'_, '_>, new: &Return) -> Result<(), Refusal> {
    let refuse = |reason: &str, detail: String| Err(Refusal { reason: reason.to_owned(), detail });
    let order = &new.order_id;
    let Some(known) = ctx.reservation(order).filter(|known| known.warehouse == new.warehouse) else {
        return refuse("unknown_order", format!("there is no reservation for order {order}"));
    };
    if new.items.is_empty() {
        return refuse("not_returnable", "the return has no items".to_owned());
    }
    match new.items.iter().find(|line| line.quantity > known.returnable(&line.id)) {
        Some(line) => {
            let returnable = known.returnable(&line.id);
            let detail = format!("item {}: {} to return, {returnable} returnable", line.id, line.quantity);
            refuse("not_returnable", detail)
        }
        None => Ok(()),
    }
}

fn unexpect(ctx: &mut RuleContext<'_, '_>, known: &Return) {
    update_returned(ctx, known, |returned, n| returned.expected = returned.expected.saturating_sub(n));
}

/// Updates the returned quantities of the order's reservation with those of a return.
fn update_returned(ctx: &mut RuleContext<'_, '_>, of: &Return, update: impl Fn(&mut ReturnedQuantity, u64)) {
    let Some(Inventory::Reservation(reservation)) = ctx.tx.update(&reservation_key(&of.order_id)) else { return };
    for line in &of.items {
        reservation.update_returned(&line.id, |returned| update(returned, line.quantity));
    }
}

#[cfg(test)]
mod tests;
