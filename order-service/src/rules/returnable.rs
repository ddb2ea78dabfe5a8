//! Which pieces of an order can be returned, and the refund for them. Used by the rule and by the API,
//! which rejects a request before it is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use common::bounds::json_bytes;
use common::shipments::DeliveryStatus;
use common::time::Timestamp;

use crate::order::bounds::{MOST_RETURNS, RETURNS_BYTES, is_refused_at_once};
use crate::order::parts::{Pieces, Return, ReturnStatus};
use crate::order::{Item, Order};

/// Why pieces cannot be returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotReturnable {
    /// Such as `too_late`.
    pub(crate) code: &'static str,
    /// A sentence, without its full stop.
    pub(crate) detail: String,
    /// The index of the rejected pieces in the request; `None` if all of them are rejected.
    pub(crate) index: Option<usize>,
}

impl NotReturnable {
    fn all(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), index: None }
    }

    fn of_item(code: &'static str, detail: String, index: usize) -> Self {
        Self { code, detail, index: Some(index) }
    }
}

/// The refund for these pieces, in minor units.
///
/// # Errors
/// The order is not fulfilled, its parcel is lost, it was delivered or ended more than `window` ago, it has too many
/// returns, or not all of the pieces are left.
pub(crate) fn refund_for(
    order: &Order,
    pieces: &[Pieces],
    now: Timestamp,
    window: Duration,
) -> Result<i64, NotReturnable> {
    if order.is_underway() || !order.status.is_fulfilled() {
        let detail = format!("the order is {}, only a fulfilled order can be returned", order.status);
        return Err(NotReturnable::all("not_fulfilled", detail));
    }
    if order.tracking.as_ref().is_some_and(|tracking| tracking.status == DeliveryStatus::Lost) {
        let detail = "the parcel is lost: the shop sends another one or refunds it";
        return Err(NotReturnable::all("parcel_lost", detail));
    }
    let deadline = window_start(order).map(|start| start.plus(window));
    if let Some(deadline) = deadline.filter(|deadline| now > *deadline) {
        return Err(NotReturnable::all("too_late", format!("the order could be returned until {deadline}")));
    }
    if pieces.is_empty() {
        return Err(NotReturnable::all("nothing_left", "all items are returned or in a pending return"));
    }
    let returns = order.returns.iter().filter(|known| !is_refused_at_once(known)).count();
    if returns >= MOST_RETURNS {
        let detail = format!("an order has at most {MOST_RETURNS} returns, and this one has {returns}");
        return Err(NotReturnable::all("too_many_returns", detail));
    }
    let bytes = json_bytes(&order.returns);
    if bytes > RETURNS_BYTES {
        let detail =
            format!("the {returns} returns of this order take {bytes} bytes, at most {RETURNS_BYTES} are kept");
        return Err(NotReturnable::all("too_many_returns", detail));
    }
    let mut left = left(order);
    for (index, wanted) in pieces.iter().enumerate() {
        let Some(of_item) = left.get_mut(wanted.id.as_str()) else {
            let detail = format!("item {} is not in this order", wanted.id);
            return Err(NotReturnable::of_item("unknown_item", detail, index));
        };
        let quantity = u64::from(wanted.quantity);
        if quantity > *of_item {
            let detail = format!("{quantity} of item {} requested, {of_item} can be returned", wanted.id);
            return Err(NotReturnable::of_item("more_than_ordered", detail, index));
        }
        *of_item -= quantity;
    }
    let is_last = left.values().all(|quantity| *quantity == 0);
    Ok(if is_last { unrefunded(order) } else { share(order, pieces) })
}

/// When the window for returns begins: with the delivery, or with the end of the order if no delivery is reported of
/// it. `None` while the delivery is awaited: a customer may withdraw before the goods arrive.
fn window_start(order: &Order) -> Option<Timestamp> {
    let ended = order.concluded_at.unwrap_or(order.updated_at);
    let delivered = order.tracking.as_ref().and_then(|tracking| tracking.delivered_at);
    match delivered {
        Some(delivered) => Some(delivered.max(ended)),
        None => Some(ended).filter(|_| !order.shipment.as_ref().is_some_and(|shipment| shipment.tracked)),
    }
}

/// The pieces that can still be returned.
pub(crate) fn all_left(order: &Order) -> Vec<Pieces> {
    let pieces = |(id, quantity): (&str, u64)| {
        let quantity = u32::try_from(quantity).ok().filter(|quantity| *quantity > 0)?;
        Some(Pieces { id: id.to_owned(), quantity })
    };
    left(order).into_iter().filter_map(pieces).collect()
}

/// Returns true if every piece of the order was returned.
pub(super) fn is_returned(order: &Order) -> bool {
    let is_all = left(order).values().all(|quantity| *quantity == 0);
    is_all && not_refused(order).all(|known| known.status == ReturnStatus::Returned)
}

fn not_refused(order: &Order) -> impl Iterator<Item = &Return> {
    order.returns.iter().filter(|known| known.status != ReturnStatus::Refused)
}

/// How many pieces of each item can still be returned.
fn left(order: &Order) -> BTreeMap<&str, u64> {
    let mut left = BTreeMap::<&str, u64>::new();
    for item in &order.placed.items {
        *left.entry(item.id.as_str()).or_default() += u64::from(item.quantity.get());
    }
    for pieces in not_refused(order).flat_map(|known| &known.items) {
        if let Some(of_item) = left.get_mut(pieces.id.as_str()) {
            *of_item = of_item.saturating_sub(u64::from(pieces.quantity));
        }
    }
    left
}

/// The paid amount minus all refunds. The refund of the last pieces, so that rounding loses nothing.
fn unrefunded(order: &Order) -> i64 {
    let refunded: i64 = not_refused(order).map(|known| known.refund_minor).sum();
    order.placed.amount_minor.saturating_sub(refunded)
}

/// The pieces' share of the paid amount, by value, rounded down. The paid amount need not be the sum of the items, so
/// prices only give the shares; if all prices are 0, each piece counts the same.
fn share(order: &Order, pieces: &[Pieces]) -> i64 {
    let lines = &order.placed.items;
    let is_free = lines.iter().all(|line| line.amount_minor == 0);
    let price = |line: &Item| if is_free { 1 } else { i128::from(line.amount_minor) };
    let whole: i128 = lines.iter().map(|line| price(line) * i128::from(line.quantity.get())).sum();
    let mut value: i128 = 0;
    for wanted in pieces {
        // Lines of one item may differ in price: the cheaper ones are returned first.
        let mut of_item: Vec<_> = lines.iter().filter(|line| line.id == wanted.id).collect();
        of_item.sort_by_key(|line| line.amount_minor);
        let mut open = wanted.quantity;
        for line in of_item {
            let taken = open.min(line.quantity.get());
            open -= taken;
            value += price(line) * i128::from(taken);
        }
    }
    let share = i128::from(order.placed.amount_minor) * value / whole.max(1);
    let most = unrefunded(order);
    i64::try_from(share).unwrap_or(most).clamp(0, most.max(0))
}

#[cfg(test)]
mod tests;
