//! The pieces that an invoice or a credit note bills: of an invoice all of its order, of a credit note those of a
//! return, or all that were not returned before.

use std::collections::BTreeMap;

use crate::order::parts::{CreditNote, Return, ReturnStatus};
use crate::order::{Item, Order};

/// A line of a document: so many pieces of a line of the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pieces<'a> {
    pub(super) item: &'a Item,
    pub(super) quantity: u32,
}

impl Pieces<'_> {
    /// The amount at the order's price.
    pub(super) fn amount(&self) -> i128 {
        i128::from(self.item.amount_minor) * i128::from(self.quantity)
    }
}

/// All pieces of an order.
pub(super) fn of_order(order: &Order) -> Vec<Pieces<'_>> {
    order.placed.items.iter().map(|item| Pieces { item, quantity: item.quantity.get() }).collect()
}

/// The pieces of one of the order's credit notes.
pub(super) fn of_credit_note<'a>(order: &'a Order, note: &CreditNote) -> Vec<Pieces<'a>> {
    let has_note = |known: &Return| order.credit_notes.iter().any(|note| note.return_id == Some(known.id));
    let is_complete = |known: &&Return| known.status == ReturnStatus::Returned;
    // Returns that an earlier release completed have no credit note, and came before all that have one.
    let without = order.returns.iter().filter(is_complete).filter(|known| !has_note(known));
    let find = |note: &CreditNote| order.returns.iter().find(|known| Some(known.id) == note.return_id);
    let with = order.credit_notes.iter().take_while(|before| before.number != note.number).filter_map(find);
    let mut left = Left::of(order);
    for known in without.chain(with) {
        left.take(known);
    }
    match note.return_id {
        Some(_) => find(note).map(|known| left.take(known)).unwrap_or_default(),
        None => left.rest(),
    }
}

/// The pieces of an order that were not returned.
struct Left<'a> {
    items: &'a [Item],
    quantities: Vec<u32>,
    /// The order's lines of each item, the cheapest first, as in the rule for refunds.
    lines: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Left<'a> {
    fn of(order: &'a Order) -> Self {
        let items = &order.placed.items;
        let mut lines: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut sorted: Vec<(usize, &Item)> = items.iter().enumerate().collect();
        sorted.sort_by_key(|(_, item)| item.amount_minor);
        for (index, item) in sorted {
            lines.entry(&item.id).or_default().push(index);
        }
        Self { items, quantities: items.iter().map(|item| item.quantity.get()).collect(), lines }
    }

    /// All that is left.
    fn rest(self) -> Vec<Pieces<'a>> {
        let pieces = self.items.iter().zip(self.quantities).map(|(item, quantity)| Pieces { item, quantity });
        pieces.filter(|pieces| pieces.quantity > 0).collect()
    }

    /// Takes the pieces of a return.
    fn take(&mut self, known: &Return) -> Vec<Pieces<'a>> {
        let mut all = Vec::new();
        for pieces in &known.items {
            let mut open = pieces.quantity;
            for index in self.lines.get(pieces.id.as_str()).into_iter().flatten() {
                let Some(item) = self.items.get(*index) else { continue };
                let Some(of_line) = self.quantities.get_mut(*index) else { continue };
                let quantity = open.min(*of_line);
                if quantity > 0 {
                    *of_line -= quantity;
                    open -= quantity;
                    all.push(Pieces { item, quantity });
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
