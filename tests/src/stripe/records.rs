//! Refunds and Disputes of the fake Stripe server, as data.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A refund.
#[derive(Clone, Debug)]
pub(super) struct RefundRecord {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) metadata: BTreeMap<String, String>,
}

impl RefundRecord {
    pub(super) fn json(&self) -> Value {
        let reason = (self.status == "failed").then_some("expired_or_canceled_card");
        json!({ "id": self.id, "object": "refund", "status": self.status, "amount": self.amount, "currency": "brl",
            "payment_intent": self.intent, "failure_reason": reason, "metadata": self.metadata })
    }
}

/// A dispute.
#[derive(Clone, Debug)]
pub(super) struct DisputeRecord {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) amount: i64,
    pub(super) status: String,
}

impl DisputeRecord {
    pub(super) fn json(&self) -> Value {
        json!({ "id": self.id, "object": "dispute", "status": self.status, "amount": self.amount, "currency": "brl",
            "payment_intent": self.intent, "reason": "fraudulent", "metadata": {},
            "evidence_details": { "due_by": 4_102_444_799_i64, "has_evidence": false, "submission_count": 0 } })
    }
}
