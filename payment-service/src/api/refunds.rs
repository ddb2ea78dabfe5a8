//! `POST /payments/{id}/refunds`: partial refunds, and operators' actions on failed refunds.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, Caller, PathId, PathParams, Problem};
use common::ids::OrderId;
use common::money::Decimal;
use common::service::Context;
use serde::Deserialize;
use utoipa::ToSchema;

use super::query::find;
use super::refund_body::RefundBody;
use super::representation::PaymentBody;
use super::requests::{minor, request_id, send_command, text, wait, wait_at_most};
use crate::entity::Payment;
use crate::messages::OperatorAction;
use crate::provider::call::Refund;
use crate::settings::Settings;
use crate::text::cut;

/// How long to wait for a refund before the answer is that the provider is being asked.
const REFUND_TIMEOUT: Duration = Duration::from_secs(5);

/// The status of a refund that can be made again.
const FAILED: &str = "failed";
/// The status of a refund that an operator settled otherwise.
const DISMISSED: &str = "dismissed";

/// A partial refund of a payment, or the refund of its rest.
#[derive(Deserialize, ToSchema)]
#[schema(as = RefundRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundRequestBody {
    /// The id: sent again, it is the same refund. If it is missing: the header `Idempotency-Key`, or a new id.
    #[schema(min_length = 1, max_length = 200)]
    id: Option<String>,
    /// The amount; the rest of the payment if it is missing.
    #[schema(value_type = Option<f64>)]
    amount: Option<Decimal>,
    /// The reason.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Refunds a part of a paid payment, or the rest of it.
#[utoipa::path(post, path = "/payments/{id}/refunds", params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The refund's id, if the body has none.")),
    request_body = RefundRequestBody,
    responses((status = 201, body = RefundBody),
        (status = 200, body = RefundBody, description = "It was refunded before."),
        (status = 202, body = RefundBody, description = "The provider is being asked, or the refund is pending there."),
        (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "It can't be refunded."),
        (status = 503, description = "The outcome is unknown. `idempotencyKey` is the refund's id: sent again with it, \
            the request refunds once.")))]
pub(super) async fn refund(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<RefundRequestBody>,
) -> Result<Response, Problem> {
    let payment = find(&context, order).await?;
    let reason = Some(text("/reason", body.reason)?);
    let id = match body.id {
        Some(id) => text("/id", id)?,
        None => request_id(&headers)?,
    };
    if id == Refund::WHOLE {
        let what = "is reserved for the refund of the whole payment: choose another id";
        return Err(Problem::unprocessable("The request is invalid: see errors.").at("/id", what));
    }
    let amount_minor = body.amount.map(|amount| minor(&payment, amount)).transpose()?;
    let known = payment.partial_refunds.get(&id).filter(|part| part.is_done());
    if let Some(known) = known.filter(|known| amount_minor.is_none_or(|amount| amount == known.requested_minor())) {
        return Ok((StatusCode::OK, Json(RefundBody::of(&payment, known))).into_response());
    }
    if amount_minor.is_some_and(|amount| amount <= 0) {
        return Err(Problem::unprocessable("That can't be refunded.").at("/amount", "must be more than 0"));
    }
    let refused_before = payment.partial_refunds.refused;
    let before = payment.partial_refunds.get(&id).cloned();
    let by = caller.author();
    let action = OperatorAction::Refund { refund_id: id.clone(), amount_minor, reason, by };
    send_command(&context, order, action, &headers).await.map_err(|problem| problem.repeatable(&id))?;
    let sought = id.clone();
    let settled = move |payment: &Payment| {
        let part = payment.partial_refunds.get(&sought);
        let other = |amount_minor: i64| part.is_some_and(|part| part.requested_minor() != amount_minor);
        payment.partial_refunds.refused > refused_before
            || part.is_some_and(|part| part.is_done() || part.is_pending() || part.is_dismissed())
            // One that failed before is made again.
            || part.is_some_and(|part| part.is_failed() && before.as_ref() != Some(part))
            || amount_minor.is_some_and(other)
    };
    let changed =
        wait_at_most(&context, order, REFUND_TIMEOUT, settled).await.map_err(|problem| problem.repeatable(&id))?;
    let payment = match changed {
        Some(payment) => payment,
        None => find(&context, order).await.map_err(|problem| problem.repeatable(&id))?,
    };
    answer(&payment, &id, amount_minor)
}

/// The reason of a dismissal.
#[derive(Deserialize, ToSchema)]
#[schema(as = DismissRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct DismissBody {
    /// The reason: how the refund is settled otherwise.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Makes a refund again that failed at the provider after it had accepted it. `whole` names a full refund.
#[utoipa::path(post, path = "/payments/{id}/refunds/{refund}/retry", operation_id = "retry_refund",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("refund" = String, Path, description = "The refund's id, or `whole`.")),
    responses((status = 202, body = RefundBody, description = "The provider is being asked again."),
        (status = 404, description = "There is no such payment, or no such refund."),
        (status = 409, description = "The refund has not failed.")))]
pub(super) async fn retry(
    State(context): State<Context<Settings>>,
    PathParams((order, refund)): PathParams<(OrderId, String)>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = find(&context, order).await?;
    let known = refund_of(&payment, &refund).ok_or_else(|| unknown_refund(order, &refund))?;
    if known.status() != FAILED {
        let detail = format!("Refund {refund} is {}: only a failed one can be made again.", known.status());
        return Err(Problem::conflict(detail));
    }
    let before = retries(&payment);
    let action = OperatorAction::Retry { refund_id: refund.clone(), by: caller.author() };
    send_command(&context, order, action, &headers).await?;
    let payment = wait(&context, order, move |payment| retries(payment) > before).await?;
    let body = refund_of(&payment, &refund).unwrap_or(known);
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// Dismisses a refund that failed at the provider: it is settled otherwise, and not made again. No other refund takes
/// its amount. `whole` names a full refund.
#[utoipa::path(post, path = "/payments/{id}/refunds/{refund}/dismiss", operation_id = "dismiss_refund",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("refund" = String, Path, description = "The refund's id, or `whole`.")),
    request_body = DismissBody,
    responses((status = 200, body = RefundBody, description = "It is dismissed."),
        (status = 404, description = "There is no such payment, or no such refund."),
        (status = 409, description = "The refund has not failed.")))]
