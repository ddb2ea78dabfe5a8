//! The periods that the statistics are shown for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::{MINUTE, RETENTION, minute_of, start_of};

/// A window of time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Window {
    /// Five minutes.
    #[serde(rename = "5m")]
    Minutes,
    /// An hour.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// A day.
    #[serde(rename = "24h")]
    Day,
    /// A week.
    #[serde(rename = "7d")]
    Week,
}

impl Window {
    /// All windows.
    pub const ALL: [Self; 4] = [Self::Minutes, Self::Hour, Self::Day, Self::Week];

    /// Its name in URLs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes => "5m",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Its name on pages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Minutes => "5 min",
            Self::Hour => "1 h",
            Self::Day => "24 h",
            Self::Week => "7 d",
        }
    }

    /// Its length in minutes; the current minute is the last one.
    pub const fn minutes(self) -> i64 {
        match self {
            Self::Minutes => 5,
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
        }
    }

    /// How long a result may be cached.
    pub const fn fresh(self) -> Duration {
        match self {
            Self::Minutes | Self::Hour => Duration::from_millis(500),
            Self::Day => Duration::from_secs(5),
            Self::Week => Duration::from_secs(30),
        }
    }
}

/// Minutes since 1970, from the first up to but without `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    /// The first minute.
    pub first: i64,
    /// The minute after the last one.
    pub until: i64,
}

impl Minutes {
    /// The number of minutes.
    pub fn count(self) -> usize {
        usize::try_from(self.until - self.first).unwrap_or(0)
    }

    /// The start of the first minute, in milliseconds since 1970.
    pub const fn from(self) -> i64 {
        start_of(self.first)
    }

    /// The end of the last minute, in milliseconds since 1970.
    pub const fn to(self) -> i64 {
        start_of(self.until)
    }
}

/// A period of the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A window that ends now.
    Last(Window),
    /// The minutes that a user chose.
    Between(Minutes),
}

impl Period {
    /// The period between two times in milliseconds since 1970, at least a minute of the days that are stored; `now` is
    /// the present time.
    pub fn between(from: i64, to: i64, now: i64) -> Self {
        let end = minute_of(now) + 1;
        let first = minute_of(from).clamp(end - RETENTION, end - 1);
        let until = (to.saturating_add(MINUTE - 1)).div_euclid(MINUTE).clamp(first + 1, end);
        Self::Between(Minutes { first, until })
    }

    /// Its minutes; `now` is in milliseconds since 1970.
    pub const fn minutes(self, now: i64) -> Minutes {
        match self {
            Self::Last(window) => {
                let until = minute_of(now) + 1;
                Minutes { first: until - window.minutes(), until }
            }
            Self::Between(minutes) => minutes,
        }
    }

    /// The window, if it is one.
    pub const fn window(self) -> Option<Window> {
        match self {
            Self::Last(window) => Some(window),
            Self::Between(_) => None,
        }
    }

    /// Returns true if it ended before the present minute.
    pub const fn is_past(self, now: i64) -> bool {
        match self {
            Self::Last(_) => false,
            Self::Between(minutes) => minutes.until <= minute_of(now),
        }
    }

    /// How long a result may be cached.
    pub const fn fresh(self) -> Duration {
        match self {
            Self::Last(window) => window.fresh(),
            Self::Between(minutes) if minutes.until - minutes.first <= 60 => Window::Hour.fresh(),
            Self::Between(minutes) if minutes.until - minutes.first <= 24 * 60 => Window::Day.fresh(),
            Self::Between(_) => Window::Week.fresh(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_at_least_a_minute_and_none_that_is_not_stored() {
        let now = 100_000 * MINUTE + 5;
        let of = |from: i64, to: i64| match Period::between(from, to, now) {
            Period::Between(minutes) => (minutes.first, minutes.until),
            Period::Last(window) => panic!("{window:?}"),
        };
        assert_eq!(of(99_000 * MINUTE, 99_060 * MINUTE), (99_000, 99_060));
        assert_eq!(of(99_000 * MINUTE + 1, 99_000 * MINUTE + 2), (99_000, 99_001));
        assert_eq!(of(i64::MIN, i64::MAX), (100_001 - RETENTION, 100_001));
        assert_eq!(of(i64::MAX, i64::MAX), (100_000, 100_001));
        assert!(Period::between(0, now - MINUTE, now).is_past(now) && !Period::between(0, now, now).is_past(now));
        let hour = Period::Last(Window::Hour).minutes(now);
        assert_eq!((hour.first, hour.until, hour.count()), (99_941, 100_001, 60));
    }
}
