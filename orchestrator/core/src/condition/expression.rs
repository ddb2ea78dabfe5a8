//! The syntax tree of a condition, and its evaluation.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::data::{Data, Path};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    At(Path),
    Has(Path),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Operator, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    pub(super) fn holds(&self, data: &Data) -> Option<bool> {
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
                let left = left.value(data)?;
                let right = right.value(data)?;
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

    pub(super) fn paths<'e>(&'e self, paths: &mut Vec<&'e Path>) {
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

/// JSON equality, but numbers are compared by value: `1` equals `1.0`.
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

/// Compares integers exactly, other numbers as IEEE 754 doubles.
fn number_order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(_) | None, _) => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
