//! Returns: what of an order can be brought back, what the customer gets for it, and what became of it. Pure; the
//! return's own saga decides what is done for it.

use std::collections::BTreeMap;
use std::time::Duration;

use common::ids::{self, OrderId};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::notices::{Kind, tell};
use crate::order::{Decision, Item, Order, Orders, Status, answer, change, known};

/// `ce_type` of the message by which a customer asks for a return (from the HTTP API).
pub const RETURN: &str = "order.return";
/// `ce_type` of the event that a return was asked for: its saga begins.
pub const RETURN_REQUESTED: &str = "return.requested";
/// `ce_type` of the command by which the orchestrator tells how a return ended.
pub const CONCLUDE_RETURN: &str = "order.conclude-return";

/// Value of `order.return`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AskForReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub items: Vec<Pieces>,
    pub why: String,
}

/// So many of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pieces {
    pub id: String,
    pub quantity: u32,
}

/// Value of `return.requested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReturnRequested {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub customer_id: Uuid,
    pub items: Vec<Pieces>,
    /// What the customer gets back, in minor units of `currency`.
    pub refund_minor: i64,
    pub currency: String,
    /// Whether the goods are out of the house, so that they have to come back first.
    pub shipped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    pub why: String,
    pub requested_at: Timestamp,
}

/// Value of `order.conclude-return`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConcludeReturn {
    pub return_id: Uuid,
    pub order_id: OrderId,
    pub status: ReturnStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a return is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    /// Asked for; its saga runs.
    Requested,
    /// The goods are back, and the money too.
    Returned,
    /// It was not accepted, or the goods never came.
    Refused,
}

/// A return, as its order remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    pub id: Uuid,
    pub status: ReturnStatus,
    pub items: Vec<Pieces>,
    pub refund_minor: i64,
    pub why: String,
    pub requested_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_reason: Option<String>,
}

/// Why something can't be returned: a code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReturnable {
    pub code: &'static str,
    pub detail: String,
    /// Which of the items asked for it is about.
    pub item: Option<usize>,
}

fn not(code: &'static str, detail: String, item: Option<usize>) -> NotReturnable {
    NotReturnable { code, detail, item }
}

/// What the customer gets for these pieces, in minor units, where they can be returned.
///
/// # Errors
/// Why they can't be.
pub fn returnable(order: &Order, pieces: &[Pieces], now: Timestamp, window: Duration) -> Result<i64, NotReturnable> {
    if order.is_underway() || !order.status.is_fulfilled() {
        let status = order.status;
        return Err(not(
            "not_fulfilled",
            format!("the order is {status}: only one that was fulfilled can be returned"),
            None,
        ));
    }
    let since = order.concluded_at.unwrap_or(order.updated_at);
    if now > since.plus(window) {
        let until = since.plus(window);
        return Err(not("too_late", format!("it could be returned until {until}"), None));
    }
    if pieces.is_empty() {
        return Err(not("nothing_left", "all of it was returned, or is being returned".to_owned(), None));
    }
    let mut left = left(order);
    for (place, asked) in pieces.iter().enumerate() {
        let Some(there) = left.get_mut(asked.id.as_str()) else {
            return Err(not("unknown_item", format!("item {} is not of this order", asked.id), Some(place)));
        };
        if u64::from(asked.quantity) > *there {
            let detail = format!("{} of item {} are wanted back, {there} can be returned", asked.quantity, asked.id);
            return Err(not("more_than_ordered", detail, Some(place)));
        }
        *there -= u64::from(asked.quantity);
    }
    let all = left.values().all(|quantity| *quantity == 0);
    Ok(refund(order, pieces, all))
}

/// The returns that are done or under way.
fn standing(order: &Order) -> impl Iterator<Item = &Return> {
    order.returns.iter().filter(|asked| asked.status != ReturnStatus::Refused)
}

/// How many pieces of each item can still be returned.
fn left(order: &Order) -> BTreeMap<&str, u64> {
    let mut left = BTreeMap::<&str, u64>::new();
    for item in &order.placed.items {
        *left.entry(item.id.as_str()).or_default() += u64::from(item.quantity.get());
    }
    for pieces in standing(order).flat_map(|asked| &asked.items) {
        if let Some(there) = left.get_mut(pieces.id.as_str()) {
            *there = there.saturating_sub(u64::from(pieces.quantity));
        }
    }
    left
}

/// All that can still be returned of an order.
pub fn all_of(order: &Order) -> Vec<Pieces> {
    let pieces = |(id, quantity): (&str, u64)| {
        let quantity = u32::try_from(quantity).ok().filter(|quantity| *quantity > 0)?;
        Some(Pieces { id: id.to_owned(), quantity })
    };
    left(order).into_iter().filter_map(pieces).collect()
}

