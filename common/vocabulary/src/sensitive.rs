//! Texts that are neither shown nor logged: a provider's token and a client secret.

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
/// `paymentMethod` is the token in requests of older versions.
const FIELDS: [&str; 3] = ["token", "clientSecret", "paymentMethod"];

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

/// The beginnings of the tokens and keys of Stripe, as its error messages may repeat them.
const PREFIXES: [&str; 9] = ["pm_", "tok_", "src_", "ba_", "card_", "ctoken_", "seti_", "sk_", "rk_"];

/// Masks what looks like a token or a secret in a text of a provider, and each of `secrets`. Error messages may repeat
/// what they refuse.
pub fn mask_tokens(text: &str, secrets: &[&str]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        masked = masked.replace(secret, MASK);
    }
    let mut shown = String::with_capacity(masked.len());
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut rest = masked.as_str();
    while let Some(letter) = rest.chars().next() {
        let end = rest.find(|other: char| is_word(other) != is_word(letter)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        shown.push_str(if is_token(part) { MASK } else { part });
        rest = after;
    }
    shown
}

fn is_token(word: &str) -> bool {
    let begins = PREFIXES.iter().any(|prefix| word.len() > prefix.len() && word.starts_with(prefix));
    // Codes such as `card_declined` are not tokens.
    let is_code = word.starts_with("card_") && !word.bytes().any(|byte| byte.is_ascii_digit());
    word.contains("_secret_") || begins && !is_code
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sensitive_fields_of_a_text_are_masked_also_if_it_is_damaged() {
        for (text, masked) in [
            (r#"{"token": "pm_1","a":1}"#, r#"{"token": "***","a":1}"#),
            (r#"{"clientSecret":"a\"b","token":"x"}"#, r#"{"clientSecret":"***","token":"***"}"#),
            (r#"{"token" : "pm_1"#, r#"{"token" : "***"#),
            (r#"{"paymentMethod":"pm_1"}"#, r#"{"paymentMethod":"***"}"#),
            (r#"{"token":7,"x":"token"}"#, r#"{"token":7,"x":"token"}"#),
            ("not JSON", "not JSON"),
        ] {
            assert_eq!(mask_text(text), masked);
        }
    }

    #[test]
    fn tokens_in_a_providers_text_are_masked() {
        for (text, masked) in [
            ("No such PaymentMethod: 'pm_1MqLiJ'; OK?", "No such PaymentMethod: '***'; OK?"),
            ("No such token: 'tok_visa'", "No such token: '***'"),
            ("(pi_1_secret_2), card_1MqLiJ", "(***), ***"),
            ("Invalid API Key provided: sk_test_1", "Invalid API Key provided: ***"),
            ("the token of-a-shop! is used", "the token ***! is used"),
            ("card_declined: pi_1 is canceled", "card_declined: pi_1 is canceled"),
            ("não", "não"),
            ("", ""),
        ] {
            assert_eq!(mask_tokens(text, &["of-a-shop", ""]), masked);
        }
    }

    #[test]
    fn sensitive_fields_are_masked_at_any_depth_and_others_are_not() {
        let mut value = json!({"payment": {"method": "card", "token": "pm_1"}, "list": [{"clientSecret": "s"}],
            "paymentMethod": "pm_1", "token": 7, "tokens": "t"});
        mask(&mut value);
        let masked = json!({"payment": {"method": "card", "token": "***"}, "list": [{"clientSecret": "***"}],
            "paymentMethod": "***", "token": 7, "tokens": "t"});
        assert_eq!(value, masked);
        assert_eq!(format!("{:?}", Sensitive("pm_1".to_owned())), "***");
        assert_eq!(serde_json::to_value(Sensitive("pm_1".to_owned())).unwrap(), "pm_1");
    }
}
