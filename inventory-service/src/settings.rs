//! The inventory service's own settings and their allowed values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use common::settings::{EventSettings, Secret, units};
use jiff::fmt::strtime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::carrier::call::CarrierKind;
use crate::carrier::guard::CarrierCalls;
use crate::carrier::webhook;
use crate::entity::Stock;
use crate::entity::stock::ItemPrice;
use crate::messages::item_id;
use crate::rules::calendar::{Country, Days, Holiday, Shipping};
use crate::rules::settings::RuleSettings;

/// The longest id, in characters.
pub const LONGEST_ID: usize = 64;
/// The longest name, in characters.
pub const LONGEST_NAME: usize = 200;
/// The most items of the settings: all are written in one record.
pub(crate) const MOST_SEEDED: usize = 1_500;
/// The longest delivery time, in working days.
const LONGEST_DELIVERY: u16 = 365;

/// The most times that days pass faster than normal for the simulated carrier: 12 days in a second.
const FASTEST: u32 = 1_000_000;

/// The sections that only this service has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub stock: StockSettings,
    pub shipping: ShippingSettings,
    pub events: EventSettings,
    /// Counts the calls to the carrier.
    #[serde(skip)]
    pub(crate) carrier_calls: Arc<CarrierCalls>,
}

/// `[stock]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockSettings {
    /// The warehouse whose stock this service manages.
    pub warehouse: String,
    /// How long a reservation holds stock.
    #[serde(with = "units::duration")]
    pub reservation_expiry: Duration,
    /// An item with fewer available pieces is scarce.
    pub low: u32,
    /// The items that are created if they are unknown.
    pub items: Vec<Item>,
}

/// `[[stock.items]]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub id: String,
    pub name: String,
    pub on_hand: u32,
    /// The unit price, such as `200.00 BRL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// Overrides `stock.low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<u32>,
}

/// `[shipping]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingSettings {
    /// The carrier of new shipments.
    pub carrier: CarrierKind,
    /// The share of failing calls to the simulated carrier, from 0 to 1.
    pub failure_rate: f64,
    /// How many times faster than normal days pass for the simulated carrier.
    pub simulated_speed: u32,
    /// The secret of the carrier's webhooks; empty: they are rejected.
    pub webhook_secret: Secret,
    /// The greatest age of a signature.
    #[serde(with = "units::duration")]
    pub webhook_tolerance: Duration,
    /// The time limit of a call to a carrier.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// The number of attempts for one answer.
    pub attempts: u32,
    /// The warehouse's country.
    pub origin: String,
    /// The warehouse's distance from UTC, such as `-03:00`.
    pub utc_offset: String,
    /// The first serial number of the tracking numbers.
    pub serial_from: u64,
    /// Working days until an order can be collected.
    pub pickup: u16,
    /// Working days to countries that are not in `countries`.
    pub elsewhere: DaySettings,
    pub countries: Vec<CountrySettings>,
}

/// `[shipping.elsewhere]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaySettings {
    pub standard: u16,
    pub express: u16,
}

/// `[[shipping.countries]]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountrySettings {
    pub code: String,
    pub standard: u16,
    pub express: u16,
    pub holidays: Vec<String>,
}

/// Returns true if `text` can be an id or a name: not blank, at most `longest` characters, no control characters.
pub fn is_valid_name(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Parses a distance from UTC such as `-03:00`.
fn parse_offset(text: &str) -> Option<Offset> {
    let is_complete = matches!(text.as_bytes(), [b'+' | b'-', _, _, b':', _, _]);
    strtime::parse("%:z", text).ok().filter(|_| is_complete)?.offset()
}

impl Settings {
    /// The invalid values: the key, the value, and what is allowed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut require = |is_valid: bool, key: &str, value: &dyn Display, allowed: &str| {
            if !is_valid {
                faults.push(format!("{key} = '{value}': {allowed}"));
            }
        };
        self.stock.check(&mut require);
        self.shipping.check(&mut require);
        faults
    }

    /// The initial stock of the configured items.
    pub fn seed(&self) -> Vec<Stock> {
        let stock = |item: &Item| Stock {
            item_id: item_id(&item.id),
            name: item.name.clone(),
            warehouse: self.stock.warehouse.clone(),
            on_hand: item.on_hand.into(),
            price: item.price.as_deref().and_then(|price| ItemPrice::parse(price).ok()),
            ..Stock::default()
        };
        self.stock.items.iter().map(stock).collect()
    }

    /// The settings of the rules. [`Settings::faults`] must be empty.
    pub fn rules(&self) -> RuleSettings {
        let low_of = |item: &Item| Some((item_id(&item.id), item.low?.into()));
        RuleSettings {
            expiry: self.stock.reservation_expiry,
            low: self.stock.low.into(),
            low_of: self.stock.items.iter().filter_map(low_of).collect(),
            shipping: self.shipping.rules(),
            events: self.events.enabled,
        }
    }
}

/// Records a fault unless the value is valid: validity, key, value, allowed values.
type Require<'r> = &'r mut dyn FnMut(bool, &str, &dyn Display, &str);

