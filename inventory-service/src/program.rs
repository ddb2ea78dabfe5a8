//! The inventory service as a program: its name, topics, settings and components.

use std::sync::Arc;

use anyhow::ensure;
use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::prometheus_client::metrics::counter::Counter;
use common::prometheus_client::metrics::family::Family;
use common::prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use common::prometheus_client::registry::Registry;
use common::service::{self, Context, MoreTopics};
use common::topics;

use crate::carrier::call::CarrierKind;
use crate::carrier::executor::Dispatcher;
use crate::carrier::guard::{CarrierCalls, Guarded};
use crate::carrier::manual::Manual;
use crate::carrier::registry::CarrierRegistry;
use crate::carrier::simulated::Simulated;
use crate::entity::ShipmentStatus;
use crate::handler::Warehouse;
pub use crate::settings::Settings;
use crate::settings::ShippingSettings;
use crate::view::{self, InventoryRows};

type CarrierLabel = [(&'static str, &'static str); 1];
type StatusLabel = [(&'static str, &'static str); 1];

/// The statuses of shipments that an operator must resolve; the last two are of a second parcel.
const UNRESOLVED: [ShipmentStatus; 4] =
    [ShipmentStatus::Lost, ShipmentStatus::ReturnedToSender, ShipmentStatus::Failed, ShipmentStatus::Refused];

/// The inventory service.
pub struct Program;

impl service::Program for Program {
    const NAME: &'static str = "inventory-service";
    const ABOUT: &'static str = "Manages the stock: reserves it for orders, ships it and restocks returns.";
    const JOURNAL: &'static str = "inventory-journal";
    const INPUTS: &'static [&'static str] = &[topics::INVENTORY_COMMANDS];
    const COMMANDS: &'static str = topics::INVENTORY_COMMANDS;
    const OUTPUTS: &'static [&'static str] = &[
        topics::SAGA_REPLIES,
        topics::INVENTORY_COMMANDS,
        topics::STOCK_EVENTS,
        topics::GOODS_RECEIVED,
        topics::CASES,
        topics::ORDER_COMMANDS,
    ];
    const EVENTS: Option<&'static str> = Some(topics::SHIPMENT_EVENTS);
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = Warehouse;
    type Rows = InventoryRows;
    type Executor = Dispatcher<CarrierRegistry>;

    fn build(settings: &Settings) -> anyhow::Result<(Warehouse, Self::Executor)> {
        let faults = settings.faults();
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok((warehouse(settings), dispatcher(&settings.shipping, &settings.carrier_calls)))
    }

    fn more_topics(handler: &Warehouse) -> MoreTopics {
        MoreTopics::of_events(Self::EVENTS, handler.rules.events)
    }

    fn access(method: &Method, path: &str) -> Access {
        // Webhooks have a signature.
        if path.starts_with("/carrier/webhooks/") {
            return Access::Open;
        }
        // Customers may read the stock of all items or of one, operators everything.
        let mut segments = path.split('/').skip(1);
        let is_stock = segments.next() == Some("stock") && segments.nth(1).is_none();
        if is_stock && matches!(*method, Method::GET | Method::HEAD) { Access::Authenticated } else { Access::Operator }
    }

    fn metrics(context: &Context<Settings>, registry: &mut Registry) -> anyhow::Result<()> {
        let rules = context.settings.rules();
        let scarce = context.view.read_blocking(|connection| view::scarce(connection, rules.low, &rules.low_of))?;
        let short = context.view.read_blocking(view::short)?;
        let to_resolve = context.view.read_blocking(view::to_resolve)?;
        let inventory = registry.sub_registry_with_prefix("inventory");
        let help = "Items with fewer available pieces than stock.low";
        inventory.register("low_items", help, ConstGauge::new(scarce));
        let help = "Items with fewer pieces than are reserved";
        inventory.register("short_items", help, ConstGauge::new(short));
        inventory.register("shipments_to_resolve", "Shipments that an operator must resolve", unresolved(to_resolve));
        let calls = &context.settings.carrier_calls;
        let made = Family::<CarrierLabel, Counter>::default();
        made.get_or_create(&[("carrier", CarrierKind::Simulated.name())]).inc_by(calls.made());
        inventory.register("carrier_calls", "Calls made to a carrier", made);
        let failed = Family::<CarrierLabel, Counter>::default();
        failed.get_or_create(&[("carrier", CarrierKind::Simulated.name())]).inc_by(calls.failed());
        inventory.register("carrier_failed_calls", "Calls to a carrier that failed technically", failed);
        Ok(())
    }

    fn router(context: Context<Settings>) -> Router {
        crate::api::router(context)
    }
}

/// The shipments that did not arrive, by status; 0 for those that none has.
fn unresolved(found: Vec<(String, i64)>) -> Family<StatusLabel, Gauge> {
    let counts = Family::<StatusLabel, Gauge>::default();
    for status in UNRESOLVED {
        let count = found.iter().find(|(name, _)| name == status.name()).map_or(0, |(_, count)| *count);
        counts.get_or_create(&[("status", status.name())]).set(count);
    }
    counts
}

