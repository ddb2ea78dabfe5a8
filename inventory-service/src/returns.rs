//! Pieces of an order that come back.
//!
//! ```text
//!             expect                receive: received, or rejected          restock
//!   (none) -----------> expected -------------------------------> expected ---------> restocked
//!     |  |  \               | forget                                 | forget             ^
//!     |  |   +-> refused    v                                        v                    |
//!     |  |    forget    forgotten <----------------------------------+                    |
//!     |  +------------------^   an expect or a restock that comes after it is refused      |
//!     |       restock                                                                     |
//!     +-----------------------------------------------------------------------------------+
//! ```
//! No more comes back than was given out. Every command is answered as before when it comes again.

use common::ids;
use common::messages::{Outgoing, Reply};
use common::time::Timestamp;
use common::topics;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::messages::{Forget, GOODS, GoodsReceived, OfReturn, ReturnReceived, Verdict};
use crate::reservation::{Back, Line, reservation_key, summed};
use crate::stock::{Decision, Inventory};

/// A return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    pub return_id: String,
    pub order_id: String,
    pub warehouse: String,
    pub status: ReturnStatus,
    /// Sorted by item, each item once.
    pub items: Vec<Line>,
    /// Why it was refused: a code and a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<(String, String)>,
    /// What somebody said who looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restocked_at: Option<Timestamp>,
    /// Since when it is as it is.
    pub at: Timestamp,
}

/// Where a return is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    Expected,
    Forgotten,
    Refused,
    Restocked,
}

