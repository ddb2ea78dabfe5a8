//! When a shipment arrives: so many working days by method and country, counted in a calendar of weekends and holidays.
//! A function of the time it is asked at.

use std::collections::{BTreeMap, BTreeSet};

use common::time::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;
use jiff::{ToSpan as _, civil};

use crate::carrier::CarrierKind;
use crate::messages::Method;

/// What the settings say of shipments.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// Who carries new shipments.
    pub carrier: CarrierKind,
    /// The warehouse's country, ISO 3166-1 alpha-2.
    pub origin: String,
    /// The warehouse's clock.
    pub offset: Offset,
    /// The first serial number of the tracking numbers.
    pub serial_from: u64,
    /// Working days until an order can be collected.
    pub pickup: u16,
    /// Working days to a country that is not among `countries`.
    pub elsewhere: Days,
    /// By code.
    pub countries: BTreeMap<String, Country>,
}

/// Working days on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub standard: u16,
    pub express: u16,
}

/// A country that shipments go to.
#[derive(Clone, Debug)]
pub struct Country {
    pub days: Days,
    pub holidays: BTreeSet<Holiday>,
}

/// A day on which nobody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holiday {
    /// Each year: month and day.
    Yearly(i8, i8),
    /// Once.
    Once(Date),
}

impl Holiday {
    /// Reads `12-25` or `2027-03-26`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.len() {
            // A leap year has every day.
            5 => format!("2024-{text}").parse().ok().map(|date: Date| Self::Yearly(date.month(), date.day())),
            10 => text.parse().ok().map(Self::Once),
            _ => None,
        }
    }
}

impl Default for Shipping {
    fn default() -> Self {
        Self {
            carrier: CarrierKind::Simulated,
            origin: "BR".to_owned(),
            offset: Offset::UTC,
            serial_from: 0,
            pickup: 1,
            elsewhere: Days { standard: 15, express: 7 },
            countries: BTreeMap::new(),
        }
    }
}

impl Shipping {
    /// The day on which a shipment that is made now arrives, or can be collected.
    pub fn arrives(&self, method: Method, country: Option<&str>, now: Timestamp) -> Date {
        let country = country.map(str::to_ascii_uppercase).filter(|_| method != Method::Pickup);
        let to = country.as_deref().unwrap_or(&self.origin);
        let days = self.countries.get(to).map_or(self.elsewhere, |country| country.days);
        let mut left = match method {
            Method::Standard => days.standard,
            Method::Express => days.express,
            Method::Pickup => self.pickup,
        };
        let mut day = self.today(now);
        while left > 0 {
            match day.checked_add(1.day()) {
                Ok(next) => day = next,
                // The calendar ends in the year 9999.
                Err(_) => break,
            }
            left -= u16::from(self.is_working(day, &self.origin) && self.is_working(day, to));
        }
        day
    }

    fn today(&self, now: Timestamp) -> Date {
        let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        civil::DateTime::date(self.offset.to_datetime(time))
    }

    fn is_working(&self, day: Date, country: &str) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let free = self.countries.get(country).is_some_and(|country| {
            let days = [Holiday::Yearly(day.month(), day.day()), Holiday::Once(day)];
            days.iter().any(|day| country.holidays.contains(day))
        });
        !weekend && !free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipping() -> Shipping {
        let holidays = |days: &[&str]| days.iter().map(|day| Holiday::parse(day).unwrap()).collect();
        let brazil = Country { days: Days { standard: 5, express: 2 }, holidays: holidays(&["11-20", "2026-02-17"]) };
        let portugal = Country { days: Days { standard: 9, express: 3 }, holidays: holidays(&["12-01", "12-08"]) };
        let countries = BTreeMap::from([("BR".to_owned(), brazil), ("PT".to_owned(), portugal)]);
        Shipping { offset: Offset::constant(-3), countries, ..Shipping::default() }
    }

    fn arrives(method: Method, country: &str, at: &str) -> String {
        shipping().arrives(method, Some(country), Timestamp::parse(at).unwrap()).to_string()
    }

    #[test]
    fn days_are_counted_from_the_day_after_and_weekends_are_left_out() {
        // A Monday.
        assert_eq!(arrives(Method::Express, "BR", "2026-11-09T12:00:00Z"), "2026-11-11");
        assert_eq!(arrives(Method::Standard, "BR", "2026-11-09T12:00:00Z"), "2026-11-16");
        // A Friday, a Saturday, a Sunday.
        for day in ["2026-11-06", "2026-11-07", "2026-11-08"] {
            assert_eq!(arrives(Method::Express, "BR", &format!("{day}T12:00:00Z")), "2026-11-10");
        }
    }

    #[test]
    fn a_holiday_of_either_country_is_left_out() {
        assert_eq!(arrives(Method::Express, "BR", "2026-11-19T12:00:00Z"), "2026-11-24", "each year");
        assert_eq!(
            arrives(Method::Express, "BR", "2027-11-18T12:00:00Z"),
            "2027-11-22",
            "on a Saturday it costs nothing"
        );
        assert_eq!(arrives(Method::Express, "BR", "2026-02-16T12:00:00Z"), "2026-02-19", "once");
        assert_eq!(arrives(Method::Express, "PT", "2026-11-30T12:00:00Z"), "2026-12-04", "where it goes to");
        assert_eq!(arrives(Method::Express, "PT", "2026-11-19T12:00:00Z"), "2026-11-25", "where it comes from");
    }

    #[test]
    fn the_method_and_the_country_say_how_many_days() {
        assert_eq!(arrives(Method::Standard, "pt", "2026-11-09T12:00:00Z"), "2026-11-23");
        assert_eq!(arrives(Method::Express, "JP", "2026-11-09T12:00:00Z"), "2026-11-18");
        assert_eq!(arrives(Method::Pickup, "JP", "2026-11-09T12:00:00Z"), "2026-11-10", "it stays here");
    }

    #[test]
    fn the_day_is_that_of_the_warehouse() {
        assert_eq!(arrives(Method::Express, "BR", "2026-11-10T02:59:59Z"), "2026-11-11", "still Monday there");
        assert_eq!(arrives(Method::Express, "BR", "2026-11-10T03:00:00Z"), "2026-11-12");
    }

    #[test]
    fn the_end_of_time_ends_the_counting() {
        assert_eq!(shipping().arrives(Method::Standard, None, Timestamp::LAST).to_string(), "9999-12-31");
    }

    #[test]
    fn a_holiday_is_a_day_of_every_year_or_of_one() {
        assert_eq!(Holiday::parse("02-29"), Some(Holiday::Yearly(2, 29)));
        for wrong in ["", "13-01", "02-30", "2027-02-29", "christmas!", "25.12"] {
            assert_eq!(Holiday::parse(wrong), None, "{wrong}");
        }
    }
}
