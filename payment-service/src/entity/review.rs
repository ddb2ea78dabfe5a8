//! The review of a payment's refunds and disputes at its provider, and the disputes.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::cases::Answer;
use super::json::is_zero;
use crate::messages::{DisputeStatus, ListedDispute};

/// The most disputes that are kept.
pub(crate) const MOST_DISPUTES: usize = 20;

/// When the provider is asked for the refunds and disputes of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// When to ask next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Reviews so far.
    pub calls: u32,
    /// Reviews without a change since the last change or event. They lengthen the pauses.
    pub idle: u32,
    /// Set if an event arrived during a review, whose answer may be older.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Set if a refund was listed that can't be booked before the payment is approved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbooked: bool,
    /// Refusals since the last list, event or request of an operator.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refusals: u32,
    /// Why the provider was not asked again, until it lists the refunds and disputes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A dispute of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispute {
    /// The provider's id of it.
    pub id: String,
    /// The disputed amount, in minor units.
    pub amount_minor: i64,
    /// Its status.
    pub status: DisputeStatus,
    /// The customer's reason, by the provider's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Set if the bank reviews the shop's answer: no other one is awaited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub under_review: bool,
    /// Until when the bank takes an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
    /// When it was first listed.
    pub at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// What a person answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

impl Dispute {
    /// Returns true if it has ended.
    pub fn is_closed(&self) -> bool {
        self.status.is_closed()
    }

    /// Its status as a person reads it.
    pub(crate) fn state(&self) -> &'static str {
        if self.under_review && !self.is_closed() { "under review" } else { self.status.name() }
    }

    /// Returns true if it is listed with the amount and status that are known.
    pub(crate) fn is_as(&self, listed: &ListedDispute) -> bool {
        let known = (self.status, self.amount_minor, self.under_review);
        known == (listed.status, listed.amount_minor, listed.under_review)
    }

    /// Returns true if it is open, is not reviewed, and has no answer in its present status.
    pub(crate) fn needs_answer(&self) -> bool {
        !self.is_closed()
            && !self.under_review
            && self.answer.as_ref().is_none_or(|answer| answer.status != self.status)
    }
}
