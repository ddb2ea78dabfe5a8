//! The messages about cases: each failed refund and each dispute is one for a person, whose decision a saga carries
//! out.

use common::bounds::KIB;
use common::ids::OrderId;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::provider::DisputeStatus;
use crate::provider::call::ProviderKind;

/// `ce_type` of [`ResolvePaymentCase`].
pub const RESOLVE_CASE: &str = "payment.resolve-case";
/// `ce_type` of [`ConcludeCase`](common::cases::ConcludeCase): the saga of a case has ended.
pub const CONCLUDE_CASE: &str = "payment.conclude-case";
/// `ce_type` of [`RefundFailed`].
pub const REFUND_FAILED: &str = "refund.failed";
/// `ce_type` of [`CaseSettled`](common::cases::CaseSettled): the refund was made again, or settled otherwise.
pub const REFUND_SETTLED: &str = "refund.settled";
/// `ce_type` of [`DisputeOpened`].
pub const DISPUTE_OPENED: &str = "dispute.opened";
/// `ce_type` of [`CaseSettled`](common::cases::CaseSettled): the dispute has ended, or an inquiry became a dispute.
pub const DISPUTE_SETTLED: &str = "dispute.settled";

common::bounded! {
    ResolvePaymentCase: 8 * KIB,
}

/// `payment.resolve-case`: carry out the decision about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvePaymentCase {
    /// The order.
    pub order_id: OrderId,
    /// The case, and its saga.
    pub case_id: Uuid,
    /// The decision, by its name; an unknown one is refused.
    #[serde(default)]
    pub action: String,
    /// Who decided.
    #[serde(default)]
    pub by: String,
    /// The reason.
    #[serde(default)]
    pub why: String,
}

/// A decision about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaseAction {
    /// Make the refund again.
    Retry,
    /// The refund is settled otherwise, and not made again.
    Dismiss,
    /// The dispute is contested: evidence was sent to the provider.
    Contest,
    /// The dispute is accepted: nothing is sent.
    Accept,
}

impl CaseAction {
    /// All decisions.
    const ALL: [Self; 4] = [Self::Retry, Self::Dismiss, Self::Contest, Self::Accept];

    /// The decision with this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name().eq_ignore_ascii_case(name))
    }

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Dismiss => "dismiss",
            Self::Contest => "contest",
            Self::Accept => "accept",
        }
    }
}

/// `refund.failed`: starts the saga of a failed refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundFailed {
    /// The case, and its saga.
    pub case_id: Uuid,
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: String,
    /// The refund; `whole` is a full refund.
    pub refund_id: String,
    /// Its amount, in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The provider.
    pub provider: ProviderKind,
    /// Why it failed, by the provider's name.
    pub reason: String,
    /// The number of the case among those of its payment, from 1.
    pub number: u32,
    /// Why the decision about the case before was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// When the case was opened.
    pub at: Timestamp,
}

/// `dispute.opened`: starts the saga of a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeOpened {
    /// The case, and its saga.
    pub case_id: Uuid,
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: String,
    /// The provider's id of the dispute.
    pub dispute_id: String,
    /// Its status: `inquiry` or `open`.
    pub status: DisputeStatus,
    /// Until when the bank takes an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
    /// The disputed amount, in minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The provider.
    pub provider: ProviderKind,
    /// The customer's reason, by the provider's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of the case among those of its payment, from 1.
    pub number: u32,
    /// Why the decision about the case before was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// When the case was opened.
    pub at: Timestamp,
}
