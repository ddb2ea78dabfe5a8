//! Payments, refunds and providers as JSON, with their descriptions.

use common::money::Decimal;
use common::payments::{Action, ActionKind, PaymentMethod};
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::refund_body::{DisputeBody, RefundBody};
use crate::entity::Payment;
use crate::entity::history::Event;
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
    /// The method of payment; `none` if there is nothing to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MethodName>)]
    method: Option<&'static str>,
    /// What the customer must do before it can be completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionBody>,
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
    /// The disputes. Missing in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disputes: Vec<DisputeBody>,
    /// The partial refunds, and a full refund (`whole`) that is pending or failed. Missing in lists.
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

/// A method of payment.
#[derive(ToSchema)]
#[schema(as = PaymentMethod, rename_all = "lowercase")]
#[allow(dead_code)]
enum MethodName {
    Card,
    Wallet,
    Pix,
    Invoice,
    None,
}

fn method_of(payment: &Payment) -> Option<&'static str> {
    if payment.is_free() {
        return Some("none");
    }
    payment.terms.as_ref()?.method.map(PaymentMethod::name)
}

/// What the customer must do, without the secret of the customer's browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentAction)]
#[serde(rename_all = "camelCase")]
struct ActionBody {
    #[serde(rename = "type")]
    #[schema(value_type = ActionType)]
    kind: ActionKind,
    /// The page to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The code to pay with.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// When the provider ends the payment if the action is not completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl ActionBody {
    fn of(action: &Action) -> Self {
        Self { kind: action.kind, url: action.url.clone(), code: action.code.clone(), expires_at: action.expires_at }
    }
}

/// The kind of an action.
#[derive(ToSchema)]
#[schema(as = PaymentActionType, rename_all = "snake_case")]
#[allow(dead_code)]
enum ActionType {
    Redirect,
    Confirm,
    ShowCode,
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
            method: method_of(payment),
            action: payment.action.required.as_ref().map(ActionBody::of),
            provider: payment.provider.kind,
            reference: payment.provider.reference.clone(),
            updated_at: payment.history.last().map(|event| event.last.unwrap_or(event.at)),
            disputes: Vec::new(),
            refunds: None,
            history: None,
        }
    }

    pub(super) fn full(payment: &Payment) -> Self {
        let parts = payment.partial_refunds.list.iter().map(|part| RefundBody::of(payment, part));
        let refunds = parts.chain(RefundBody::whole(payment)).collect();
        let history = payment.history.iter().map(EventBody::of).collect();
        let disputes = payment.disputes.iter().map(|dispute| DisputeBody::of(payment, dispute)).collect();
        Self { disputes, refunds: Some(refunds), history: Some(history), ..Self::in_list(payment) }
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
