//! Payments, refunds and providers as JSON, with their descriptions.

use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entity::Payment;
use crate::entity::history::Event;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::provider::call::{Capture, ProviderKind};
use crate::provider::guard::ProviderHealth;
use crate::provider::registry::ProviderReport;

/// The status of a payment.
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
    /// The order that is paid.
    #[schema(value_type = uuid::Uuid)]
    order_id: String,
    #[schema(value_type = uuid::Uuid)]
    payment_id: String,
    #[schema(value_type = StatusName)]
    status: &'static str,
    /// The price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 10.50)]
    amount: Option<Decimal>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// The captured amount.
    #[schema(value_type = f64)]
    captured: Decimal,
    /// The refunded part of the captured amount.
    #[schema(value_type = f64)]
    refunded: Decimal,
    /// When the money is taken.
    #[schema(value_type = CaptureName)]
    capture: Capture,
    /// The provider.
    #[schema(value_type = ProviderName)]
    provider: ProviderKind,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The partial refunds. Missing in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunds: Option<Vec<RefundBody>>,
    /// The history. Missing in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<EventBody>>,
}

/// When the money is taken: on approval, or on capture.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum CaptureName {
    Automatic,
    Manual,
}

/// A payment provider.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum ProviderName {
    Simulated,
    Manual,
    Stripe,
}

/// An event in the history of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(super) struct EventBody {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    what: String,
    /// How many times it happened, if more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// When it happened last, if more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
}

impl EventBody {
    fn of(event: &Event) -> Self {
        let times = (event.repeats > 0).then(|| event.repeats.saturating_add(1));
        Self { at: event.at, what: event.what.to_string(), times, last_at: event.last }
    }
}

impl PaymentBody {
    pub(super) fn in_list(payment: &Payment) -> Self {
        Self {
            order_id: payment.order.to_string(),
            payment_id: payment.id(),
            status: payment.status.name(),
            amount: payment.price().map(|price| payment.money(price.amount_minor)),
            currency: payment.price().map(|price| price.currency.clone()),
            captured: payment.money(payment.captured_minor()),
            refunded: payment.money(payment.refunded_minor()),
            capture: payment.capture_mode(),
            provider: payment.provider.kind,
            reference: payment.provider.reference.clone(),
            updated_at: payment.history.last().map(|event| event.last.unwrap_or(event.at)),
            refunds: None,
            history: None,
        }
    }

    pub(super) fn full(payment: &Payment) -> Self {
        let refunds = payment.partial_refunds.list.iter().map(|part| RefundBody::of(payment, part)).collect();
        let history = payment.history.iter().map(EventBody::of).collect();
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
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it was requested.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    refunded_at: Option<Timestamp>,
}

/// The status of a refund.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
enum RefundStatus {
    Refunding,
    Refunded,
    Refused,
}

impl RefundBody {
    pub(super) fn of(payment: &Payment, part: &PartialRefund) -> Self {
        let (status, detail) = match &part.state {
            PartState::Refunding { .. } => ("refunding", None),
            PartState::Refunded { .. } => ("refunded", None),
            PartState::Refused { detail, .. } => ("refused", Some(detail.clone())),
        };
        Self {
            id: part.id.clone(),
            amount: payment.money(part.amount_minor),
            reason: part.reason.clone(),
            by: part.by.clone(),
            status,
            detail,
            at: part.at,
            refunded_at: part.done_at(),
        }
    }
}

/// All providers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Providers {
    pub(super) items: Vec<ProviderBody>,
}

/// A provider, and its health.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderBody {
    #[schema(value_type = ProviderName)]
    kind: ProviderKind,
    /// True for the provider of new payments.
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
    /// The number of consecutive failures up to now.
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// The state of a circuit breaker.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[allow(dead_code)]
enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl ProviderBody {
    pub(super) fn of(report: ProviderReport) -> Self {
        let ProviderReport { kind, chosen, health } = report;
        let ProviderHealth { state, since, failures, last_error, calls: _, failed: _ } = health;
        Self { kind, chosen, breaker: BreakerBody { state: state.name(), since, failures, last_error } }
    }
}
