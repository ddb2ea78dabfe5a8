//! Money without rounding: integer minor units inside, the decimal number of the API outside. Never a float.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// An amount in minor units (cents) of a currency with two digits. In the API's JSON it is a decimal number (`10.5`);
/// read from the number's own digits, so no amount is rounded on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i64);

impl Amount {
    /// Reads a decimal with at most two digits after the point, such as `10.5`, `200` or `-3.20`.
    ///
    /// # Errors
    /// What is wrong with the text: not a plain decimal, more than two digits, or too large for 64 bits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not an amount: write a decimal such as 10.5");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || (digits.contains('.') && part.is_empty()) {
            return Err(wrong());
        }
        if part.len() > 2 {
            return Err(format!("'{text}' has more than two digits after the point"));
        }
        let minor = format!("{whole}{part:0<2}").parse::<i64>();
        minor.map(|m| Self(sign * m)).map_err(|_| format!("'{text}' is larger than an amount can be"))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minor = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(d)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, minor, written) in
            [("10.5", 1050, "10.50"), ("200.00", 20_000, "200.00"), ("-0.07", -7, "-0.07"), ("3", 300, "3.00")]
        {
            assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), Amount(minor));
            assert_eq!(serde_json::to_string(&Amount(minor)).unwrap(), written);
        }
    }

    #[test]
    fn other_texts_are_rejected_and_never_rounded() {
        for text in ["10.555", "1e3", "\"10\"", "true", "99999999999999999999", "null"] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
        assert!(Amount::parse("1.").is_err());
        assert!(Amount::parse(".5").is_err());
    }
}
