//! Points in time: whole milliseconds since the Unix epoch. Separate, so that the clock is read here only: decisions
//! get the time as a parameter.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON it is an RFC 3339 string in UTC with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The last time that can be written: 9999-12-30T22:00:00Z.
    pub const LAST: Self = Self(253_402_207_200_000);
    /// The first.
    pub const FIRST: Self = Self(-377_705_023_201_000);

    /// The machine's clock. Only I/O code calls this; decisions get their `now`.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// This time plus `d`, at most [`Timestamp::LAST`], so that the result can be written and read.
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))).min(Self::LAST)
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads an RFC 3339 time.
    ///
    /// # Errors
    /// The reason, when `text` is not one.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|e| format!("'{text}' is not an RFC 3339 time: {e}"))
    }
}

/// A time outside the range that can be written is shown as the nearest one within.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond((*self).clamp(Self::FIRST, Self::LAST).0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        let t = Timestamp(1_760_000_000_123);
        assert_eq!(t.to_string(), "2025-10-09T08:53:20.123Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&t).unwrap()).unwrap(), t);
    }

    #[test]
    fn times_too_far_away_become_the_last_time_and_read_back() {
        for t in [Timestamp::FIRST, Timestamp::LAST, Timestamp(0).plus(Duration::MAX)] {
            assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        }
        assert_eq!(Timestamp(i64::MAX).to_string(), Timestamp::LAST.to_string());
        assert_eq!(Timestamp(i64::MIN).to_string(), Timestamp::FIRST.to_string());
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn a_text_that_is_not_a_time_is_an_error() {
        assert!(Timestamp::parse("tomorrow").unwrap_err().contains("'tomorrow' is not an RFC 3339 time"));
    }
}