/// The share of what was paid, as the pieces' value is of the order's value, rounded down; what brings back the last of
/// it gets the rest. What was paid need not be the sum of the items, so the items' prices only say the shares.
fn refund(order: &Order, pieces: &[Pieces], all: bool) -> i64 {
    let given: i64 = standing(order).map(|asked| asked.refund_minor).sum();
    let left = order.placed.amount_minor.saturating_sub(given);
    if all {
        return left;
    }
    let lines = &order.placed.items;
    let free = lines.iter().all(|line| line.amount_minor == 0);
    let price = |line: &Item| if free { 1 } else { i128::from(line.amount_minor) };
    let whole: i128 = lines.iter().map(|line| price(line) * i128::from(line.quantity.get())).sum();
    // Lines of one item may differ in price: the cheaper ones come back first.
    let value: i128 = pieces
        .iter()
        .map(|wanted| {
            let mut of_item: Vec<_> = lines.iter().filter(|line| line.id == wanted.id).collect();
            of_item.sort_by_key(|line| line.amount_minor);
            let mut open = wanted.quantity;
            of_item
                .into_iter()
                .map(|line| {
                    let taken = open.min(line.quantity.get());
                    open -= taken;
                    price(line) * i128::from(taken)
                })
                .sum::<i128>()
        })
        .sum();
    let share = i128::from(order.placed.amount_minor) * value / whole.max(1);
    i64::try_from(share).unwrap_or(left).clamp(0, left.max(0))
}

/// A return that is possible is remembered, and its saga begins; one that is not is remembered as refused, so that
/// whoever asked sees it.
pub(crate) fn ask_for_return(
    rules: &Orders,
    tx: Decision<'_, '_>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let AskForReturn { return_id: id, order_id, items, why } = message.json()?;
    let order = known(tx, order_id)?;
    if order.returns.iter().any(|known| known.id == id) {
        return Ok(());
    }
    let refund = returnable(order, &items, now, rules.return_window);
    let (status, reason) = match &refund {
        Ok(_) => (ReturnStatus::Requested, None),
        Err(why) => (ReturnStatus::Refused, Some(why.code.to_owned())),
    };
    let refund_minor = refund.unwrap_or_default();
    order.returns.push(Return {
        id,
        status,
        items: items.clone(),
        refund_minor,
        why: why.clone(),
        requested_at: now,
        ended_at: reason.is_some().then_some(now),
        outcome_reason: reason,
    });
    order.updated_at = now;
    if status != ReturnStatus::Requested {
        return Ok(());
    }
    let placed = &order.placed;
    let requested = ReturnRequested {
        return_id: id,
        order_id,
        customer_id: placed.customer_id,
        items,
        refund_minor,
        currency: placed.currency.clone(),
        shipped: order.shipment.is_some(),
        warehouse: placed.warehouse.clone(),
        why,
        requested_at: now,
    };
    let (key, event_id) = (id.to_string(), ids::derive(&["return", &id.to_string(), "requested"]).to_string());
    let event = Outgoing::event(topics::CREATED_ORDERS, &key, RETURN_REQUESTED, event_id, &key, now, &requested);
    tx.send(event.caused_by(message.header(header::TRACEPARENT)));
    Ok(())
}

/// A return ends, once. With the last piece the whole order is returned.
pub(crate) fn conclude_return(
    rules: &Orders,
    tx: Decision<'_, '_>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let ending: ConcludeReturn = message.json()?;
    if ending.status == ReturnStatus::Requested {
        return Err(Unreadable::Malformed("status: a return cannot end as requested".to_owned()));
    }
    let id = ending.return_id;
    let look = |order: &Order| order.returns.iter().find(|known| known.id == id).map(|known| known.status);
    answer(tx, message, ending.order_id, now, look, |tx, key, before| {
        match before {
            None => return Reply::refused("unknown_return", format!("the order has no return {id}")),
            Some(ReturnStatus::Requested) => {}
            Some(known) if known == ending.status => return Reply::done(),
            Some(_) => return Reply::refused("already_ended", format!("return {id} ended otherwise")),
        }
        change(tx, key, |order| {
            if let Some(asked) = order.returns.iter_mut().find(|known| known.id == id) {
                (asked.status, asked.ended_at, asked.outcome_reason) =
                    (ending.status, Some(now), ending.reason.clone());
            }
            order.updated_at = now;
            let back = |asked: &Return| asked.status == ReturnStatus::Returned;
            if left(order).values().all(|quantity| *quantity == 0) && standing(order).all(back) {
                order.becomes(Status::Returned, None, now);
            }
        });
        let kind = if ending.status == ReturnStatus::Returned { Kind::Returned } else { Kind::ReturnRefused };
        tell(rules, tx, key, kind, Some(id), now);
        Reply::done()
    })
}

#[cfg(test)]
mod tests;