impl StockSettings {
    fn check(&self, require: Require<'_>) {
        let warehouse = &self.warehouse;
        let allowed = format!("allowed are 1 to {LONGEST_ID} characters, no '/', no control characters");
        require(
            is_valid_name(warehouse, LONGEST_ID) && !warehouse.contains('/'),
            "stock.warehouse",
            warehouse,
            &allowed,
        );
        let expiry = self.reservation_expiry;
        let is_valid = (Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60)).contains(&expiry);
        require(is_valid, "stock.reservation_expiry", &format!("{expiry:?}"), "allowed is 1s to 366days");
        let items = self.items.len();
        let allowed = format!("at most {MOST_SEEDED} items can be created here; create more with PUT /stock/ITEM");
        require(items <= MOST_SEEDED, "stock.items", &items, &allowed);
        let mut seen = BTreeSet::new();
        for (n, Item { id, name, price, .. }) in self.items.iter().enumerate() {
            let allowed = format!("allowed are 1 to {LONGEST_ID} characters, no control characters");
            require(is_valid_name(id, LONGEST_ID), &format!("stock.items[{n}].id"), id, &allowed);
            let allowed = format!("allowed are 1 to {LONGEST_NAME} characters, no control characters");
            require(is_valid_name(name, LONGEST_NAME), &format!("stock.items[{n}].name"), name, &allowed);
            if let Some(price) = price
                && let Err(why) = ItemPrice::parse(price)
            {
                let allowed = format!("{why}; allowed is an amount with a currency of ISO 4217, such as 200.00 BRL");
                require(false, &format!("stock.items[{n}].price"), price, &allowed);
            }
            let is_new = seen.insert(item_id(id));
            require(is_new, &format!("stock.items[{n}].id"), id, "each item is allowed once");
        }
    }
}

impl ShippingSettings {
    fn check(&self, require: Require<'_>) {
        let rate = self.failure_rate;
        require((0.0..=1.0).contains(&rate), "shipping.failure_rate", &rate, "allowed is 0 to 1");
        let is_valid = self.webhook_secret.is_empty() || webhook::key_of(&self.webhook_secret).is_some();
        let allowed = "allowed is whsec_ and 24 to 64 bytes in Base64; create one with \
                       echo whsec_$(openssl rand -base64 32)";
        require(is_valid, "shipping.webhook_secret", &"***", allowed);
        let tolerance = self.webhook_tolerance;
        require(!tolerance.is_zero(), "shipping.webhook_tolerance", &format!("{tolerance:?}"), "must be more than 0s");
        let speed = self.simulated_speed;
        require(speed <= FASTEST, "shipping.simulated_speed", &speed, &format!("allowed is 0 to {FASTEST}"));
        let is_valid = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.timeout);
        require(is_valid, "shipping.timeout", &format!("{:?}", self.timeout), "allowed is 100ms to 1m");
        require((1..=10).contains(&self.attempts), "shipping.attempts", &self.attempts, "allowed is 1 to 10");
        let country_code = "allowed is a country code of two capital letters (ISO 3166-1 alpha-2), such as BR";
        require(is_country(&self.origin), "shipping.origin", &self.origin, country_code);
        let utc_offset = "allowed is a distance from UTC such as -03:00";
        require(parse_offset(&self.utc_offset).is_some(), "shipping.utc_offset", &self.utc_offset, utc_offset);
        require(self.serial_from < 100_000_000, "shipping.serial_from", &self.serial_from, "allowed are 8 digits");
        let mut days = |key: &str, days: u16| {
            require((0..=LONGEST_DELIVERY).contains(&days), key, &days, &format!("allowed is 0 to {LONGEST_DELIVERY}"));
        };
        days("shipping.pickup", self.pickup);
        days("shipping.elsewhere.standard", self.elsewhere.standard);
        days("shipping.elsewhere.express", self.elsewhere.express);
        for (n, to) in self.countries.iter().enumerate() {
            days(&format!("shipping.countries[{n}].standard"), to.standard);
            days(&format!("shipping.countries[{n}].express"), to.express);
        }
        let mut seen = BTreeSet::new();
        for (n, to) in self.countries.iter().enumerate() {
            let key = format!("shipping.countries[{n}].code");
            require(is_country(&to.code), &key, &to.code, country_code);
            require(seen.insert(&to.code), &key, &to.code, "each country is allowed once");
            let holiday = "allowed is a day of each year such as 12-25, or of one year such as 2027-03-26";
            for day in &to.holidays {
                require(Holiday::parse(day).is_some(), &format!("shipping.countries[{n}].holidays"), day, holiday);
            }
        }
    }

    fn rules(&self) -> Shipping {
        let countries = self.countries.iter().map(|to| {
            let days = Days { standard: to.standard, express: to.express };
            let holidays = to.holidays.iter().filter_map(|day| Holiday::parse(day)).collect();
            (to.code.clone(), Country { days, holidays })
        });
        let DaySettings { standard, express } = self.elsewhere;
        Shipping {
            carrier: self.carrier,
            origin: self.origin.clone(),
            offset: parse_offset(&self.utc_offset).unwrap_or(Offset::UTC),
            serial_from: self.serial_from,
            simulated_speed: self.simulated_speed,
            pickup: self.pickup,
            elsewhere: Days { standard, express },
            countries: countries.collect::<BTreeMap<_, _>>(),
        }
    }
}
