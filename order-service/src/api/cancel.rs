//! `POST /orders/{id}/cancel`: requests that an order is cancelled.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, PathId, Problem};
use common::service::Context;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{OrderBody, path};
use super::lookup;
use super::request::{OrderRequest, reason};
use crate::messages::{CANCEL, Cancel};
use crate::order::Order;
use crate::settings::Settings;

/// The body of `POST /orders/{id}/cancel`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelOrder {
    /// The customer's reason.
    reason: Option<String>,
}

/// Requests that an order is cancelled. Its saga decides whether the request comes in time.
#[utoipa::path(post, path = "/orders/{id}/cancel",
    params(("id" = Uuid, Path, description = "The order's id.")), request_body = CancelOrder,
    responses((status = 202, body = OrderBody, description = "The request is recorded; the order shows its outcome."),
        (status = 404, description = "There is no such order."),
        (status = 409, description = "The order has ended and cannot be cancelled.")))]
pub(super) async fn cancel(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(body): Body<CancelOrder>,
) -> Result<Response, Problem> {
    let why = reason(body.reason, context.settings.orders.max_text)?;
    let mut order = lookup::get(&context, id).await?;
    if !is_decided(&order) {
        tracing::info!(order_id = %id, "a customer requests to cancel an order");
        let value = Cancel { order_id: id, why };
        let request = OrderRequest { order_id: id, headers: &headers, kind: CANCEL, value: &value };
        order = request.send(&context, is_decided).await?;
    }
    respond(&order)
}

/// Returns true if a request is recorded, or comes too late.
fn is_decided(order: &Order) -> bool {
    order.cancellation.is_some() || !order.is_underway()
}

/// 202 if a request is recorded, 409 if the order ended without one.
fn respond(order: &Order) -> Result<Response, Problem> {
    let id = order.placed.order_id;
    if order.cancellation.is_some() {
        let body = Json(OrderBody::whole(order));
        return Ok((StatusCode::ACCEPTED, [(LOCATION, path(id))], body).into_response());
    }
    let detail = format!("Order {id} is {} since {} and cannot be cancelled.", order.status, order.updated_at);
    Err(Problem::conflict(detail).with("orderStatus", order.status.as_str()))
}
