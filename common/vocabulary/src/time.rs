//! Points in time as the services keep them: whole milliseconds since the Unix epoch. Apart, so that nothing else reads
//! the clock by itself: whoever decides is told what time it is.

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

    /// What the machine's clock says. Only shells call this; a decision is given its `now`.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// This time plus `d`, at most [`Timestamp::LAST`]: what is kept must be read again.
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))).min(Self::LAST)
    }

    /// How long after `earlier` this is; zero when it is not after it.
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

/// A time outside of those that can be written is shown as the nearest one inside.
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
    fn what_is_too_far_away_is_kept_as_the_last_time_and_reads_back() {
        for t in [Timestamp::FIRST, Timestamp::LAST, Timestamp(0).plus(Duration::MAX)] {
            assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        }
        assert_eq!(Timestamp(i64::MAX).to_string(), Timestamp::LAST.to_string());
        assert_eq!(Timestamp(i64::MIN).to_string(), Timestamp::FIRST.to_string());
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn what_is_no_time_says_so() {
        assert!(Timestamp::parse("tomorrow").unwrap_err().contains("'tomorrow' is not an RFC 3339 time"));
    }
}
