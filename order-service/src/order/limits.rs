//! The limits of an order, from the settings.

use common::payments::PaymentMethod;
use serde::{Deserialize, Serialize};

/// Which amount of an order is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Price {
    /// The request's.
    Client,
    /// The sum of the items only.
    Sum,
    /// The sum of the items only, at the prices of inventory-service's items.
    Catalogue,
}

/// `[orders]` of the settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Which amount of an order is accepted.
    pub price: Price,
    /// Lines of an order.
    pub max_items: usize,
    /// Pieces in one line.
    pub max_quantity: u32,
    /// Characters of a text, such as a name.
    pub max_text: usize,
    /// The largest amount of an order or an item in any currency, such as `"1000000.00"`.
    pub max_amount: String,
    /// Accepted currencies (ISO 4217).
    pub currencies: Vec<String>,
    /// Accepted methods of payment.
    pub payment_methods: Vec<PaymentMethod>,
}

/// The first character of a text that must not be in a customer's text: a control character, a line or paragraph
/// separator, or one that changes the direction of the text around it (CVE-2021-42574). They would forge lines of
/// mails, invoices, labels and logs.
pub(crate) fn forbidden_character(text: &str) -> Option<char> {
    let is_forbidden = |c: &char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().find(is_forbidden)
}

/// The sentence about a forbidden character.
pub(crate) fn forbids(character: char) -> String {
    let code = u32::from(character);
    format!("has the character U+{code:04X}: line breaks, control and direction characters are not allowed")
}

/// Checks that a text is not blank, not too long, and one line.
pub(crate) fn is_text(value: &str, limits: &Limits) -> garde::Result {
    let length = value.chars().count();
    if value.trim().is_empty() {
        Err(garde::Error::new("must not be empty"))
    } else if let Some(character) = forbidden_character(value) {
        Err(garde::Error::new(forbids(character)))
    } else if length > limits.max_text {
        Err(garde::Error::new(format!("has {length} characters, at most {} are allowed", limits.max_text)))
    } else {
        Ok(())
    }
}