pub(super) async fn dismiss(
    State(context): State<Context<Settings>>,
    PathParams((order, refund)): PathParams<(OrderId, String)>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<DismissBody>,
) -> Result<Json<RefundBody>, Problem> {
    let payment = find(&context, order).await?;
    let known = refund_of(&payment, &refund).ok_or_else(|| unknown_refund(order, &refund))?;
    let reason = text("/reason", body.reason)?;
    if known.status() == DISMISSED {
        return Ok(Json(known));
    }
    if !payment.can_dismiss(&refund) {
        let shown = cut(&refund);
        let detail = format!("Refund {shown} is {}: only a failed one can be dismissed.", known.status());
        return Err(Problem::conflict(detail));
    }
    let action = OperatorAction::Dismiss { refund_id: refund.clone(), reason, by: caller.author() };
    send_command(&context, order, action, &headers).await?;
    let sought = refund.clone();
    let payment = wait(&context, order, move |payment| !payment.can_dismiss(&sought)).await?;
    Ok(Json(refund_of(&payment, &refund).unwrap_or(known)))
}

/// Requests the list of refunds and disputes from the provider, for example after it refused to list them.
#[utoipa::path(post, path = "/payments/{id}/review", operation_id = "review_payment",
    params(("id" = uuid::Uuid, Path, description = "The order's id.")),
    responses((status = 202, body = PaymentBody, description = "The provider is being asked."),
        (status = 404, description = "There is no payment for this order."),
        (status = 409, description = "The provider lists no refunds and disputes of this payment.")))]
pub(super) async fn review(
    State(context): State<Context<Settings>>,
    PathId(order): PathId,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let payment = find(&context, order).await?;
    if !payment.can_be_reviewed() {
        let provider = payment.provider.kind.name();
        let detail = format!("The provider {provider} lists no refunds and disputes of this payment.");
        return Err(Problem::conflict(detail));
    }
    let before = payment.review.clone();
    send_command(&context, order, OperatorAction::Review { by: caller.author() }, &headers).await?;
    let payment = wait(&context, order, move |payment| payment.review != before).await?;
    Ok((StatusCode::ACCEPTED, Json(PaymentBody::full(&payment))).into_response())
}

fn unknown_refund(order: OrderId, refund: &str) -> Problem {
    let shown = cut(refund);
    Problem::not_found(format!("The payment of order {order} has no refund {shown}."))
}

/// The refund with this id. `whole` is the full refund that is pending or has failed, and otherwise an earlier one that
/// was dismissed.
fn refund_of(payment: &Payment, id: &str) -> Option<RefundBody> {
    let whole = RefundBody::whole(payment).filter(|_| id == Refund::WHOLE);
    whole.or_else(|| payment.partial_refunds.get(id).map(|part| RefundBody::of(payment, part)))
}

/// How many times its refunds were made again.
fn retries(payment: &Payment) -> u32 {
    payment.partial_refunds.list.iter().map(|part| part.retries).sum::<u32>() + payment.approvals.retries
}

/// The response to a request for a refund, from the state of the payment.
fn answer(payment: &Payment, id: &str, amount_minor: Option<i64>) -> Result<Response, Problem> {
    let missing = || Problem::unavailable("The refund had no effect yet.").repeatable(id);
    let part = payment.partial_refunds.get(id).ok_or_else(missing)?;
    if let Some(amount) = amount_minor.filter(|amount| *amount != part.requested_minor()) {
        let other = payment.money(part.requested_minor());
        return Err(Problem::conflict(format!("Refund {id} is of {other}, not of {}.", payment.money(amount))));
    }
    match part.detail() {
        Some(why) => Err(Problem::conflict(format!("It can't be refunded: {why}."))),
        None if part.is_done() => Ok((StatusCode::CREATED, Json(RefundBody::of(payment, part))).into_response()),
        None => Ok((StatusCode::ACCEPTED, Json(RefundBody::of(payment, part))).into_response()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::time::Timestamp;

    use crate::entity::approval::Settling;
    use crate::entity::partial_refund::{PartState, PartialRefund};
    use crate::tests::fixture::Fixture;

    #[test]
    fn a_refund_without_an_effect_is_answered_with_its_id() {
        let fixture = Fixture::approved();
        let problem = answer(fixture.payment(), "the-made-id", None).unwrap_err();
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["idempotencyKey"], "the-made-id");
        assert!(problem.detail().contains("the-made-id"), "{}", problem.detail());
    }

    #[test]
    fn a_full_refund_that_failed_is_found_behind_one_that_was_dismissed() {
        let mut payment = Fixture::approved().payment().clone();
        let at = Timestamp(0);
        let dismissed = PartState::Dismissed { at, reason: "paid by transfer".to_owned(), by: None };
        payment.partial_refunds.add(PartialRefund::new(Refund::WHOLE.to_owned(), 1050, at, dismissed));
        assert_eq!(refund_of(&payment, Refund::WHOLE).unwrap().status(), DISMISSED);
        payment.approvals.settling = Settling::Failed { at, detail: "the account is closed".to_owned() };
        assert_eq!(refund_of(&payment, Refund::WHOLE).unwrap().status(), FAILED);
    }
}
