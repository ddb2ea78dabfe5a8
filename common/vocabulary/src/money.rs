//! Money without rounding: integer minor units inside, the decimal number of the API outside. Never a float. The number
//! of digits after the point depends on the currency (ISO 4217); all conversions are in [`Decimal`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use crate::bounds::first_chars;

/// The digits of most currencies, and of [`Amount`].
const USUAL_DIGITS: u32 = 2;

/// A currency of ISO 4217 that has amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    known: iso_currency::Currency,
    digits: u32,
}

impl Currency {
    /// Reads a code such as `BRL`.
    ///
    /// # Errors
    /// It is not a code of ISO 4217 in capital letters, or one without amounts, such as `XTS` or `XAU`.
    pub fn parse(code: &str) -> Result<Self, String> {
        let shown = first_chars(code, 20);
        let wrong = || format!("'{shown}' is not a currency of ISO 4217: write a code such as BRL, in capital letters");
        let known = iso_currency::Currency::from_code(code).ok_or_else(wrong)?;
        let digits = known.exponent().ok_or_else(|| format!("'{shown}' is no currency that has amounts"))?;
        Ok(Self { known, digits: digits.into() })
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        self.known.code()
    }

    /// The digits after the point: 2 for BRL, 0 for JPY, 3 for KWD.
    pub const fn digits(self) -> u32 {
        self.digits
    }

    /// The digits of a currency in a record. Older records may have codes that are not of ISO 4217; their amounts have
    /// two digits.
    pub fn digits_of(code: &str) -> u32 {
        Self::parse(code).map_or(USUAL_DIGITS, Self::digits)
    }
}

/// A decimal number: units of a power of ten. In JSON it is a number, read from the number's own digits, so no amount
/// is rounded on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    units: i64,
    digits: u32,
}

impl Decimal {
    /// This many minor units of a currency with these digits after the point.
    pub const fn new(units: i64, digits: u32) -> Self {
        Self { units, digits }
    }

