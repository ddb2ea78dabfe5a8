//! The inventory service as a program: its name, topics, settings and parts.

use anyhow::ensure;
use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::service::{self, Context};
use common::topics;

use crate::carrier::{Dispatcher, Switchboard};
pub use crate::settings::Settings;
use crate::stock::Warehouse;
use crate::view::InventoryRows;

/// The inventory service.
pub struct Program;

impl service::Program for Program {
    const NAME: &'static str = "inventory-service";
    const ABOUT: &'static str = "Keeps the stock, reserves it for orders, ships it and takes it back.";
    const JOURNAL: &'static str = "inventory-journal";
    const INPUTS: &'static [&'static str] = &[topics::INVENTORY_COMMANDS];
    const OUTPUTS: &'static [&'static str] =
        &[topics::SAGA_REPLIES, topics::INVENTORY_COMMANDS, topics::STOCK_EVENTS, topics::GOODS_RECEIVED];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = Warehouse;
    type Rows = InventoryRows;
    type Executor = Dispatcher<Switchboard>;

    fn build(settings: &Settings) -> anyhow::Result<(Warehouse, Self::Executor)> {
        let faults = settings.faults();
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok((settings.warehouse(), settings.dispatcher()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{CountrySettings, Item};

    fn defaults() -> Settings {
        use service::Program as _;
        common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap().own
    }

    fn build(warehouse: &str, ids: &[&str]) -> Result<Warehouse, String> {
        let mut settings = defaults();
        let item = |id: &&str| Item { id: (*id).to_owned(), name: "x".to_owned(), on_hand: 1, low: None };
        settings.stock.items = ids.iter().map(item).collect();
        settings.stock.warehouse = warehouse.to_owned();
        <Program as service::Program>::build(&settings).map(|(handler, _)| handler).map_err(|e| e.to_string())
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
        let (handler, _) = Program::build(&defaults()).unwrap();
        let ticket = handler.seed.iter().find(|s| s.item_id == "3852cb18-9c19-4326-ac77-a1a0264bd98c").unwrap();
        assert_eq!((&*ticket.name, ticket.on_hand), ("day-one", 1000));
        let rules = handler.rules;
        assert_eq!((rules.expiry.as_secs(), rules.low, rules.low_of.len()), (1800, 10, 1));
        assert_eq!((&*rules.shipping.origin, rules.shipping.offset.to_string()), ("BR", "-03".to_owned()));
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

        let mut bad = defaults();
        bad.stock.reservation_expiry = std::time::Duration::ZERO;
        let text = |text: &str| text.to_owned();
        let shipping = &mut bad.shipping;
        (shipping.failure_rate, shipping.attempts, shipping.timeout) = (1.5, 0, std::time::Duration::ZERO);
        (shipping.origin, shipping.utc_offset, shipping.serial_from) = (text("brazil"), text("-3"), 100_000_000);
        shipping.pickup = 400;
        let country =
            |code: &str| CountrySettings { code: text(code), standard: 999, express: 1, holidays: vec![text("13-13")] };
        shipping.countries = vec![country("XX"), country("XX")];
        let faults = bad.faults().join("\n");
        for key in [
            "stock.reservation_expiry = '0ns'",
            "shipping.failure_rate = '1.5'",
            "shipping.attempts = '0'",
            "shipping.timeout",
            "shipping.origin = 'brazil'",
            "shipping.utc_offset = '-3'",
            "shipping.serial_from",
            "shipping.pickup = '400'",
            "shipping.countries[0].standard = '999'",
            "shipping.countries[1].code = 'XX': each",
            "shipping.countries[1].holidays = '13-13'",
        ] {
            assert!(faults.contains(key), "{key}: {faults}");
        }
    }
}
