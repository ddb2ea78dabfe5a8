//! The windows of time the statistics are shown for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::minute_of;

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

    /// Its first minute, since 1970; `now` is in milliseconds.
    pub const fn from(self, now: i64) -> i64 {
        minute_of(now) - self.minutes() + 1
    }
}
