//! The limits of an order, from the settings.

use serde::{Deserialize, Serialize};

/// The most lines of an order, whatever the settings.
pub const MOST_ITEMS: usize = 500;
/// The most characters of a text of a customer, whatever the settings.
pub const MOST_CHARS: usize = 1_000;
/// The most bytes of such a text: a character takes at most 6 in JSON.
pub(crate) const TEXT: usize = 6 * MOST_CHARS;
/// The most bytes of an id, a code or a warehouse's name.
pub(crate) const NAME: usize = 400;

/// `[orders]` of the settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Lines of an order.
    pub max_items: usize,
    /// Pieces in one line.
    pub max_quantity: u32,
    /// Characters of a text, such as a name.
    pub max_text: usize,
    /// The largest amount of an order or an item, such as `"1000000.00"`.
    pub max_amount: String,
    /// Accepted currencies: ISO 4217 codes with two digits after the point.
    pub currencies: Vec<String>,
}

/// Checks that a text is not blank and not too long.
pub(crate) fn is_text(value: &str, limits: &Limits) -> garde::Result {
    let length = value.chars().count();
    if value.trim().is_empty() {
        Err(garde::Error::new("must not be empty"))
    } else if length > limits.max_text {
        Err(garde::Error::new(format!("has {length} characters, at most {} are allowed", limits.max_text)))
    } else {
        Ok(())
    }
}
