//! The conditions of `when` and `must`: a subset of CEL, the Common Expression Language (<https://cel.dev>), on a
//! saga's data. Evaluation never fails: the result is true, false or undecidable.
//!
//! ```text
//! has(order.delivery)                                the value exists and is not null
//! order.currency == "BRL" && order.amountMinor > 50000
//! !(order.channel != 'box-office' || order.items[0].quantity <= 2)
//! ```
//!
//! - Values: paths (`order.items[0].id`, `order["delivery-address"]`), strings in `"` or `'`, numbers, `true`, `false`,
//!   `null`.
//! - `==` and `!=` compare anything; `<`, `<=`, `>`, `>=` two numbers or two strings (by code point).
//! - `&&`, `||`, `!` and parentheses; `&&` binds tighter than `||`. As in CEL, an undecidable operand does not matter
//!   if the other one decides.
//! - A missing path, an ordering of incomparable values and a non-boolean operand of `&&`, `||` or `!` are undecidable,
//!   and an undecidable condition does not hold. `has()` is always decidable.

mod expression;
mod parse;
mod paths;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::data::{Data, Path};
use expression::Expression;

pub(crate) use paths::replace_paths;

/// A condition on a saga's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    expression: Expression,
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// The syntax error and its position (the character, from 1).
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), expression: parse::parse(text)? })
    }

    /// The text of the condition.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Evaluates the condition; `None` if it is undecidable.
    #[must_use]
    pub fn holds(&self, data: &Data) -> Option<bool> {
        self.expression.holds(data)
    }

    /// The paths in the condition.
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
