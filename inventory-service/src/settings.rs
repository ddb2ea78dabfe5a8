//! The inventory service's own settings, and what they may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use common::settings::units;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::carrier::guard::Guarded;
use crate::carrier::{CarrierKind, Dispatcher, Manual, Simulated, Switchboard};
use crate::messages::item_id;
use crate::shipment::calendar::{Country, Days, Holiday, Shipping};
use crate::stock::{Rules, Stock, Warehouse};

/// The longest id and the longest name, in characters.
pub const LONGEST_ID: usize = 64;
pub const LONGEST_NAME: usize = 200;
/// No parcel is longer on its way, in working days.
const LONGEST_WAY: u16 = 365;

/// All of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub stock: StockSettings,
    pub shipping: ShippingSettings,
}

/// `[stock]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockSettings {
    /// The warehouse that this service keeps.
    pub warehouse: String,
    /// How long a reservation holds.
    #[serde(with = "units::duration")]
    pub reservation_expiry: Duration,
    /// An item with fewer available pieces is scarce.
    pub low: u32,
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
    /// Its own, instead of `stock.low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<u32>,
}

/// `[shipping]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingSettings {
    /// Who carries new shipments.
    pub carrier: CarrierKind,
    /// Which share of the simulated carrier's calls fails, from 0 to 1.
    pub failure_rate: f64,
    /// The longest a call to a carrier may take.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// Calls made for one answer, in all.
    pub attempts: u32,
    /// The warehouse's country.
    pub origin: String,
    /// The warehouse's clock.
    pub utc_offset: String,
    /// The first serial number of the tracking numbers.
    pub serial_from: u64,
    /// Working days until an order can be collected.
    pub pickup: u16,
    /// Working days to other countries than those below.
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

/// Whether `text` can be an id or a name: not blank, not too long, nothing that can't be seen.
pub fn is_word(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `-03:00` as a clock's distance from UTC.
fn offset(text: &str) -> Option<Offset> {
    let right = matches!(text.as_bytes(), [b'+' | b'-', _, _, b':', _, _]);
    strtime::parse("%:z", text).ok().filter(|_| right)?.offset()
}

impl Settings {
    /// What is wrong: the key, the value, and what is allowed.
    pub fn faults(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut need = |right: bool, key: &str, value: &dyn Display, allowed: &str| {
            if !right {
                wrong.push(format!("{key} = '{value}': {allowed}"));
            }
        };
        self.stock.check(&mut need);
        self.shipping.check(&mut need);
        wrong
    }

    /// The rules. What is wrong with the settings was found before.
    pub fn warehouse(&self) -> Warehouse {
        let StockSettings { warehouse, items, reservation_expiry, low, .. } = &self.stock;
        let seed = items.iter().map(|item| Stock {
            item_id: item_id(&item.id),
            name: item.name.clone(),
            warehouse: warehouse.clone(),
            on_hand: item.on_hand.into(),
            ..Stock::default()
        });
        let low_of = items.iter().filter_map(|item| Some((item_id(&item.id), item.low?.into()))).collect();
        let (expiry, shipping) = (*reservation_expiry, self.shipping.rules());
        let rules = Rules { expiry, low: (*low).into(), low_of, shipping };
        Warehouse { name: warehouse.clone(), seed: seed.collect(), rules }
    }

    /// Who asks the carriers.
    pub fn dispatcher(&self) -> Dispatcher<Switchboard> {
        let ShippingSettings { failure_rate, timeout, attempts, .. } = self.shipping;
        let simulated = Guarded { carrier: Simulated::new(failure_rate), timeout, attempts };
        Dispatcher { carrier: Switchboard { simulated, manual: Manual } }
    }
}

type Need<'n> = &'n mut dyn FnMut(bool, &str, &dyn Display, &str);

impl StockSettings {
    fn check(&self, need: Need<'_>) {
        let warehouse = &self.warehouse;
        let allowed = format!("allowed are 1 to {LONGEST_ID} characters, no '/', no control characters");
        need(is_word(warehouse, LONGEST_ID) && !warehouse.contains('/'), "stock.warehouse", warehouse, &allowed);
        let expiry = self.reservation_expiry;
        let right = (Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60)).contains(&expiry);
        need(right, "stock.reservation_expiry", &format!("{expiry:?}"), "allowed is 1s to 366days");
        let mut seen = BTreeSet::new();
        for (n, Item { id, name, .. }) in self.items.iter().enumerate() {
            let allowed = format!("allowed are 1 to {LONGEST_ID} characters, no control characters");
            need(is_word(id, LONGEST_ID), &format!("stock.items[{n}].id"), id, &allowed);
            let allowed = format!("allowed are 1 to {LONGEST_NAME} characters, no control characters");
            need(is_word(name, LONGEST_NAME), &format!("stock.items[{n}].name"), name, &allowed);
            let once = seen.insert(item_id(id));
            need(once, &format!("stock.items[{n}].id"), id, "each item may stand there once");
        }
    }
}

impl ShippingSettings {
    fn check(&self, need: Need<'_>) {
        let rate = self.failure_rate;
        need((0.0..=1.0).contains(&rate), "shipping.failure_rate", &rate, "allowed is 0 to 1");
        let right = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.timeout);
        need(right, "shipping.timeout", &format!("{:?}", self.timeout), "allowed is 100ms to 1m");
        need((1..=10).contains(&self.attempts), "shipping.attempts", &self.attempts, "allowed is 1 to 10");
        let country = "allowed is a country's code of two capital letters (ISO 3166-1 alpha-2), such as BR";
        need(is_country(&self.origin), "shipping.origin", &self.origin, country);
        let clock = "allowed is a distance from UTC such as -03:00";
        need(offset(&self.utc_offset).is_some(), "shipping.utc_offset", &self.utc_offset, clock);
        need(self.serial_from < 100_000_000, "shipping.serial_from", &self.serial_from, "allowed are 8 digits");
        let mut days = |key: &str, days: u16| {
            need((0..=LONGEST_WAY).contains(&days), key, &days, &format!("allowed is 0 to {LONGEST_WAY}"));
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
            need(is_country(&to.code), &key, &to.code, country);
            need(seen.insert(&to.code), &key, &to.code, "each country may stand there once");
            let holiday = "allowed is a day of every year, such as 12-25, or of one, such as 2027-03-26";
            for day in &to.holidays {
                need(Holiday::parse(day).is_some(), &format!("shipping.countries[{n}].holidays"), day, holiday);
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
            offset: offset(&self.utc_offset).unwrap_or(Offset::UTC),
            serial_from: self.serial_from,
            pickup: self.pickup,
            elsewhere: Days { standard, express },
            countries: countries.collect::<BTreeMap<_, _>>(),
        }
    }
}
