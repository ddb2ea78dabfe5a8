//! Stripe's Refunds and Disputes, with the fields that this client reads.

use std::collections::HashMap;

use common::bounds::first_chars;
use common::time::Timestamp;
use serde::Deserialize;

use super::currency::from_stripe;
use crate::messages::{DisputeStatus, LONGEST_ID, ListedDispute, ListedRefund, ListedStatus};
use crate::text::cut;

/// A Refund (<https://docs.stripe.com/api/refunds/object>).
#[derive(Debug, Deserialize)]
pub(super) struct Refunded {
    #[serde(default)]
    pub(super) id: String,
    status: Option<String>,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// A Dispute (<https://docs.stripe.com/api/disputes/object>).
#[derive(Debug, Deserialize)]
pub(super) struct Disputed {
    id: String,
    status: String,
    amount: i64,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    evidence_details: Option<EvidenceDetails>,
}

/// The `evidence_details` of a Dispute.
#[derive(Debug, Deserialize)]
struct EvidenceDetails {
    /// Until when evidence is taken, in seconds since 1970.
    #[serde(default)]
    due_by: Option<i64>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

impl Refunded {
    /// Its status.
    pub(super) fn status(&self) -> ListedStatus {
        match self.status.as_deref() {
            Some("pending" | "requires_action") => ListedStatus::Pending,
            Some("failed" | "canceled") => ListedStatus::Failed,
            Some(_) | None => ListedStatus::Made,
        }
    }

    /// The refund of a payment in this currency; `None` if its amount can't be converted or its id is invalid.
    pub(super) fn listed(self, currency: &str) -> Option<ListedRefund> {
        let status = self.status();
        let amount_minor = from_stripe(self.amount, currency)?;
        let refund_id = self.metadata.get("refund_id").filter(|id| is_id(id)).cloned();
        let reason = self.failure_reason.map(|reason| code(&reason));
        let id = Some(self.id).filter(|id| is_id(id))?;
        Some(ListedRefund { id, refund_id, amount_minor, status, reason })
    }
}

impl Disputed {
    /// The dispute of a payment in this currency; `None` if its amount can't be converted or its id is invalid, or its
    /// status is unknown.
    pub(super) fn listed(self, currency: &str) -> Option<ListedDispute> {
        let status = match self.status.as_str() {
            "warning_needs_response" | "warning_under_review" => DisputeStatus::Inquiry,
            "warning_closed" | "prevented" => DisputeStatus::Closed,
            "needs_response" | "under_review" => DisputeStatus::Open,
            "won" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            other => {
                tracing::warn!("Stripe reports a dispute with the unknown status '{}'", cut(other));
                return None;
            }
        };
        let under_review = self.status.ends_with("under_review");
        let amount_minor = from_stripe(self.amount, currency)?;
        let reason = self.reason.map(|reason| code(&reason));
        let due_by = self.evidence_details.and_then(|evidence| evidence.due_by).filter(|due_by| *due_by > 0);
        let answer_by = due_by.and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp);
        let id = Some(self.id).filter(|id| is_id(id))?;
        Some(ListedDispute { id, amount_minor, status, reason, under_review, answer_by })
    }
}

/// A code, such as `lost_or_stolen_card`.
fn code(text: &str) -> String {
    first_chars(text, 60).to_owned()
}

fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
