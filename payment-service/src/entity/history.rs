//! The history of a payment: what happened to it, bounded.

use std::borrow::Cow;

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most events that are kept; the oldest are dropped first.
const KEPT_EVENTS: usize = 40;

/// An event in the history of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// A description, as one sentence.
    pub what: Cow<'static, str>,
}

/// The last events of a payment, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub Vec<Event>);

impl History {
    /// Adds an event.
    pub fn note(&mut self, at: Timestamp, what: impl Into<Cow<'static, str>>) {
        if self.0.len() == KEPT_EVENTS {
            self.0.remove(0);
        }
        self.0.push(Event { at, what: what.into() });
    }

    /// The latest event.
    pub fn last(&self) -> Option<&Event> {
        self.0.last()
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }
}
