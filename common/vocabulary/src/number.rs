//! Numbers whose value is kept exactly. `1e15` is the whole number 1000000000000000, not a double with a fraction.

use std::borrow::Cow;

use serde_json::{Number, Value};

/// The longest number that is read, in characters.
const LONGEST: usize = 64;

/// The JSON with its whole numbers written as integers: `1.0` and `1e0` are the integer 1 (JSON Schema 2020-12, section
/// 6.1.1), and some languages write every number so. A number of more than 64 bits, and whatever is not JSON, is
/// unchanged. Shorter integers are followed by spaces, so that the places of other values stay.
pub fn whole_numbers(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let rest = json.get(at..).unwrap_or_default();
        let length = match byte {
            b'"' => length_of_text(rest),
            b'-' | b'+' | b'.' | b'0'..=b'9' => rest.iter().take_while(|byte| is_of_number(**byte)).count(),
            _ => 1,
        };
        if let Some(literal) = rest.get(..length).filter(|literal| *byte != b'"' && literal.len() > 1)
            && let Some(integer) = integer_of(literal)
        {
            out.extend_from_slice(json.get(copied..at).unwrap_or_default());
            out.extend_from_slice(integer.as_bytes());
            out.resize(out.len() + length.saturating_sub(integer.len()), b' ');
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return json.into();
    }
    out.extend_from_slice(json.get(copied..).unwrap_or_default());
    out.into()
}

/// The length of a text with its quotes; of one that does not end, the rest.
fn length_of_text(json: &[u8]) -> usize {
    let mut escaped = false;
    let ends = |byte: &u8| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    };
    json.iter().skip(1).position(ends).map_or(json.len(), |inner| inner + 2)
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// A number with a fraction or an exponent as an integer, if it is a whole number.
fn integer_of(literal: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(literal).ok().filter(|text| text.contains(['.', 'e', 'E']) && is_number(text))?;
    Some(Decimal::of(text)?.whole()?.to_string())
}

/// Returns true for a number of JSON (RFC 8259, section 6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    digits(whole) && !has_leading_zero && digits(fraction) && digits(exponent)
}

/// A JSON number as a value that is written with exactly its decimal value.
///
/// # Errors
/// The number is out of range, or has more digits than a double holds.
pub(crate) fn exact(literal: &str) -> Result<Value, String> {
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
    fn whole_numbers_become_integers_and_all_else_stays() {
        for (json, expected) in [
            (r#"{"quantity":1.0}"#, r#"{"quantity":1  }"#),
            ("[1.000,-2.0 ,10.0]", "[1    ,-2   ,10  ]"),
            ("0.0", "0  "),
            ("[1e0,1E+0,10e-1,1.5e1,1.0e2]", "[1  ,1   ,1    ,15   ,100  ]"),
            ("[0e400,-0.0]", "[0    ,0   ]"),
            ("[1e10,2.0]", "[10000000000,2  ]"),
            (r#"["\\",1.0]"#, r#"["\\",1  ]"#),
        ] {
            assert_eq!(whole_numbers(json.as_bytes()), expected.as_bytes(), "{json}");
        }
        for json in [
            r#"{"a":"1.0 \" 2.0"}"#,
            "[1.50,1.05,1.5e0,1.00E-1,1.,.0]",
            "[1e400,1e20,-1e999999999999999999999,1e-1]",
            r#""\\1.0""#,
            "1",
            "",
            "[1.0001]",
            "[1.000.000]",
            "[10.50.0,1.5.0,1.0.5]",
            "[1e5.0,1e-5.0,1E+5.0,1e,e1,+1.0,01.0,-.0,1.0-1]",
            "a.0",
            "\"1.0",
        ] {
            assert!(matches!(whole_numbers(json.as_bytes()), Cow::Borrowed(_)), "{json}");
        }
    }

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
