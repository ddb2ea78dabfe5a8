//! The conditions of `when`: a small part of CEL, the Common Expression Language (<https://cel.dev>), on a saga's data.
//! Evaluating one has no errors: it answers true, false, or that it can't tell.
//!
//! ```text
//! has(order.delivery)                                there is something, and it is not null
//! order.currency == "BRL" && order.amountMinor > 50000
//! !(order.channel != 'box-office' || order.items[0].quantity <= 2)
//! ```
//!
//! - Values: paths (`order.items[0].id`, `order["delivery-address"]`), texts in `"` or `'`, numbers, `true`, `false`,
//!   `null`.
//! - `==` and `!=` compare anything; `<`, `<=`, `>`, `>=` two numbers or two texts (by code point).
//! - `&&`, `||`, `!` and brackets; `&&` binds tighter than `||`. As in CEL, a side that can't be told does not matter
//!   where the other one decides.
//! - A path that leads to nothing, a comparison of what has no order, a text where a yes or no is needed: it can't be told,
//!   and the step is not run. `has()` can always be told.

mod expression;
mod parse;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::data::{Data, Path};
use expression::Expression;

/// A condition on a saga's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    expression: Expression,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What can't be read, and at which character (from 1), as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), expression: parse::parse(text)? })
    }

    /// The text it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds; `None`: it can't be told.
    #[must_use]
    pub fn holds(&self, data: &Data) -> Option<bool> {
        self.expression.holds(data)
    }

    /// The paths it looks at.
    #[must_use]
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.expression.paths(&mut paths);
        paths
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As its text.
impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
