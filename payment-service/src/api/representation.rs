//! How payments, providers and the ledger look as JSON, and how that is described.

use common::money::Amount;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entity::Payment;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::provider::call::{Capture, ProviderKind};
use crate::provider::guard::Seen;

/// Where a payment can stand, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum StatusName {
    Unrequested,
    Requested,
    Failed,
    Pending,
    Authorized,
    Capturing,
    Approved,
    Declined,
    Cancelled,
    Refunding,
    Refunded,
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentBody {
    /// The order that it is for.
    #[schema(value_type = uuid::Uuid)]
    order_id: String,
    #[schema(value_type = uuid::Uuid)]
    payment_id: String,
    #[schema(value_type = StatusName)]
    status: &'static str,
    /// How much was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 10.50)]
    amount: Option<Amount>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// How much was taken.
    #[schema(value_type = f64)]
    captured: Amount,
    /// How much of that was given back.
    #[schema(value_type = f64)]
    refunded: Amount,
    /// Whether an approval takes the money at once.
    #[schema(value_type = CaptureName)]
    capture: Capture,
    /// Who takes it.
    #[schema(value_type = ProviderName)]
    provider: ProviderKind,
    /// The provider's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// When something last happened to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The parts of it that were given back, or are to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<Vec<RefundBody>>,
    /// What happened to it; of a list's payments it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<EventBody>>,
}

/// What takes the money.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum CaptureName {
    Automatic,
    Manual,
}

/// Who takes payments.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum ProviderName {
    Simulated,
    Manual,
    Stripe,
}

/// Something that happened to a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventBody {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    what: String,
}

impl PaymentBody {
    pub(super) fn in_list(payment: &Payment) -> Self {
        Self {
            order_id: payment.order.to_string(),
            payment_id: payment.id(),
            status: payment.status.name(),
            amount: payment.price.as_ref().map(|price| Amount(price.amount_minor)),
            currency: payment.price.as_ref().map(|price| price.currency.clone()),
            captured: Amount(payment.captured_minor()),
            refunded: Amount(payment.refunded_minor()),
            capture: payment.capture,
            provider: payment.provider,
            reference: payment.reference.clone(),
            updated_at: payment.history.last().map(|event| event.at),
            refunds: None,
            history: None,
        }
    }

    pub(super) fn whole(payment: &Payment) -> Self {
        let refunds = payment.partial_refunds.iter().map(RefundBody::of).collect();
        let event = |event: &crate::entity::Event| EventBody { at: event.at, what: event.what.to_string() };
        let history = payment.history.iter().map(event).collect();
        Self { refunds: Some(refunds), history: Some(history), ..Self::in_list(payment) }
    }
}

/// A page of payments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentPage {
    pub(super) items: Vec<PaymentBody>,
    /// The query's `cursor` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A part of a payment that is given back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundBody {
    /// Whoever asked for it called it so.
    id: String,
    #[schema(value_type = f64)]
    amount: Amount,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[schema(value_type = RefundStatus)]
    status: &'static str,
    /// Why it is not given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it was given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    refunded_at: Option<Timestamp>,
}

/// Where a refund stands.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
enum RefundStatus {
    Refunding,
    Refunded,
    Refused,
}

impl RefundBody {
    pub(super) fn of(part: &PartialRefund) -> Self {
        let (status, detail) = match &part.state {
            PartState::Refunding { .. } => ("refunding", None),
            PartState::Refunded { .. } => ("refunded", None),
            PartState::Refused { detail, .. } => ("refused", Some(detail.clone())),
        };
        let (id, amount, reason) = (part.id.clone(), Amount(part.amount_minor), part.reason.clone());
        Self { id, amount, reason, status, detail, at: part.at, refunded_at: part.done_at() }
    }
}

/// All providers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Providers {
    pub(super) items: Vec<ProviderBody>,
}

/// A provider, and how it has been doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderBody {
    #[schema(value_type = ProviderName)]
    kind: ProviderKind,
    /// Whether it takes new payments.
    chosen: bool,
    breaker: BreakerBody,
}

/// A circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breaker)]
#[serde(rename_all = "camelCase")]
pub(super) struct BreakerBody {
    /// `closed`: calls are made; `open`: none are; `half-open`: one is tried.
    #[schema(value_type = BreakerState)]
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Calls that failed one after the other, up to now.
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// How a circuit breaker can stand.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[allow(dead_code)]
enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl ProviderBody {
    pub(super) fn of(kind: ProviderKind, chosen: bool, seen: Seen) -> Self {
        let Seen { state, since, failures, last_error, calls: _, failed: _ } = seen;
        Self { kind, chosen, breaker: BreakerBody { state: state.name(), since, failures, last_error } }
    }
}
