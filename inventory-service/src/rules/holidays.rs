//! Public holidays of a country, computed for any year from the laws that set them. Days of one state or town, and days
//! that are proclaimed for a single year, are not among them: they are in the settings (`shipping.countries.holidays`).

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

/// A day that a law names.
#[derive(Clone, Copy, Debug)]
enum Day {
    /// A month and day.
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i16),
    /// The n-th weekday of a month; `-1` is the last.
    Nth(i8, Weekday, i8),
}

/// The weekday that is free instead of a holiday on a Saturday or Sunday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Substitute {
    None,
    /// Friday instead of Saturday, Monday instead of Sunday.
    Nearest,
    /// The next weekday that is not free already.
    Next,
}

/// The holidays of a country.
struct Law {
    country: &'static str,
    substitute: Substitute,
    /// The days, each with its first year.
    days: &'static [(Day, i16)],
}

/// The first year of a day that is older than this calendar.
const ALWAYS: i16 = i16::MIN;

const LAWS: &[Law] = &[
    // Lei 662/1949 as amended by Lei 10.607/2002, Lei 6.802/1980 (12 October) and Lei 14.759/2023 (20 November); Good
    // Friday by Lei 9.093/1995, article 2. Carnival and Corpus Christi are no holidays (ponto facultativo).
    Law {
        country: "BR",
        substitute: Substitute::None,
        days: &[
            (Day::Fixed(1, 1), ALWAYS),
            (Day::Easter(-2), ALWAYS),
            (Day::Fixed(4, 21), ALWAYS),
            (Day::Fixed(5, 1), ALWAYS),
            (Day::Fixed(9, 7), ALWAYS),
            (Day::Fixed(10, 12), 1980),
            (Day::Fixed(11, 2), ALWAYS),
            (Day::Fixed(11, 15), ALWAYS),
            (Day::Fixed(11, 20), 2024),
            (Day::Fixed(12, 25), ALWAYS),
        ],
    },
    // Código do Trabalho (Lei 7/2009), article 234. Its 60th day after Easter is Corpus Christi.
    Law {
        country: "PT",
        substitute: Substitute::None,
        days: &[
            (Day::Fixed(1, 1), ALWAYS),
            (Day::Easter(-2), ALWAYS),
            (Day::Easter(0), ALWAYS),
            (Day::Fixed(4, 25), 1975),
            (Day::Fixed(5, 1), ALWAYS),
            (Day::Easter(60), ALWAYS),
            (Day::Fixed(6, 10), ALWAYS),
            (Day::Fixed(8, 15), ALWAYS),
            (Day::Fixed(10, 5), ALWAYS),
            (Day::Fixed(11, 1), ALWAYS),
            (Day::Fixed(12, 1), ALWAYS),
            (Day::Fixed(12, 8), ALWAYS),
            (Day::Fixed(12, 25), ALWAYS),
        ],
    },
    // 5 U.S.C. § 6103(a), with Pub. L. 117-17 (19 June); substitutes by § 6103(b) and Executive Order 11582.
    Law {
        country: "US",
        substitute: Substitute::Nearest,
        days: &[
            (Day::Fixed(1, 1), ALWAYS),
            (Day::Nth(1, Weekday::Monday, 3), 1986),
            (Day::Nth(2, Weekday::Monday, 3), 1971),
            (Day::Nth(5, Weekday::Monday, -1), 1971),
            (Day::Fixed(6, 19), 2021),
            (Day::Fixed(7, 4), ALWAYS),
            (Day::Nth(9, Weekday::Monday, 1), ALWAYS),
            (Day::Nth(10, Weekday::Monday, 2), 1971),
            (Day::Fixed(11, 11), ALWAYS),
            (Day::Nth(11, Weekday::Thursday, 4), ALWAYS),
            (Day::Fixed(12, 25), ALWAYS),
        ],
    },
    // England: Banking and Financial Dealings Act 1971, schedule 1; 1 January, the first Monday of May and the
    // substitutes by yearly proclamation under its section 1; Good Friday and Christmas Day at common law.
    Law {
        country: "GB",
        substitute: Substitute::Next,
        days: &[
            (Day::Fixed(1, 1), 1974),
            (Day::Easter(-2), ALWAYS),
            (Day::Easter(1), ALWAYS),
            (Day::Nth(5, Weekday::Monday, 1), 1978),
            (Day::Nth(5, Weekday::Monday, -1), 1971),
            (Day::Nth(8, Weekday::Monday, -1), 1971),
            (Day::Fixed(12, 25), ALWAYS),
            (Day::Fixed(12, 26), ALWAYS),
        ],
    },
];

/// The holidays of a year in a country (ISO 3166-1 alpha-2), with the weekdays that are free instead of one on a
/// weekend. Empty for a country without a table.
pub fn holidays(country: &str, year: i16) -> BTreeSet<Date> {
    let Some(law) = LAWS.iter().find(|law| law.country == country) else { return BTreeSet::new() };
    // The substitute of a 1 January on a Saturday is in the year before.
    let mut all = law.of_year(year);
    all.extend(year.checked_add(1).map(|next| law.of_year(next)).unwrap_or_default());
    all.retain(|day| day.year() == year);
    all
}

impl Law {
    fn of_year(&self, year: i16) -> BTreeSet<Date> {
        let in_force = self.days.iter().filter(|(_, since)| *since <= year);
        let days: Vec<Date> = in_force.filter_map(|(day, _)| day.of_year(year)).collect();
        let mut free: BTreeSet<Date> = days.iter().copied().collect();
        for day in days.into_iter().filter(|day| is_weekend(*day)) {
            free.extend(self.substitute.of(day, &free));
        }
        free
    }
}

impl Substitute {
    fn of(self, day: Date, free: &BTreeSet<Date>) -> Option<Date> {
        match self {
            Self::None => None,
            Self::Nearest if day.weekday() == Weekday::Saturday => day.checked_sub(1.day()).ok(),
            Self::Nearest => day.checked_add(1.day()).ok(),
            Self::Next => {
                let mut next = day;
                while is_weekend(next) || free.contains(&next) {
                    next = next.checked_add(1.day()).ok()?;
                }
                Some(next)
            }
        }
    }
}

impl Day {
    /// `None` for a day that the year does not have, and for Easter before 1583.
    fn of_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Fixed(month, day) => Date::new(year, month, day).ok(),
            Self::Easter(days) => easter(year)?.checked_add(i64::from(days).days()).ok(),
            Self::Nth(month, weekday, n) => Date::new(year, month, 1).ok()?.nth_weekday_of_month(n, weekday).ok(),
        }
    }
}

/// Easter Sunday in the Gregorian calendar, by the algorithm of Meeus, Jones and Butcher.
fn easter(year: i16) -> Option<Date> {
    let computus::Date { month, day, .. } = computus::gregorian(year.into()).ok()?;
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// Returns true for a Saturday or Sunday.
pub(crate) fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

#[cfg(test)]
mod tests;
