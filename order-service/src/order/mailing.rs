//! A notice to be mailed, as an entity: its attempts, and the intent of the next one.

use common::ids::OrderId;
use common::journal::Intent;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::notice::{Notice, Recipient};

/// A notice to be mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailing {
    pub notice: Notice,
    /// Attempts so far.
    pub tries: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// `None` while further attempts are due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The error of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The `traceparent` of the notice's cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// The outcome of an attempt to mail a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The server accepted it.
    Sent,
    /// The server refused it permanently.
    Refused,
    /// The server was unreachable or refused it temporarily.
    Failed,
}

/// A mail to be sent now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mail {
    pub(crate) order_id: OrderId,
    pub(crate) notice_id: Uuid,
    pub(crate) attempt: u32,
    pub(crate) to: Recipient,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) trace: Option<String>,
}

impl Mailing {
    /// The entity key of a notice's mailing.
    pub fn key(notice: &str) -> String {
        format!("mail/{notice}")
    }

    /// A mailing that is due at once, in the trace of its cause.
    pub fn new(notice: Notice, now: Timestamp, trace: Option<String>) -> Self {
        Self { notice, tries: 0, due: now, outcome: None, error: None, trace }
    }

    /// Returns true while further attempts are due.
    pub fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// The number of the next attempt, from 1.
    pub fn next_attempt(&self) -> u32 {
        self.tries.saturating_add(1)
    }

    /// The next attempt.
    pub fn intent(&self) -> Option<Intent<Mail>> {
        if !self.is_open() {
            return None;
        }
        let Notice { notice_id, order_id, to, subject, text, .. } = &self.notice;
        let attempt = self.next_attempt();
        let what = Mail {
            order_id: *order_id,
            notice_id: *notice_id,
            attempt,
            to: to.clone(),
            subject: subject.clone(),
            text: text.clone(),
            trace: self.trace.clone(),
        };
        Some(Intent { id: format!("mail/{notice_id}/{attempt}"), due: self.due, what })
    }
}
