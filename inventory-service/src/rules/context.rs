//! The context of a rule: the entities it reads and changes, the settings, its cause and the time.

use common::ids;
use common::journal::Transaction;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;

use crate::entity::{Inventory, Reservation, Stock, reservation_key, stock_key};
use crate::messages::{STOCK_LOW, STOCK_SHORTFALL, StockLow, StockShortfall};
use crate::rules::settings::RuleSettings;

/// The input and output of a rule.
pub(crate) struct RuleContext<'w, 'a> {
    pub tx: &'w mut Transaction<'a, Inventory>,
    pub rules: &'w RuleSettings,
    /// The id of the message, or the key of the timer, that is handled.
    pub cause: &'w str,
    pub now: Timestamp,
}

impl RuleContext<'_, '_> {
    pub fn reservation(&mut self, order: &str) -> Option<&Reservation> {
        self.tx.get(&reservation_key(order))?.reservation()
    }

    pub fn stock(&mut self, warehouse: &str, item: &str) -> Option<&Stock> {
        self.tx.get(&stock_key(warehouse, item))?.stock()
    }

    /// Changes a stock. Sends `stock.low` if the change makes the item scarce, and `stock.shortfall` if it leaves fewer
    /// pieces than are reserved. `None` for an unknown item.
    pub fn change_stock<T>(&mut self, warehouse: &str, item: &str, change: impl FnOnce(&mut Stock) -> T) -> Option<T> {
        let Some(Inventory::Stock(stock)) = self.tx.update(&stock_key(warehouse, item)) else { return None };
        let before = stock.available();
        let missing_before = stock.missing();
        stock.opening = Some(stock.opening());
        let result = change(stock);
        let after = stock.available();
        let short = (stock.missing() > missing_before).then(|| stock.clone());
        let threshold = self.rules.low_of.get(item).copied().unwrap_or(self.rules.low);
        if after < threshold && threshold <= before {
            let value = StockLow {
                warehouse: warehouse.to_owned(),
                item_id: item.to_owned(),
                name: stock.name.clone(),
                available: after,
                threshold,
                at: self.now,
            };
            self.announce(STOCK_LOW, warehouse, item, &value);
        }
        if let Some(short) = short {
            self.report_shortfall(short, None);
        }
        Some(result)
    }

    /// Sends `stock.shortfall`: of the order that can't be confirmed, if there is one.
    pub fn report_shortfall(&mut self, stock: Stock, order_id: Option<String>) {
        let Stock { warehouse, item_id, name, on_hand, reserved, .. } = stock;
        let value = StockShortfall { warehouse, item_id, name, on_hand, reserved, order_id, at: self.now };
        self.announce(STOCK_SHORTFALL, &value.warehouse, &value.item_id, &value);
    }

    /// Sends an event of an item's stock, once for each cause.
    fn announce<T: Serialize>(&mut self, kind: &str, warehouse: &str, item: &str, value: &T) {
        let id = ids::derive(&[kind, warehouse, item, self.cause]).to_string();
        self.tx.send(Outgoing::event(topics::STOCK_EVENTS, warehouse, kind, id, item, self.now, value));
    }
}

#[cfg(test)]
mod tests;
