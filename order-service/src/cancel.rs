//! Taking an order back: the customer asks, the order remembers it, and the orchestrator is told, which decides whether
//! it is still in time. Apart, since it is the one thing that may happen to an order between its beginning and its end.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, PathId, Problem};
use common::ids::{self, OrderId};
use common::messages::{Message, Outgoing, Unreadable, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api;
use crate::asking::ask;
use crate::order::{Decision, Order, known};
use crate::program::Settings;
use crate::representation::{OrderBody, path};

/// `ce_type` of the message by which a customer takes an order back (from the HTTP API).
pub const CANCEL: &str = "order.cancel";
/// `ce_type` of the event that tells of it.
pub const CANCEL_REQUESTED: &str = "order.cancel-requested";

/// What is said where the customer gives no reason.
const NO_REASON: &str = "no reason given";

/// Value of `order.cancel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// The order.
    pub order_id: OrderId,
    /// Why, in the customer's words.
    pub why: String,
}

/// Value of `order.cancel-requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRequested {
    /// The order.
    pub order_id: OrderId,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What an order remembers of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Why.
    pub why: String,
}

/// A pending order remembers the first request and passes it on, behind the event that began its saga. One that has
/// ended stays as it is: who asked is told by the API.
pub(crate) fn cancel(tx: Decision<'_, '_>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let Cancel { order_id, why } = message.json()?;
    let order = known(tx, order_id)?;
    if !order.is_underway() || order.cancellation.is_some() {
        return Ok(());
    }
    order.cancellation = Some(Cancellation { requested_at: now, why: why.clone() });
    order.updated_at = now;
    let id = order_id.to_string();
    let event_id = ids::derive(&[&id, CANCEL_REQUESTED]).to_string();
    let requested = CancelRequested { order_id, by: "customer".to_owned(), why };
    let event = Outgoing::event(topics::CREATED_ORDERS, &id, CANCEL_REQUESTED, event_id, &id, now, &requested);
    tx.send(event.caused_by(message.header(header::TRACEPARENT)));
    Ok(())
}

/// The body of `POST /orders/{id}/cancel`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelOrder {
    /// Why, in the customer's words.
    reason: Option<String>,
}

/// The customer's reason, without blanks around it.
///
/// # Errors
/// 422 where it is longer than texts may be.
pub(crate) fn reason(given: Option<String>, longest: usize) -> Result<String, Problem> {
    let given = given.unwrap_or_default();
    let text = given.trim();
    if text.chars().count() > longest {
        let problem = Problem::unprocessable("The request can't be taken like this: see errors.");
        return Err(problem.at("/reason", format!("is longer than {longest} characters")));
    }
    Ok(if text.is_empty() { NO_REASON.to_owned() } else { text.to_owned() })
}

/// Takes an order back. Whether it is still in time is decided by its saga.
#[utoipa::path(post, path = "/orders/{id}/cancel",
    params(("id" = Uuid, Path, description = "The order's id.")), request_body = CancelOrder,
    responses((status = 202, body = OrderBody, description = "The request is kept; the order tells what becomes of it."),
        (status = 404, description = "There is no such order."),
        (status = 409, description = "It has ended: it can't be cancelled any more.")))]
pub(crate) async fn post(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(body): Body<CancelOrder>,
) -> Result<Response, Problem> {
    let why = reason(body.reason, context.settings.orders.max_text)?;
    let mut order = api::find(&context, id).await?;
    if !is_settled(&order) {
        tracing::info!(order_id = %id, "a customer takes an order back");
        let cancel = Cancel { order_id: id, why };
        order = ask(&context, id, &headers, (CANCEL, &cancel), is_settled).await?;
    }
    answer(&order)
}

/// Whether it is known what becomes of a wish to take it back: it was heard, or there is nothing to be taken back any
/// more.
fn is_settled(order: &Order) -> bool {
    order.cancellation.is_some() || !order.is_underway()
}

/// 202 where it was asked for, 409 where the order ended without.
fn answer(order: &Order) -> Result<Response, Problem> {
    let id = order.placed.order_id;
    if order.cancellation.is_some() {
        let shown = Json(OrderBody::whole(order));
        return Ok((StatusCode::ACCEPTED, [(LOCATION, path(id))], shown).into_response());
    }
    let detail = format!("Order {id} is {} since {}: it can't be cancelled any more.", order.status, order.updated_at);
    Err(Problem::of(StatusCode::CONFLICT, detail).with("orderStatus", order.status.as_str()))
}
