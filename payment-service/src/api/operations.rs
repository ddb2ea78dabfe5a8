//! The operators' operations on payments: approve, decline, cancel and capture. Each is sent as a message, and answered
//! when this instance's view has its effect. Approvals, declines and cancellations go to `payment-results`, which the
//! orchestrator reads too, in the same order; the rest goes to `payment-commands`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::{PathId, Problem};
use common::ids::{self, OrderId};
use common::messages::MessageMac;
use common::money::Decimal;
use common::service::Context;
use common::topics;
use serde::Deserialize;
use utoipa::ToSchema;

use super::query::find;
use super::representation::PaymentBody;
use super::requests::{OptionalBody, event, minor, request_id, send, send_command, text, wait};
use crate::entity::Payment;
use crate::entity::status::Status;
use crate::messages::{OperatorAction, PAYMENT_RESULT, PaymentResult, Verdict};
use crate::provider::call::{Capture, ProviderKind};
use crate::settings::Settings;

/// The reason of an operation.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = Reason)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    /// For the payment's history.
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// A capture.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = CaptureRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureBody {
    /// The amount to capture; the whole price if it is missing.
    #[schema(value_type = Option<f64>)]
    amount: Option<Decimal>,
}

/// Approves a payment with the manual provider, or authorizes it if it has manual capture. Returns the changed payment.
#[utoipa::path(post, path = "/payments/{id}/approve",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be approved by hand, or not any more.")))]
pub(super) async fn approve(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find_manual(&context, order).await?;
    let (verdict, status) = match payment.capture_mode() {
        Capture::Automatic => (Verdict::Approved, Status::Approved),
        Capture::Manual => (Verdict::Authorized, Status::Authorized),
    };
    if payment.status == status {
        return Ok(Json(PaymentBody::full(&payment)));
    }
    settle(&context, &payment, verdict, None, &headers).await
}

/// Declines a payment with the manual provider. Returns the changed payment.
#[utoipa::path(post, path = "/payments/{id}/decline",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<ReasonBody>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be declined by hand, or not any more.")))]
pub(super) async fn decline(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<ReasonBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find_manual(&context, order).await?;
    if payment.status == Status::Declined {
        return Ok(Json(PaymentBody::full(&payment)));
    }
    let reason = body.reason.map(|reason| text("/reason", reason)).transpose()?;
    settle(&context, &payment, Verdict::Declined, reason, &headers).await
}

/// Cancels a payment that is not paid yet: it is declined, and the provider is asked to cancel it. If it was paid there
/// already, it is refunded. Returns the changed payment.
#[utoipa::path(post, path = "/payments/{id}/cancel", params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<ReasonBody>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be cancelled any more.")))]
pub(super) async fn cancel(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<ReasonBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find(&context, order).await?;
    if matches!(payment.status, Status::Declined | Status::Cancelled) {
        return Ok(Json(PaymentBody::full(&payment)));
    }
    let reason = body.reason.map(|reason| text("/reason", reason)).transpose()?;
    let reason = reason.map_or_else(|| "cancelled".to_owned(), |reason| format!("cancelled: {reason}"));
    settle(&context, &payment, Verdict::Declined, Some(reason), &headers).await
}

/// Captures an authorized payment. Returns the changed payment.
#[utoipa::path(post, path = "/payments/{id}/capture",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    request_body(content = Option<CaptureBody>),
    responses((status = 200, body = PaymentBody), (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It is not authorized, or the provider refused.")))]
pub(super) async fn capture(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    headers: HeaderMap,
    OptionalBody(CaptureBody { amount }): OptionalBody<CaptureBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let payment = find(&context, order).await?;
    if payment.status == Status::Approved {
        return Ok(Json(PaymentBody::full(&payment)));
    }
    if payment.status != Status::Authorized {
        return Err(too_late("captured", &payment.status));
    }
    let price = payment.price().map_or(0, |price| price.amount_minor);
    let amount_minor = amount.map(|amount| minor(&payment, amount)).transpose()?;
    if let Some(amount) = amount_minor.filter(|amount| !(1..=price).contains(amount)) {
        let allowed = format!("must be from {} to {}, the authorized amount", payment.money(1), payment.money(price));
        let problem = Problem::unprocessable(format!("{} can't be captured.", payment.money(amount)));
        return Err(problem.at("/amount", allowed));
    }
    let before = payment.capture.calls;
    let action = OperatorAction::Capture { amount_minor };
    send_command(&context, order, action, &headers).await?;
    let ended = move |payment: &Payment| {
        payment.capture.calls > before && !matches!(payment.status, Status::Capturing { .. })
            || payment.status == Status::Approved
    };
    let payment = wait(&context, order, ended).await?;
    if payment.status == Status::Authorized {
        let why = payment.history.last().map_or("it was not captured", |event| &event.what);
        return Err(Problem::conflict(format!("The payment is still authorized: {why}.")));
    }
    Ok(Json(PaymentBody::full(&payment)))
}

/// A payment whose result an operator enters.
async fn find_manual(context: &Context<Settings>, order: OrderId) -> Result<Payment, Problem> {
    let payment = find(context, order).await?;
    match payment.provider.kind {
        ProviderKind::Manual => Ok(payment),
        other @ (ProviderKind::Simulated | ProviderKind::Stripe) => Err(Problem::conflict(format!(
            "The provider {} reports the result of this payment; only those with manual are settled by hand.",
            other.name()
        ))),
    }
}

fn too_late(what: &str, status: &Status) -> Problem {
    Problem::conflict(format!("The payment is {} and can't be {what}.", status.name()))
}

/// Sends a result to `payment-results`, and waits for its effect.
pub(super) async fn settle(
    context: &Context<Settings>,
    payment: &Payment,
    verdict: Verdict,
    reason: Option<String>,
    headers: &HeaderMap,
) -> Result<Json<PaymentBody>, Problem> {
    if !payment.can_be_cancelled() {
        return Err(too_late("settled by hand", &payment.status));
    }
    let order = payment.order;
    let before = payment.status.name();
    let payment_id = Some(payment.id());
    let result = PaymentResult { order_id: order, status: verdict, reason, payment_id, reference: None };
    let id = ids::derive(&["payment.result", &order.to_string(), &request_id(headers)?]).to_string();
    let message = event(topics::PAYMENT_RESULTS, PAYMENT_RESULT, order, id, headers, &result);
    let mac = context.settings.results.mac().map_err(Problem::internal)?;
    send(context, MessageMac::mark_with(mac.as_ref(), message)).await?;
    let payment = wait(context, order, move |payment: &Payment| payment.status.name() != before).await?;
    Ok(Json(PaymentBody::full(&payment)))
}
