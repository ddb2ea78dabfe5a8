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

mod parse;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use crate::data::{Data, Path};

/// A condition on a saga's data.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    expression: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Literal(Value),
    At(Path),
    Has(Path),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Operator, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
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

impl Expression {
    fn holds(&self, data: &Data) -> Option<bool> {
        match self {
            Self::Has(path) => Some(data.get(path).is_some_and(|value| !value.is_null())),
            Self::Not(inner) => inner.holds(data).map(|holds| !holds),
            Self::And(left, right) => match (left.holds(data), right.holds(data)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                (Some(true) | None, None) | (None, Some(true)) => None,
            },
            Self::Or(left, right) => match (left.holds(data), right.holds(data)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                (Some(false) | None, None) | (None, Some(false)) => None,
            },
            Self::Compare(operator, left, right) => {
                let (left, right) = (left.value(data)?, right.value(data)?);
                operator.holds(&left, &right)
            }
            Self::Literal(_) | Self::At(_) => self.value(data)?.as_bool(),
        }
    }

    fn value<'v>(&'v self, data: &'v Data) -> Option<Cow<'v, Value>> {
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::At(path) => data.get(path).map(Cow::Borrowed),
            Self::Has(_) | Self::Not(_) | Self::And(..) | Self::Or(..) | Self::Compare(..) => {
                self.holds(data).map(|holds| Cow::Owned(Value::Bool(holds)))
            }
        }
    }

    fn paths<'e>(&'e self, paths: &mut Vec<&'e Path>) {
        match self {
            Self::Literal(_) => {}
            Self::At(path) | Self::Has(path) => paths.push(path),
            Self::Not(inner) => inner.paths(paths),
            Self::And(left, right) | Self::Or(left, right) | Self::Compare(_, left, right) => {
                left.paths(paths);
                right.paths(paths);
            }
        }
    }
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> Option<bool> {
        let order = || order(left, right);
        match self {
            Self::Equal => Some(equal(left, right)),
            Self::NotEqual => Some(!equal(left, right)),
            Self::Less => order().map(Ordering::is_lt),
            Self::LessOrEqual => order().map(Ordering::is_le),
            Self::Greater => order().map(Ordering::is_gt),
            Self::GreaterOrEqual => order().map(Ordering::is_ge),
        }
    }
}

/// As JSON, but numbers by their value: `1` and `1.0` are the same.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_order(left, right) == Some(Ordering::Equal),
        (left, right) => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_order(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => None,
    }
}

/// Whole numbers exactly, others as IEEE 754 doubles.
fn number_order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(_) | None, _) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

#[cfg(test)]
mod tests;
