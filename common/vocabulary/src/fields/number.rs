//! Numbers whose value is kept exactly. `1e15` is the whole number 1000000000000000, not a double with a fraction.

use serde_json::{Number, Value};

/// The longest number that is read, in characters.
const LONGEST: usize = 64;

/// A JSON number as a value that is written with exactly its decimal value.
///
/// # Errors
/// The number is out of range, or has more digits than a double holds.
pub(super) fn exact(literal: &str) -> Result<Value, String> {
    if literal.len() > LONGEST {
        return Err(format!("has {} characters; at most {LONGEST} are read", literal.len()));
    }
    let Some(wanted) = Decimal::of(literal) else { return Err(out_of_range(literal)) };
    if let Some(whole) = wanted.whole() {
        return Ok(whole);
    }
    let double = literal.parse::<f64>().ok().and_then(Number::from_f64).ok_or_else(|| out_of_range(literal))?;
    if Decimal::of(&double.to_string()) == Some(wanted) {
        Ok(Value::Number(double))
    } else {
        Err(format!("is {literal}, which has more digits than a double holds; write it as a text"))
    }
}

fn out_of_range(literal: &str) -> String {
    format!("is {literal}, which is out of range")
}

/// A decimal number: `digits * 10^exponent`, without zeros at either end. Zero has no digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// `None` if the exponent is beyond 64 bits.
    fn of(literal: &str) -> Option<Self> {
        let (negative, rest) = literal.strip_prefix('-').map_or((false, literal), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let dropped = all.len() - digits.len();
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), exponent: 0 });
        }
        let shift = i64::try_from(dropped).ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self { negative, digits: digits.to_owned(), exponent })
    }

    /// The value, if it is a whole number of 64 bits.
    fn whole(&self) -> Option<Value> {
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros <= LONGEST)?;
        let text = format!("{}{}{}", if self.negative { "-" } else { "" }, self.digits, "0".repeat(zeros));
        let text = if self.digits.is_empty() { "0" } else { &text };
        text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_number_is_kept() {
        for (literal, kept) in [
            ("1e15", "1000000000000000"),
            ("10.50", "10.5"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1E-7", "1e-7"),
            ("1e300", "1e+300"),
            ("123.0", "123"),
        ] {
            assert_eq!(exact(literal).unwrap().to_string(), kept, "{literal}");
        }
    }

    #[test]
    fn a_number_that_would_change_is_refused() {
        for (literal, why) in [
            ("1e999", "out of range"),
            ("1e99999999999999999999", "out of range"),
            ("12345678901234567.123", "more digits than a double holds"),
            ("18446744073709551617", "more digits than a double holds"),
            (&"9".repeat(65), "at most 64"),
        ] {
            assert!(exact(literal).unwrap_err().contains(why), "{literal}");
        }
    }
}
