//! The estimated date of a shipment: a number of working days by method and country, counted in a calendar of weekends
//! and holidays, those of the law and those of the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::time::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{ToSpan as _, Unit, civil};

use crate::carrier::call::CarrierKind;
use crate::messages::Method;
use crate::rules::holidays::{holidays, is_weekend};

/// The settings of shipments.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// The carrier of new shipments.
    pub carrier: CarrierKind,
    /// The warehouse's country, ISO 3166-1 alpha-2.
    pub origin: String,
    /// The warehouse's distance from UTC.
    pub offset: Offset,
    /// The first serial number of the tracking numbers.
    pub serial_from: u64,
    /// How many times faster than normal days pass for the simulated carrier; 0: it reports no events by itself.
    pub simulated_speed: u32,
    /// Working days until an order can be collected.
    pub pickup: u16,
    /// Working days to a country that is not among `countries`.
    pub elsewhere: Days,
    /// By country code, ISO 3166-1 alpha-2.
    pub countries: BTreeMap<String, Country>,
}

/// Working days to a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub standard: u16,
    pub express: u16,
}

/// A destination country.
#[derive(Clone, Debug)]
pub struct Country {
    pub days: Days,
    /// Besides those of the law.
    pub holidays: BTreeSet<Holiday>,
}

/// A day that is not a working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holiday {
    /// A month and day, each year.
    Yearly(i8, i8),
    Once(Date),
}

impl Holiday {
    /// Its day in a year, if it has one.
    fn of_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Yearly(month, day) => Date::new(year, month, day).ok(),
            Self::Once(date) => Some(date).filter(|date| date.year() == year),
        }
    }

    /// Parses `12-25` or `2027-03-26`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.len() {
            // 2024 is a leap year: every month and day is valid.
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
            simulated_speed: 0,
            pickup: 1,
            elsewhere: Days { standard: 15, express: 7 },
            countries: BTreeMap::new(),
        }
    }
}

impl Shipping {
    /// The day on which a shipment created now should arrive, or can be collected.
    pub fn estimated_date(&self, method: Method, country: Option<&str>, now: Timestamp) -> Date {
        let country = country.map(str::to_ascii_uppercase).filter(|_| method != Method::Pickup);
        let to = country.as_deref().unwrap_or(&self.origin);
        let days = self.countries.get(to).map_or(self.elsewhere, |country| country.days);
        let mut left = match method {
            Method::Standard => days.standard,
            Method::Express => days.express,
            Method::Pickup => self.pickup,
        };
        let mut day = self.today(now);
        let mut closed = self.closed(to, day.year());
        while left > 0 {
            match day.checked_add(1.day()) {
                Ok(next) if next.year() != day.year() => {
                    closed = self.closed(to, next.year());
                    day = next;
                }
                Ok(next) => day = next,
                // The calendar ends in the year 9999.
                Err(_) => break,
            }
            left -= u16::from(!is_weekend(day) && !closed.contains(&day));
        }
        day
    }

    /// The end of a day in the warehouse; `None` for the last day of the calendar.
    pub fn end_of(&self, day: Date) -> Option<Timestamp> {
        let midnight = day.tomorrow().ok()?.to_datetime(Time::midnight());
        self.offset.to_timestamp(midnight).ok().map(|time| Timestamp(time.as_millisecond()))
    }

    /// The time from now until the same time on another day.
    pub fn time_until(&self, day: Date, now: Timestamp) -> Duration {
        let days = self.today(now).until((Unit::Day, day)).map_or(0, |span| span.get_days());
        Duration::from_secs(24 * 60 * 60).saturating_mul(days.try_into().unwrap_or(0))
    }

    fn today(&self, now: Timestamp) -> Date {
        let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        civil::DateTime::date(self.offset.to_datetime(time))
    }

