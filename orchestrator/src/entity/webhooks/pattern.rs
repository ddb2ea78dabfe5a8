//! Which events a subscription wants: types such as `order.confirmed`, and beginnings of types such as `order.*`.

use serde::{Deserialize, Serialize};

/// The beginnings of the types of all events.
pub const FAMILIES: [&str; 4] = ["order.", "payment.", "shipment.", "saga."];

/// The type of the event that an operator sends to try a subscription.
pub const TEST_EVENT: &str = "webhook.test";

/// A type, or the beginning of types followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// The longest pattern, in bytes.
    pub const MOST_BYTES: usize = 64;

    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and what is valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > Self::MOST_BYTES {
            return Err(format!("must have at most {} bytes", Self::MOST_BYTES));
        }
        let (start, is_prefix) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        let is_part = |byte: u8| byte.is_ascii_lowercase() || b".-".contains(&byte);
        if !start.bytes().all(is_part) || start.is_empty() && !is_prefix {
            return Err(format!("is {text:?}: write a type such as \"order.confirmed\", \"order.*\" or \"*\""));
        }
        let fits = |family: &str| start.starts_with(family) || is_prefix && family.starts_with(start);
        if !FAMILIES.iter().any(|family| fits(family)) {
            let families = FAMILIES.join("*, ");
            return Err(format!("is {text:?}: no event has such a type; they are {families}*"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if events of this type are wanted.
    pub fn matches(&self, kind: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == kind, |start| kind.starts_with(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_type_or_the_beginning_of_types() {
        let matches = |pattern: &str, kind: &str| EventPattern::parse(pattern).unwrap().matches(kind);
        assert!(matches("*", "saga.began") && matches("order.*", "order.paid") && matches("o*", "order.paid"));
        assert!(matches("order.paid", "order.paid"));
        assert!(!matches("order.*", "payment.approved") && !matches("order.paid", "order.paid-later"));
    }

    #[test]
    fn a_pattern_that_no_event_has_is_refused() {
        let long = format!("order.{}", "x".repeat(EventPattern::MOST_BYTES));
        for wrong in ["", "order", "Order.*", "*.paid", "order.**", "cart.*", "order.paid ", "webhook.test", &long] {
            assert!(EventPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