fn warehouse(settings: &Settings) -> Warehouse {
    Warehouse { name: settings.stock.warehouse.clone(), seed: settings.seed(), rules: settings.rules() }
}

fn dispatcher(settings: &ShippingSettings, calls: &Arc<CarrierCalls>) -> Dispatcher<CarrierRegistry> {
    let ShippingSettings { failure_rate, timeout, attempts, .. } = *settings;
    let simulated = Guarded { carrier: Simulated::new(failure_rate), timeout, attempts, calls: Arc::clone(calls) };
    Dispatcher { carrier: CarrierRegistry { simulated, manual: Manual } }
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
        let item = |id: &&str| Item { id: (*id).to_owned(), name: "x".to_owned(), on_hand: 1, price: None, low: None };
        settings.stock.items = ids.iter().map(item).collect();
        settings.stock.warehouse = warehouse.to_owned();
        <Program as service::Program>::build(&settings).map(|(handler, _)| handler).map_err(|e| e.to_string())
    }

    #[test]
    fn configured_items_become_the_seed_with_normalized_ids() {
        let handler = build("main", &["3852CB18-9C19-4326-AC77-A1A0264BD98C", "vip"]).unwrap();
        let ids: Vec<_> = handler.seed.into_iter().map(|stock| stock.item_id).collect();
        assert_eq!(ids, ["3852cb18-9c19-4326-ac77-a1a0264bd98c", "vip"]);
    }

    #[test]
    fn the_defaults_are_complete_and_contain_the_sample_ticket() {
        use service::Program as _;
        let (handler, _) = Program::build(&defaults()).unwrap();
        let ticket = handler.seed.iter().find(|s| s.item_id == "3852cb18-9c19-4326-ac77-a1a0264bd98c").unwrap();
        assert_eq!((&*ticket.name, ticket.on_hand), ("day-one", 1000));
        assert_eq!(ticket.price.as_ref().unwrap().to_string(), "200.00 BRL");
        let rules = handler.rules;
        assert_eq!((rules.expiry.as_secs(), rules.low, rules.low_of.len()), (1800, 10, 1));
        assert_eq!((&*rules.shipping.origin, rules.shipping.offset.to_string()), ("BR", "-03".to_owned()));
    }

    #[test]
    fn customers_may_read_the_stock_and_operators_everything() {
        let access = <Program as service::Program>::access;
        for path in ["/stock", "/stock/7"] {
            assert_eq!(access(&Method::GET, path), Access::Authenticated);
            assert_eq!(access(&Method::PUT, path), Access::Operator);
        }
        assert_eq!(access(&Method::POST, "/carrier/webhooks/tracking"), Access::Open);
        for path in ["/carrier/webhooks", "/stock/7/movements", "/reservations/7", "/stocks", "/"] {
            assert_eq!(access(&Method::GET, path), Access::Operator, "{path}");
        }
    }

    #[test]
    fn a_bad_value_is_named_with_its_key() {
        assert!(build("", &[]).unwrap_err().starts_with("stock.warehouse = ''"));
        assert!(build("a/b", &[]).unwrap_err().contains("no '/'"));
        assert!(build("main", &["a", " "]).unwrap_err().starts_with("stock.items[1].id = ' '"));
        assert!(build("main", &["a", "a"]).unwrap_err().contains("each item is allowed once"));

        let mut bad = defaults();
        bad.stock.items[1].price = Some("200.005 BRL".to_owned());
        bad.stock.items[2].price = Some("200".to_owned());
        bad.stock.reservation_expiry = std::time::Duration::ZERO;
        let text = |text: &str| text.to_owned();
        let shipping = &mut bad.shipping;
        shipping.failure_rate = 1.5;
        shipping.attempts = 0;
        shipping.simulated_speed = 1_000_001;
        shipping.webhook_secret = "whsec_short".into();
        shipping.webhook_tolerance = std::time::Duration::ZERO;
        shipping.timeout = std::time::Duration::ZERO;
        shipping.origin = text("brazil");
        shipping.utc_offset = text("-3");
        shipping.serial_from = 100_000_000;
        shipping.pickup = 400;
        let country =
            |code: &str| CountrySettings { code: text(code), standard: 999, express: 1, holidays: vec![text("13-13")] };
        shipping.countries = vec![country("XX"), country("XX")];
        let faults = bad.faults().join("\n");
        for key in [
            "stock.items[1].price = '200.005 BRL': '200.005' has more than two digits",
            "stock.items[2].price = '200': '' is not a currency",
            "stock.reservation_expiry = '0ns'",
            "shipping.failure_rate = '1.5'",
            "shipping.attempts = '0'",
            "shipping.simulated_speed = '1000001'",
            "shipping.webhook_secret = '***'",
            "shipping.webhook_tolerance = '0ns'",
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
