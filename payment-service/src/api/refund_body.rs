//! Refunds and disputes as JSON, with their descriptions.

use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::entity::Payment;
use crate::entity::approval::Settling;
use crate::entity::cases::Answer;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::review::Dispute;
use crate::messages::DisputeStatus;
use crate::provider::call::Refund;

/// A partial refund of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundBody {
    /// The id, chosen by the caller or by the service.
    id: String,
    #[schema(value_type = f64)]
    amount: Decimal,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The authenticated caller who requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[schema(value_type = RefundStatus)]
    status: &'static str,
    /// Why it was refused, failed, or was dismissed.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The authenticated operator who dismissed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dismissed_by: Option<String>,
    /// When it was requested.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    refunded_at: Option<Timestamp>,
    /// The open case of a failed refund, and its saga, which has a task of people.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<Uuid>,
}

/// The status of a refund. `pending`: the provider accepted it, and the money is on its way; `failed`: it failed after
/// that, and can be made again, or dismissed; `dismissed`: an operator settled it otherwise.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
enum RefundStatus {
    Refunding,
    Pending,
    Refunded,
    Failed,
    Dismissed,
    Refused,
}

impl RefundBody {
    /// Its status, by the name in JSON.
    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    pub(super) fn of(payment: &Payment, part: &PartialRefund) -> Self {
        let (status, dismissed_by) = match &part.state {
            PartState::Refunding { .. } => ("refunding", None),
            PartState::Pending { .. } => ("pending", None),
            PartState::Failed { .. } => ("failed", None),
            PartState::Refunded { .. } => ("refunded", None),
            PartState::Dismissed { by, .. } => ("dismissed", by.clone()),
            PartState::Refused { .. } => ("refused", None),
        };
        Self {
            id: part.id.clone(),
            amount: payment.money(part.amount_minor),
            reason: part.reason.clone(),
            by: part.by.clone(),
            status,
            detail: part.detail().map(str::to_owned),
            dismissed_by,
            at: part.at,
            refunded_at: part.done_at(),
            case_id: payment.case_of_refund(&part.id).filter(|_| part.is_failed()),
        }
    }

    /// The full refund, while it is pending or has failed at the provider.
    pub(super) fn whole(payment: &Payment) -> Option<Self> {
        let (status, at, detail) = match &payment.approvals.settling {
            Settling::None => return None,
            Settling::Pending { since } => ("pending", *since, None),
            Settling::Failed { at, detail } => ("failed", *at, Some(detail.clone())),
        };
        let left = payment.left_of(payment.approvals.refunded).unwrap_or(0);
        let id = Refund::WHOLE.to_owned();
        let amount = payment.money(left);
        let case_id = payment.case_of_refund(&id);
        Some(Self {
            id,
            amount,
            reason: None,
            by: None,
            status,
            detail,
            dismissed_by: None,
            at,
            refunded_at: None,
            case_id,
        })
    }
}

/// A dispute: the customer's bank takes the payment back, or asks about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dispute)]
#[serde(rename_all = "camelCase")]
pub(super) struct DisputeBody {
    /// The provider's id of it.
    id: String,
    #[schema(value_type = f64)]
    amount: Decimal,
    #[schema(value_type = DisputeStatusName)]
    status: DisputeStatus,
    /// The customer's reason, by the provider's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The bank reviews the shop's answer: no other one is awaited.
    under_review: bool,
    /// Until when the bank takes an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    answer_by: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// What a person answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerBody>,
    /// The open case of the dispute, and its saga, which has a task of people.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<Uuid>,
}

/// A person's answer to a dispute.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DisputeAnswer)]
pub(super) struct AnswerBody {
    #[schema(value_type = DisputeActionName)]
    action: &'static str,
    /// Who gave it.
    by: String,
    /// The reason.
    why: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// `contest`: evidence was sent to the provider; `accept`: nothing is sent.
#[derive(ToSchema)]
#[schema(as = DisputeAction, rename_all = "lowercase")]
#[allow(dead_code)]
enum DisputeActionName {
    Contest,
    Accept,
}

/// The status of a dispute. `inquiry`: the bank asks, and takes no money; `closed`: an inquiry ended without a dispute.
#[derive(ToSchema)]
#[schema(as = DisputeStatus, rename_all = "lowercase")]
#[allow(dead_code)]
enum DisputeStatusName {
    Inquiry,
    Closed,
    Open,
    Won,
    Lost,
}

impl AnswerBody {
    fn of(answer: &Answer) -> Self {
        Self { action: answer.action.name(), by: answer.by.clone(), why: answer.why.clone(), at: answer.at }
    }
}

impl DisputeBody {
    pub(super) fn of(payment: &Payment, dispute: &Dispute) -> Self {
        Self {
            id: dispute.id.clone(),
            amount: payment.money(dispute.amount_minor),
            status: dispute.status,
            reason: dispute.reason.clone(),
            under_review: dispute.under_review,
            answer_by: dispute.answer_by,
            at: dispute.at,
            closed_at: dispute.closed_at,
            answer: dispute.answer.as_ref().map(AnswerBody::of),
            case_id: payment.case_of_dispute(&dispute.id),
        }
    }
}
