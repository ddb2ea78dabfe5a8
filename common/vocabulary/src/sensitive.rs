//! Texts that are neither shown nor logged: a provider's token, a client secret, and card numbers, which no API takes.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text that `Debug` masks. Its JSON is the text: services keep it and pass it on.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sensitive(pub String);

impl Sensitive {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What is shown instead of a masked text.
const MASK: &str = "***";

/// The names of the fields of messages that are masked wherever a message is shown.
const FIELDS: [&str; 2] = ["token", "clientSecret"];

/// Masks the sensitive fields of a value, at any depth.
pub fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match (inner.is_string(), FIELDS.contains(&name.as_str())) {
                    (true, true) => *inner = Value::from(MASK),
                    (true, false) | (false, _) => mask(inner),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Masks the sensitive fields of a text that may be JSON, also if it is cut or damaged.
pub fn mask_text(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for name in FIELDS {
        let quoted = format!("\"{name}\"");
        let mut from = 0;
        while let Some(found) = masked.get(from..).and_then(|rest| rest.find(&quoted)) {
            from += found + quoted.len();
            if let Some(value) = value_at(&masked, from) {
                masked.to_mut().replace_range(value, MASK);
            }
        }
    }
    masked
}

/// The range of the text, without its quotes, that is the value of the field whose name ends at `from`.
fn value_at(text: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.get(from..)?.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    let end = rest.find(|letter: char| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    Some(start..end.map_or(text.len(), |end| start + end))
}

/// The digits of the shortest card number.
const FEWEST_DIGITS: usize = 13;

/// Returns true if a text contains what looks like a card number: 13 to 19 digits that begin as those of an issuer of
/// payment cards and have a valid check digit (Luhn), in groups that spaces or dashes separate, or in one. A hyphenated
/// UUID is none; product codes (GTIN) and phone numbers seldom are.
pub fn has_card_number(text: &str) -> bool {
    if text.bytes().filter(u8::is_ascii_digit).count() < FEWEST_DIGITS || is_uuid(text) {
        return false;
    }
    let mut run: Vec<Vec<u32>> = vec![Vec::new()];
    let mut found = false;
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            if let Some(group) = run.last_mut() {
                group.push(digit);
            }
        } else if is_separator(letter) {
            run.push(Vec::new());
        } else {
            found |= is_card_in(&run);
            run = vec![Vec::new()];
        }
    }
    found || is_card_in(&run)
}

/// A hyphenated UUID: its digits may look like a card number by chance.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Returns true if some groups in a row are a card number: other digits, such as an expiry date, may be beside it.
fn is_card_in(groups: &[Vec<u32>]) -> bool {
    (0..groups.len()).any(|first| {
        let mut digits = Vec::new();
        groups.iter().skip(first).any(|group| {
            digits.extend_from_slice(group);
            !group.is_empty() && is_issued(&digits) && is_luhn(&digits)
        })
    })
}

/// Returns true if digits begin and are as many as those of a payment card's issuer, by the ranges of ISO/IEC 7812 that
/// the card schemes publish: 13 digits of Visa, 14 of Diners Club, 15 of American Express and JCB, 16 and more of all.
fn is_issued(digits: &[u32]) -> bool {
    matches!(
        (digits.len(), digits),
        (13, [4, ..])
            | (14, [3, 0 | 6 | 8 | 9, ..])
            | (15, [3, 4 | 7, ..] | [2, 1, 3, 1, ..] | [1, 8, 0, 0, ..])
            | (16, [2..=6, ..])
            | (17..=19, [4..=6, ..])
    )
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn is_luhn(digits: &[u32]) -> bool {
    let double = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(n, digit)| if n % 2 == 0 { *digit } else { double(*digit) }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn card_numbers_are_recognized_with_spaces_and_dashes_and_beside_other_text() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111\u{2011}1111\u{a0}1111  1111",
            "card: 5555 5555 5555 4444 exp 12/27",
            "378282246310005",
            "4222222222222",
            "6304000000000000000 ",
            "4111 1111 1111 1111 12 27 123",
            "x4111111111111111x",
        ] {
            assert!(has_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_card_numbers() {
        for text in [
            "",
            "4111111111111112",
            "411111111111",
            "41111111111111111111",
            "4111 1111 a 1111 1111",
            "12345678-1234-4123-8123-123456789012",
            "7891000315502",
            "+55 11 91234-5676",
            "pm_1MqLiJLkdIwHu7ixUEgbFdYE",
            "Av. Paulista 1578, 01310-200",
        ] {
            assert!(!has_card_number(text), "{text}");
        }
    }

    #[test]
    fn sensitive_fields_of_a_text_are_masked_also_if_it_is_damaged() {
        for (text, masked) in [
            (r#"{"token": "pm_1","a":1}"#, r#"{"token": "***","a":1}"#),
            (r#"{"clientSecret":"a\"b","token":"x"}"#, r#"{"clientSecret":"***","token":"***"}"#),
            (r#"{"token" : "pm_1"#, r#"{"token" : "***"#),
            (r#"{"token":7,"x":"token"}"#, r#"{"token":7,"x":"token"}"#),
            ("not JSON", "not JSON"),
        ] {
            assert_eq!(mask_text(text), masked);
        }
    }

    proptest! {
        #[test]
        fn every_number_of_an_issuer_is_recognized_in_any_grouping(
            mut digits in proptest::collection::vec(0_u32..10, 12..=18),
            gaps in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let start: &[u32] = match digits.len() + 1 {
                14 => &[3, 6],
                15 => &[3, 7],
                _ => &[4],
            };
            digits[..start.len()].copy_from_slice(start);
            let mut all = digits;
            all.push(0);
            let check = (0..10).find(|check| { *all.last_mut().unwrap() = *check; is_luhn(&all) }).unwrap();
            *all.last_mut().unwrap() = check;
            let mut text = String::new();
            for (digit, gap) in all.iter().zip(&gaps) {
                if *gap && !text.is_empty() {
                    text.push('-');
                }
                text.push_str(&digit.to_string());
            }
            prop_assert!(is_uuid(&text) || has_card_number(&text), "{}", text);
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = has_card_number(&text);
        }
    }

    #[test]
    fn sensitive_fields_are_masked_at_any_depth_and_others_are_not() {
        let mut value = json!({"payment": {"method": "card", "token": "pm_1"}, "list": [{"clientSecret": "s"}],
            "token": 7, "tokens": "t"});
        mask(&mut value);
        let masked = json!({"payment": {"method": "card", "token": "***"}, "list": [{"clientSecret": "***"}],
            "token": 7, "tokens": "t"});
        assert_eq!(value, masked);
        assert_eq!(format!("{:?}", Sensitive("pm_1".to_owned())), "***");
        assert_eq!(serde_json::to_value(Sensitive("pm_1".to_owned())).unwrap(), "pm_1");
    }
}