/// What somebody said of what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReturnReceipt)]
pub struct Receipt {
    pub status: Verdict,
    /// Who says so.
    pub by: String,
    pub why: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The entity key of a return.
pub fn return_key(id: Uuid) -> String {
    format!("return/{id}")
}

fn known(desk: &mut Decision<'_, '_>, id: Uuid) -> Option<Return> {
    desk.tx.get(&return_key(id))?.returned().cloned()
}

/// Pieces are to come back. What is refused is recorded: asked again, it is refused again.
pub(crate) fn expect(desk: &mut Decision<'_, '_>, asked: OfReturn, warehouse: &str) -> Reply {
    if let Some(known) = known(desk, asked.return_id) {
        return match known.status {
            ReturnStatus::Expected | ReturnStatus::Restocked => Reply::done(),
            ReturnStatus::Refused => refused_again(&known),
            ReturnStatus::Forgotten => Reply::refused("already_forgotten", "the return was called off"),
        };
    }
    let OfReturn { return_id, order_id, items } = asked;
    let mut new = Return::of(return_id, &order_id.to_string(), (warehouse, summed(items)), desk.now);
    match fault(desk, &new) {
        None => note(desk, &new, |back, n| back.expected = back.expected.saturating_add(n)),
        Some(refusal) => (new.status, new.refusal) = (ReturnStatus::Refused, Some(refusal)),
    }
    let answer = if new.refusal.is_some() { refused_again(&new) } else { Reply::done() };
    desk.tx.put(return_key(return_id), Inventory::Return(new));
    answer
}

/// Pieces are not to come back, after all. One never heard of is recorded: it is refused later.
pub(crate) fn forget(desk: &mut Decision<'_, '_>, asked: Forget, warehouse: &str) -> Reply {
    let mut entry = match known(desk, asked.return_id) {
        Some(known) => known,
        None => Return::of(asked.return_id, &asked.order_id.to_string(), (warehouse, Vec::new()), desk.now),
    };
    if entry.status == ReturnStatus::Expected {
        no_longer_expected(desk, &entry);
        (entry.status, entry.at) = (ReturnStatus::Forgotten, desk.now);
        desk.tx.put(return_key(asked.return_id), Inventory::Return(entry));
    }
    Reply::done()
}

/// Pieces go back into the stock, once for a return.
pub(crate) fn restock(desk: &mut Decision<'_, '_>, asked: OfReturn, warehouse: &str) -> Reply {
    let OfReturn { return_id, order_id, items } = asked;
    let order = order_id.to_string();
    let before = known(desk, return_id);
    if let Some(before) = &before {
        match before.status {
            ReturnStatus::Restocked => return Reply::done(),
            ReturnStatus::Refused => return refused_again(before),
            ReturnStatus::Forgotten => return Reply::refused("not_returnable", "the return was called off"),
            ReturnStatus::Expected if before.order_id != order => {
                return Reply::refused("not_returnable", format!("the return is one of order {}", before.order_id));
            }
            ReturnStatus::Expected => no_longer_expected(desk, before),
        }
    }
    let mut new = Return::of(return_id, &order, (warehouse, summed(items)), desk.now);
    new.receipt = before.as_ref().and_then(|before| before.receipt.clone());
    if let Some((_, why)) = fault(desk, &new) {
        new.refusal = Some(("not_returnable".to_owned(), why));
        new.status = ReturnStatus::Refused;
    } else {
        note(desk, &new, |back, n| back.restocked = back.restocked.saturating_add(n));
        for line in &new.items {
            desk.change(warehouse, &line.id, |stock| stock.on_hand = stock.on_hand.saturating_add(line.quantity));
        }
        (new.status, new.restocked_at) = (ReturnStatus::Restocked, Some(desk.now));
    }
    let answer = if new.refusal.is_some() { refused_again(&new) } else { Reply::done() };
    desk.tx.put(return_key(return_id), Inventory::Return(new));
    answer
}

/// Somebody looked at what came back. The first word counts, and is told to the saga.
pub(crate) fn receive(desk: &mut Decision<'_, '_>, said: ReturnReceived, trace: Option<&str>) {
    let ReturnReceived { return_id, status, by, why } = said;
    let key = return_key(return_id);
    let Some(known) = known(desk, return_id) else { return };
    if known.status != ReturnStatus::Expected || known.receipt.is_some() {
        return;
    }
    let id = ids::derive(&[GOODS, &known.return_id]).to_string();
    let (who, because) = (Some(by.clone()), Some(why.clone()));
    let told = GoodsReceived { return_id, status, by: who, why: because, at: Some(desk.now) };
    let message =
        Outgoing::event(topics::GOODS_RECEIVED, &known.return_id, GOODS, id, &known.return_id, desk.now, &told);
    desk.tx.send(message.caused_by(trace));
    let receipt = Some(Receipt { status, by, why, at: desk.now });
    desk.tx.put(key, Inventory::Return(Return { receipt, at: desk.now, ..known }));
}

impl Return {
    /// One that is expected.
    fn of(id: Uuid, order: &str, (warehouse, items): (&str, Vec<Line>), now: Timestamp) -> Self {
        let (return_id, order_id, warehouse) = (id.to_string(), order.to_owned(), warehouse.to_owned());
        let (status, refusal, receipt, restocked_at) = (ReturnStatus::Expected, None, None, None);
        Self { return_id, order_id, warehouse, status, items, refusal, receipt, restocked_at, at: now }
    }
}

fn refused_again(known: &Return) -> Reply {
    let (reason, detail) = known.refusal.as_ref().map_or(("not_returnable", ""), |(r, d)| (r, d));
    Reply::refused(reason, detail)
}

/// Why it can't come back: a code and a sentence.
fn fault(desk: &mut Decision<'_, '_>, wanted: &Return) -> Option<(String, String)> {
    let order = &wanted.order_id;
    let Some(known) = desk.reservation(order).filter(|known| known.warehouse == wanted.warehouse) else {
        return Some(("unknown_order".to_owned(), format!("nothing was ever reserved for order {order}")));
    };
    if wanted.items.is_empty() {
        return Some(("not_returnable".to_owned(), "no item is named".to_owned()));
    }
    let short = wanted.items.iter().find(|line| line.quantity > known.returnable(&line.id))?;
    let (id, n, left) = (&short.id, short.quantity, known.returnable(&short.id));
    Some(("not_returnable".to_owned(), format!("item {id}: {n} to come back, {left} of the order can")))
}

fn no_longer_expected(desk: &mut Decision<'_, '_>, known: &Return) {
    note(desk, known, |back, n| back.expected = back.expected.saturating_sub(n));
}

/// Notes in the order's reservation what becomes of the pieces.
fn note(desk: &mut Decision<'_, '_>, of: &Return, how: impl Fn(&mut Back, u64)) {
    let Some(Inventory::Reservation(reservation)) = desk.tx.update(&reservation_key(&of.order_id)) else { return };
    for line in &of.items {
        reservation.comes_back(&line.id, |back| how(back, line.quantity));
    }
}
