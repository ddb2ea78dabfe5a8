//! The history of a payment: what happened to it, bounded.

use std::borrow::Cow;

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::is_zero;

/// The most events that are kept; the oldest are dropped first.
const KEPT_EVENTS: usize = 40;

/// An event in the history of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// A description, as one sentence.
    pub what: Cow<'static, str>,
    /// Set if it changed nothing, or if a call to the provider did not succeed and may be repeated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// How many more times the same happened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeats: u32,
    /// When it happened last, if more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// The events of a payment, oldest first. A full history drops an event that changed nothing, or else the oldest one;
/// the first event stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub Vec<Event>);

impl History {
    /// Adds an event.
    pub fn note(&mut self, at: Timestamp, what: impl Into<Cow<'static, str>>) {
        if self.0.len() >= KEPT_EVENTS {
            self.0.remove(self.least_unchanged().unwrap_or(1));
        }
        self.0.push(Event { at, what: what.into(), unchanged: false, repeats: 0, last: None });
    }

    /// Adds an event that changed nothing, or a call to the provider that did not succeed; a repetition is counted in
    /// the first one. It never replaces an event that changed something.
    pub fn note_unchanged(&mut self, at: Timestamp, what: impl Into<Cow<'static, str>>) {
        let what = what.into();
        if let Some(first) = self.0.iter_mut().find(|event| event.unchanged && event.what == what) {
            first.repeats = first.repeats.saturating_add(1);
            first.last = Some(at);
            return;
        }
        if self.0.len() >= KEPT_EVENTS {
            let Some(least) = self.least_unchanged() else { return };
            self.0.remove(least);
        }
        self.0.push(Event { at, what, unchanged: true, repeats: 0, last: None });
    }

    /// Of the events that changed nothing, the least repeated one, of these the oldest.
    fn least_unchanged(&self) -> Option<usize> {
        let unchanged = self.0.iter().enumerate().skip(1).filter(|(_, event)| event.unchanged);
        unchanged.min_by_key(|(_, event)| event.repeats).map(|(index, _)| index)
    }

    /// The latest event.
    pub fn last(&self) -> Option<&Event> {
        self.0.iter().max_by_key(|event| event.last.unwrap_or(event.at))
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }
}