    /// Reads a decimal such as `10.5`, `200` or `-3.20`.
    ///
    /// # Errors
    /// It is not a plain decimal, or too large for 64 bits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = first_chars(text, 40);
        let wrong = || format!("'{shown}' is not an amount: write a decimal such as 10.5");
        let (sign, number) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || (number.contains('.') && part.is_empty()) {
            return Err(wrong());
        }
        let too_large = || format!("'{shown}' is larger than an amount can be");
        let units: i64 = format!("{whole}{part}").parse().map_err(|_| too_large())?;
        Ok(Self { units: sign * units, digits: u32::try_from(part.len()).map_err(|_| too_large())? })
    }

    /// The minor units of a currency with these digits after the point.
    ///
    /// # Errors
    /// The number has more digits, or is too large for 64 bits.
    pub fn minor(self, digits: u32) -> Result<i64, String> {
        let Some(missing) = digits.checked_sub(self.digits) else {
            let allowed = match digits {
                0 => return Err(format!("'{self}' has digits after the point")),
                1 => "one digit".to_owned(),
                2 => "two digits".to_owned(),
                more => format!("{more} digits"),
            };
            return Err(format!("'{self}' has more than {allowed} after the point"));
        };
        let scaled = 10_i64.checked_pow(missing).and_then(|factor| self.units.checked_mul(factor));
        scaled.ok_or_else(|| format!("'{self}' is larger than an amount can be"))
    }

    /// Returns true if it is more than zero.
    pub const fn is_positive(self) -> bool {
        self.units > 0
    }

    /// Returns true if it is zero.
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Returns true if it is less than zero.
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Returns true if it is more than another number, whatever their digits.
    pub fn exceeds(self, other: Self) -> bool {
        let digits = self.digits.max(other.digits);
        match (self.scaled(digits), other.scaled(digits)) {
            (Some(left), Some(right)) => left > right,
            // With so many more digits than the other one, it is nearly zero.
            (Some(left), None) => other.units < 0 || other.units == 0 && left > 0,
            (None, _) => self.units > 0,
        }
    }

    /// The units of a number with more digits; `None` on overflow.
    fn scaled(self, digits: u32) -> Option<i128> {
        10_i128.checked_pow(digits - self.digits)?.checked_mul(i128::from(self.units))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = usize::try_from(self.digits).unwrap_or_default();
        let text = format!("{:0>1$}", self.units.unsigned_abs(), digits + 1);
        let (whole, part) = text.split_at(text.len() - digits);
        if part.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{part}") }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(d)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

/// An amount in minor units. Its decimal form (`10.5` in the API's JSON) is that of a currency with two digits, such as
/// those of orders; for other currencies use [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i64);

impl Amount {
    /// Reads a decimal with at most two digits after the point, such as `10.5`, `200` or `-3.20`.
    ///
    /// # Errors
    /// What is wrong with the text: not a plain decimal, more than two digits, or too large for 64 bits.
    pub fn parse(text: &str) -> Result<Self, String> {
        Decimal::parse(text)?.minor(USUAL_DIGITS).map(Self)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(self.0, USUAL_DIGITS).fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Decimal::new(self.0, USUAL_DIGITS).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Decimal::deserialize(d)?.minor(USUAL_DIGITS).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, minor, written) in [
            ("10.5", 1050, "10.50"),
            ("200.00", 20_000, "200.00"),
            ("-0.07", -7, "-0.07"),
            ("3", 300, "3.00"),
            ("0", 0, "0.00"),
        ] {
            assert_eq!(serde_json::from_str::<Amount>(text).unwrap(), Amount(minor));
            assert_eq!(serde_json::to_string(&Amount(minor)).unwrap(), written);
        }
        assert_eq!(Amount(i64::MIN).to_string(), "-92233720368547758.08");
    }

    #[test]
    fn other_texts_are_rejected_and_never_rounded() {
        for text in ["10.555", "1e3", "\"10\"", "true", "99999999999999999999", "null", "92233720368547758.1"] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
        assert!(Amount::parse("1.").is_err());
        assert!(Amount::parse(".5").is_err());
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (code, digits, minor, text) in
            [("BRL", 2, 500, "5.00"), ("JPY", 0, 500, "500"), ("KWD", 3, 500, "0.500"), ("JPY", 0, -7, "-7")]
        {
            let currency = Currency::parse(code).unwrap();
            assert_eq!((currency.code(), currency.digits()), (code, digits));
            assert_eq!(Decimal::new(minor, digits).to_string(), text);
            assert_eq!(Decimal::parse(text).unwrap().minor(digits), Ok(minor));
        }
        let why = Decimal::parse("5.0").unwrap().minor(0).unwrap_err();
        assert_eq!(why, "'5.0' has digits after the point");
    }

    #[test]
    fn numbers_are_compared_whatever_their_digits() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        let tiny = format!("0.{}1", "0".repeat(60));
        for (more, less) in [
            ("1000000.01", "1000000.00"),
            ("1000001", "1000000.00"),
            ("0.002", "0.001"),
            ("0", "-0.001"),
            ("5", "4.999"),
            ("9223372036854775807", "0.0000000000000000001"),
            (&tiny, "0"),
            ("1", &tiny),
            (&tiny, "-1"),
        ] {
            assert!(number(more).exceeds(number(less)) && !number(less).exceeds(number(more)), "{more} {less}");
        }
        assert!(!number("10.50").exceeds(number("10.5")) && !number("0").exceeds(number("0.000")));
        assert!(number("0.000").is_zero() && number("-0.1").is_negative() && !number("0").is_negative());
    }

    #[test]
    fn a_code_that_is_no_currency_is_rejected() {
        for code in ["XTS", "XAU", "brl", "real", "", "BRLX"] {
            assert!(Currency::parse(code).is_err(), "{code}");
            assert_eq!(Currency::digits_of(code), 2, "an older record");
        }
    }
}
