//! Refuses JSON bodies with card numbers: the services take a payment provider's tokens only, and keep what they take.

use serde_json::{Number, Value};
use vocabulary::card_number::has_card_number;

use super::problem::Problem;

/// Refuses a body in which a text, a number or a name looks like a card number. The problem has its place, not the
/// number. A body that is not JSON is left to its reader, which shows nothing of it.
///
/// # Errors
/// 422.
pub(super) fn refuse(bytes: &[u8]) -> Result<(), Problem> {
    if !may_have_one(bytes) {
        return Ok(());
    }
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    match place_of(&body) {
        Some(place) => {
            let detail = "The body contains what looks like a card number. Send the payment provider's token instead.";
            let what = "looks like a card number: digits of an issuer's range with a valid check digit";
            Err(Problem::unprocessable(detail).at(&place, what))
        }
        None => Ok(()),
    }
}

/// Returns false if no text or number of the body can have enough digits. Escaped characters may be digits.
fn may_have_one(bytes: &[u8]) -> bool {
    let mut digits = 0;
    let mut in_text = false;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'\\' => return true,
            b'"' => {
                in_text = !in_text;
                digits = 0;
            }
            b' ' | b'-' => {}
            b'.' | b'+' | b'e' | b'E' if !in_text => {}
            // Other characters may be dashes or spaces between two groups of digits.
            byte if byte.is_ascii() => digits = 0,
            _ => {}
        }
        if digits >= 13 {
            return true;
        }
    }
    false
}

/// The JSON pointer (RFC 6901) of the first value that has a card number; of a name, that of its object.
fn place_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => has_card_number(text).then(String::new),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(n, inner)| place_of(inner).map(|place| format!("/{n}{place}")))
        }
        Value::Object(map) => map.iter().find_map(|(name, inner)| {
            if has_card_number(name) {
                return Some(String::new());
            }
            let name = name.replace('~', "~0").replace('/', "~1");
            place_of(inner).map(|place| format!("/{name}{place}"))
        }),
        Value::Number(number) => has_card_number(&whole_digits(number)).then(String::new),
        Value::Null | Value::Bool(_) => None,
    }
}

/// The digits of a whole number, however it is written; none of another number.
fn whole_digits(number: &Number) -> String {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(whole), _, _) => whole.to_string(),
        (None, Some(negative), _) => negative.unsigned_abs().to_string(),
        (None, None, Some(decimal)) if decimal.fract() == 0.0 => format!("{:.0}", decimal.abs()),
        (None, None, Some(_) | None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_number_is_refused_in_any_text_or_number_and_not_repeated() {
        let escaped = r#"{"note": "\u0034111 1111 1111 1111"}"#.to_owned();
        for (body, pointer) in [
            (json!({"payment": {"token": "4111111111111111"}}).to_string(), "#/payment/token"),
            (json!({"items": [{"name": "a"}, {"name": "card 4111-1111-1111-1111."}]}).to_string(), "#/items/1/name"),
            (json!({"unknown": {"4111 1111 1111 1111": 1}}).to_string(), "#/unknown"),
            (escaped, "#/note"),
            (r#"{"card": 4111111111111111}"#.to_owned(), "#/card"),
            (r#"{"cards": [7, -4111111111111111]}"#.to_owned(), "#/cards/1"),
            (r#"{"card": 4111111111111111.0}"#.to_owned(), "#/card"),
            (r#"{"card": 4.111111111111111e15}"#.to_owned(), "#/card"),
        ] {
            assert!(may_have_one(body.as_bytes()), "{body}");
            let problem = refuse(body.as_bytes()).unwrap_err();
            let text = serde_json::to_string(&problem).unwrap();
            assert_eq!(problem.status(), 422);
            assert!(text.contains(&format!("\"{pointer}\"")) && !text.contains("1111"), "{text}");
        }
    }

    #[test]
    fn the_digits_of_an_ordinary_id_are_no_reason_to_parse_a_body() {
        assert!(!may_have_one(br#"{"customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a","amount":10.5}"#));
        assert!(may_have_one("{\"note\": \"4111\u{2011}1111\u{a0}1111 1111\"}".as_bytes()));
    }

    #[test]
    fn other_bodies_pass() {
        let id = "12345678-1234-4123-8123-123456789012";
        for body in [
            json!({"customerId": id, "amount": 10.5, "at": 1_700_000_000_007_i64}).to_string(),
            json!({"name": "4111 1111 1111 1112"}).to_string(),
            json!({"nanoseconds": 1_760_000_000_000_000_000_i64, "other": 4_111_111_111_111_112_i64}).to_string(),
            r#"{"amount": 4111111111111.111, "large": 1e300, "small": 4.111111111111111}"#.to_owned(),
            "{\"4111111111111111".to_owned(),
        ] {
            assert!(refuse(body.as_bytes()).is_ok(), "{body}");
        }
    }
}
