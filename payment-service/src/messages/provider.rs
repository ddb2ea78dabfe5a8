//! The provider's answers and events, as messages of the service to itself.

use common::bounds::Check;
use common::ids::OrderId;
use common::payments::Action;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::cut;

/// The longest name of another system that is kept: a currency, a payment method, the provider's id of a payment.
pub(crate) const LONGEST_NAME: usize = 1_000;
/// The most refunds, and the most disputes, of a payment that a provider lists.
pub(crate) const MOST_LISTED: usize = 300;
/// The longest id of a refund or a dispute at a provider. Longer ones are not listed.
pub(crate) const LONGEST_ID: usize = 200;

/// `payment.provider-answered`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAnswered {
    /// The order.
    pub order_id: OrderId,
    /// The operation that the provider was called for.
    pub operation: Operation,
    /// The number of the call within its operation: 1, 2, ...
    pub call: u32,
    /// The outcome of the call.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For an accepted request: when to query the result; missing if the provider reports it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_after_ms: Option<u64>,
    /// The earliest time for another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The id of the refund, for a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// What the customer must do, if the status is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// All refunds of the payment, for a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<ListedRefund>,
    /// All disputes of the payment, for a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<ListedDispute>,
}

impl ProviderAnswered {
    /// The answer to a failed call, without details.
    pub fn failed(order_id: OrderId, operation: Operation, call: u32) -> Self {
        Self {
            order_id,
            operation,
            call,
            outcome: Outcome::Failed,
            error: None,
            result_after_ms: None,
            retry_after_ms: None,
            reference: None,
            refund_id: None,
            action: None,
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// Checks the texts and lists that are kept.
    pub(super) fn check(&self, check: &mut Check) {
        check.any_text("reference", self.reference.as_deref(), LONGEST_NAME);
        self.action.iter().for_each(|action| action.check(check));
        check.list("refunds", self.refunds.len(), MOST_LISTED);
        check.list("disputes", self.disputes.len(), MOST_LISTED);
        for id in self.refunds.iter().map(|listed| &listed.id).chain(self.disputes.iter().map(|listed| &listed.id)) {
            check.text("id", id, LONGEST_ID);
        }
    }
}

/// A refund, as the provider lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedRefund {
    /// The provider's id of it.
    pub id: String,
    /// This service's id of it; missing for one that was made in the provider's own dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// The amount, in minor units.
    pub amount_minor: i64,
    /// Its status.
    pub status: ListedStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ListedRefund {
    /// Why it failed, to be kept.
    pub(crate) fn failure(&self) -> &str {
        cut(self.reason.as_deref().unwrap_or("the provider gave no reason"))
    }
}

/// The status of a refund at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListedStatus {
    /// Accepted; the money is on its way.
    Pending,
    /// The customer has the money.
    Made,
    /// It failed, or was cancelled.
    Failed,
}

/// A dispute, as the provider lists it: the customer's bank takes the payment back, or asks about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedDispute {
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
}

/// The status of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DisputeStatus {
    /// The bank asks about the payment; no money is taken.
    Inquiry,
    /// The inquiry has ended without a dispute.
    Closed,
    /// The money is taken until the dispute ends.
    Open,
    /// The shop has the money again.
    Won,
    /// The customer has the money.
    Lost,
}

impl DisputeStatus {
    /// Returns true if the dispute has ended.
    pub const fn is_closed(self) -> bool {
        match self {
            Self::Inquiry | Self::Open => false,
            Self::Closed | Self::Won | Self::Lost => true,
        }
    }

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// `payment.provider-event`: the provider reported by itself that a payment changed. A hint: the provider is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderEvent {
    /// The order.
    pub order_id: OrderId,
    /// The provider's id of the event.
    pub event: String,
    /// The provider's name of the change.
    pub kind: String,
    /// The payment's id.
    pub payment_id: String,
    /// The provider's id of the payment.
    pub reference: String,
    /// The amount in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// The currency, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// True if the refunds or disputes of the payment changed, and not its status.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review: bool,
}

/// An operation of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Accept a payment.
    Request,
    /// Report a payment's status.
    Result,
    /// Capture an authorized payment.
    Capture,
    /// Cancel a payment.
    Cancel,
    /// Refund a payment.
    Refund,
    /// List the refunds and disputes of a payment.
    Review,
}

/// The outcome of a call to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The request was accepted; its result follows.
    Accepted,
    /// A technical failure.
    Failed,
    /// A refusal: another attempt would not help.
    Refused,
    /// The status is not known yet.
    Open,
    /// The status is not known yet; the provider reports it by itself.
    Silent,
    /// The payment was captured.
    Captured,
    /// The refund was made.
    Refunded,
    /// The refund was accepted, but is not made yet.
    Pending,
    /// The refund was accepted, and failed at once. It can be made again under another id.
    #[serde(rename = "refund_failed")]
    RefundFailed,
    /// The refunds and disputes are listed.
    Listed,
}
