//! The inventory service as a program: its name, topics, settings and parts.

use std::collections::BTreeSet;

use anyhow::ensure;
use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::service::{self, Context, NoActor};
use common::topics;
use serde::{Deserialize, Serialize};

use crate::messages::item_id;
use crate::stock::{Stock, Warehouse};
use crate::view::InventoryRows;

/// The longest id and the longest name, in characters.
pub const LONGEST_ID: usize = 64;
pub const LONGEST_NAME: usize = 200;

/// The inventory service.
pub struct Program;

/// Its own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub stock: StockSettings,
}

/// `[stock]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockSettings {
    /// The warehouse that this service keeps.
    pub warehouse: String,
    /// What must exist.
    pub items: Vec<Item>,
}

/// `[[stock.items]]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub id: String,
    pub name: String,
    pub on_hand: u32,
}

impl service::Program for Program {
    const NAME: &'static str = "inventory-service";
    const ABOUT: &'static str = "Keeps the stock and reserves it for orders.";
    const JOURNAL: &'static str = "inventory-journal";
    const INPUTS: &'static [&'static str] = &[topics::INVENTORY_COMMANDS];
    const OUTPUTS: &'static [&'static str] = &[topics::SAGA_REPLIES];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = Warehouse;
    type Rows = InventoryRows;
    type Actor = NoActor;

    fn build(settings: &Settings) -> anyhow::Result<(Warehouse, NoActor)> {
        let StockSettings { warehouse, items } = &settings.stock;
        ensure!(
            is_word(warehouse, LONGEST_ID) && !warehouse.contains('/'),
            "stock.warehouse = '{warehouse}': allowed are 1 to {LONGEST_ID} characters, no '/', no control characters"
        );
        let mut seen = BTreeSet::new();
        let mut seed = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            let Item { id, name, on_hand } = item;
            ensure!(
                is_word(id, LONGEST_ID),
                "stock.items[{n}].id = '{id}': allowed are 1 to {LONGEST_ID} characters, no control characters"
            );
            ensure!(
                is_word(name, LONGEST_NAME),
                "stock.items[{n}].name = '{name}': allowed are 1 to {LONGEST_NAME} characters, no control characters"
            );
            let item_id = item_id(id);
            ensure!(seen.insert(item_id.clone()), "stock.items[{n}].id = '{id}': each item may stand there once");
            let (name, warehouse, on_hand) = (name.clone(), warehouse.clone(), u64::from(*on_hand));
            seed.push(Stock { item_id, name, warehouse, on_hand, reserved: 0, changes: Vec::new() });
        }
        Ok((Warehouse { name: warehouse.clone(), seed }, NoActor))
    }

    fn access(method: &Method, path: &str) -> Access {
        // What there is, everyone known may see: all of it, or one item. How it came about is the operators'.
        let mut segments = path.split('/').skip(1);
        let of_stock = segments.next() == Some("stock") && segments.nth(1).is_none();
        if of_stock && matches!(*method, Method::GET | Method::HEAD) { Access::Known } else { Access::Operator }
    }

    fn router(context: Context<Settings>) -> Router {
        crate::api::router(context)
    }
}

/// Whether `text` can be an id or a name: not blank, not too long, nothing that can't be seen.
pub fn is_word(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(warehouse: &str, ids: &[&str]) -> Result<Warehouse, String> {
        let item = |id: &&str| Item { id: (*id).to_owned(), name: "x".to_owned(), on_hand: 1 };
        let stock = StockSettings { warehouse: warehouse.to_owned(), items: ids.iter().map(item).collect() };
        <Program as service::Program>::build(&Settings { stock }).map(|(handler, _)| handler).map_err(|e| e.to_string())
    }

    #[test]
    fn configured_items_become_the_seed_with_one_spelling_of_their_ids() {
        let handler = build("main", &["3852CB18-9C19-4326-AC77-A1A0264BD98C", "vip"]).unwrap();
        let ids: Vec<_> = handler.seed.into_iter().map(|stock| stock.item_id).collect();
        assert_eq!(ids, ["3852cb18-9c19-4326-ac77-a1a0264bd98c", "vip"]);
    }

    #[test]
    fn the_defaults_are_all_the_settings_and_hold_the_sample_ticket() {
        use service::Program as _;
        let settings = common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap();
        let (handler, _) = Program::build(&settings.own).unwrap();
        let ticket = handler.seed.iter().find(|s| s.item_id == "3852cb18-9c19-4326-ac77-a1a0264bd98c").unwrap();
        assert_eq!((&*ticket.name, ticket.on_hand), ("day-one", 1000));
    }

    #[test]
    fn customers_may_look_at_the_stock_and_operators_do_the_rest() {
        let asks = <Program as service::Program>::access;
        for path in ["/stock", "/stock/7"] {
            assert_eq!(asks(&Method::GET, path), Access::Known);
            assert_eq!(asks(&Method::PUT, path), Access::Operator);
        }
        for path in ["/stock/7/movements", "/reservations/7", "/stocks", "/"] {
            assert_eq!(asks(&Method::GET, path), Access::Operator, "{path}");
        }
    }

    #[test]
    fn a_bad_value_is_named_with_its_key() {
        assert!(build("", &[]).unwrap_err().starts_with("stock.warehouse = ''"));
        assert!(build("a/b", &[]).unwrap_err().contains("no '/'"));
        assert!(build("main", &["a", " "]).unwrap_err().starts_with("stock.items[1].id = ' '"));
        assert!(build("main", &["a", "a"]).unwrap_err().contains("each item may stand there once"));
    }
}