    /// The holidays of a year in the warehouse's country and in another.
    fn closed(&self, to: &str, year: i16) -> BTreeSet<Date> {
        let of_country = |country: &str| {
            let settings = self.countries.get(country).into_iter().flat_map(|known| &known.holidays);
            let further = settings.filter_map(|holiday| holiday.of_year(year));
            holidays(country, year).into_iter().chain(further).collect::<Vec<_>>()
        };
        of_country(&self.origin).into_iter().chain(of_country(to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipping() -> Shipping {
        let holidays = |days: &[&str]| days.iter().map(|day| Holiday::parse(day).unwrap()).collect();
        let brazil = Country { days: Days { standard: 5, express: 2 }, holidays: holidays(&["2026-02-17", "03-09"]) };
        let portugal = Country { days: Days { standard: 9, express: 3 }, holidays: holidays(&["06-13"]) };
        let countries = BTreeMap::from([("BR".to_owned(), brazil), ("PT".to_owned(), portugal)]);
        Shipping { offset: Offset::constant(-3), countries, ..Shipping::default() }
    }

    fn estimate(method: Method, country: &str, at: &str) -> String {
        shipping().estimated_date(method, Some(country), Timestamp::parse(at).unwrap()).to_string()
    }

    #[test]
    fn days_are_counted_from_the_next_day_without_weekends() {
        // A Monday.
        assert_eq!(estimate(Method::Express, "BR", "2026-11-09T12:00:00Z"), "2026-11-11");
        assert_eq!(estimate(Method::Standard, "BR", "2026-11-09T12:00:00Z"), "2026-11-16");
        // A Friday, a Saturday, a Sunday.
        for day in ["2026-11-06", "2026-11-07", "2026-11-08"] {
            assert_eq!(estimate(Method::Express, "BR", &format!("{day}T12:00:00Z")), "2026-11-10");
        }
    }

    #[test]
    fn a_holiday_of_either_country_is_not_counted() {
        assert_eq!(estimate(Method::Express, "BR", "2026-11-19T12:00:00Z"), "2026-11-24", "each year");
        assert_eq!(estimate(Method::Express, "BR", "2026-04-02T12:00:00Z"), "2026-04-07", "Good Friday");
        assert_eq!(estimate(Method::Express, "BR", "2031-04-10T12:00:00Z"), "2031-04-15", "Good Friday of any year");
        assert_eq!(estimate(Method::Express, "BR", "2026-12-30T12:00:00Z"), "2027-01-04", "of the next year");
        assert_eq!(estimate(Method::Express, "BR", "2026-03-06T12:00:00Z"), "2026-03-11", "of the settings, each year");
        assert_eq!(
            estimate(Method::Express, "BR", "2027-11-18T12:00:00Z"),
            "2027-11-22",
            "on a Saturday it adds no day"
        );
        assert_eq!(estimate(Method::Express, "BR", "2026-02-16T12:00:00Z"), "2026-02-19", "of the settings, once");
        assert_eq!(estimate(Method::Express, "PT", "2026-11-30T12:00:00Z"), "2026-12-04", "of the destination");
        assert_eq!(estimate(Method::Express, "PT", "2026-11-19T12:00:00Z"), "2026-11-25", "of the origin");
    }

    #[test]
    fn the_method_and_the_country_set_the_number_of_days() {
        assert_eq!(estimate(Method::Standard, "pt", "2026-11-09T12:00:00Z"), "2026-11-23");
        assert_eq!(estimate(Method::Express, "JP", "2026-11-09T12:00:00Z"), "2026-11-18");
        assert_eq!(estimate(Method::Pickup, "JP", "2026-11-09T12:00:00Z"), "2026-11-10", "it is not sent");
    }

    #[test]
    fn days_begin_at_midnight_in_the_warehouse() {
        assert_eq!(
            estimate(Method::Express, "BR", "2026-11-10T02:59:59Z"),
            "2026-11-11",
            "still Monday in the warehouse"
        );
        assert_eq!(estimate(Method::Express, "BR", "2026-11-10T03:00:00Z"), "2026-11-12");
    }

    #[test]
    fn the_count_stops_at_the_end_of_the_calendar() {
        assert_eq!(shipping().estimated_date(Method::Standard, None, Timestamp::LAST).to_string(), "9999-12-31");
    }

    #[test]
    fn a_holiday_is_a_day_of_every_year_or_of_one() {
        assert_eq!(Holiday::parse("02-29"), Some(Holiday::Yearly(2, 29)));
        for wrong in ["", "13-01", "02-30", "2027-02-29", "christmas!", "25.12"] {
            assert_eq!(Holiday::parse(wrong), None, "{wrong}");
        }
    }
}
