//! `POST /orders/{id}/returns`: requests a return of items. `GET /orders/{id}/returns/{return}`: shows one.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use common::bounds::first_chars;
use common::http::{Body, Caller, PathId, PathParams, Problem, idempotency_key};
use common::ids;
use common::service::Context;
use common::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{OrderBody, ReturnBody, path, return_of};
use super::lookup;
use super::request::{OrderRequest, reason};
use crate::messages::{RETURN, RequestReturn};
use crate::order::Order;
use crate::order::bounds::is_refused_at_once;
use crate::order::parts::{Pieces, Return};
use crate::rules::returnable::{NotReturnable, all_left, refund_for};
use crate::rules::returns::merged;
use crate::settings::Settings;

/// The body of `POST /orders/{id}/returns`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReturnItems {
    /// The items to return; left out: all that can be returned.
    #[schema(min_items = 1)]
    items: Option<Vec<ReturnItem>>,
    /// The customer's reason.
    reason: Option<String>,
}

/// A quantity of an item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReturnItem {
    #[schema(value_type = Uuid)]
    id: String,
    #[schema(value_type = u32, minimum = 1)]
    quantity: i64,
}

impl ReturnItems {
    fn pieces(&self, order: &Order) -> Result<Vec<Pieces>, Problem> {
        let Some(items) = &self.items else { return Ok(all_left(order)) };
        let invalid = || Problem::unprocessable("The return is invalid: see errors.");
        if items.is_empty() {
            return Err(invalid().at("/items", "must not be empty: leave it out to return all items"));
        }
        let mut pieces = Vec::with_capacity(items.len());
        let mut problem = None;
        for (index, item) in items.iter().enumerate() {
            let id = Uuid::parse_str(&item.id);
            let quantity = u32::try_from(item.quantity).ok().filter(|quantity| *quantity > 0);
            match (id, quantity) {
                (Ok(id), Some(quantity)) => pieces.push(Pieces { id: id.to_string(), quantity }),
                (Err(_), _) => {
                    let so_far = problem.take().unwrap_or_else(invalid);
                    problem = Some(so_far.at(&format!("/items/{index}/id"), "is not a UUID"));
                }
                (Ok(_), None) => {
                    let so_far = problem.take().unwrap_or_else(invalid);
                    problem = Some(so_far.at(&format!("/items/{index}/quantity"), "must be a whole number from 1"));
                }
            }
        }
        problem.map_or(Ok(pieces), Err)
    }
}

/// Requests a return of some items, or of all. With an `Idempotency-Key` a repeated request gets the same response.
#[utoipa::path(post, path = "/orders/{id}/returns",
    params(("id" = Uuid, Path, description = "The order's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The client's name for the request.")),
    request_body = ReturnItems,
    responses((status = 202, body = OrderBody,
            description = "The request is recorded. `Location` is the return's address; the order's `returns` show its \
                outcome, too."),
        (status = 404, description = "There is no such order."),
        (status = 409, description = "The items cannot be returned: see `code` and `detail`.")))]
pub(super) async fn request_return(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<ReturnItems>,
) -> Result<Response, Problem> {
    let settings = &context.settings;
    let name = idempotency_key(&headers)?.unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut order = lookup::get(&context, id).await?;
    let return_id = ids::derive(&["return", &id.to_string(), &name]);
    if find(&order, return_id).is_none() {
        let items = body.pieces(&order)?;
        refund_for(&order, &items, Timestamp::now(), settings.returns.window).map_err(|why| conflict(&why))?;
        let why = reason(body.reason, settings.orders.max_text)?;
        tracing::info!(order_id = %id, %return_id, "a customer requests a return");
        let by = caller.author();
        let value = RequestReturn { return_id, order_id: id, items: merged(items), why, by };
        let request = OrderRequest { order_id: id, headers: &headers, kind: RETURN, value: &value };
        let sent = request.send(&context, move |order| find(order, return_id).is_some()).await;
        order = sent.map_err(|problem| problem.repeatable(&name))?;
    }
    respond(&order, return_id)
}

fn find(order: &Order, id: Uuid) -> Option<&Return> {
    order.returns.iter().find(|known| known.id == id)
}

/// 202, or 409 if the return was refused as soon as it was recorded: another return of the same items came first.
fn respond(order: &Order, id: Uuid) -> Result<Response, Problem> {
    if let Some(refused) = find(order, id).filter(|known| is_refused_at_once(known)) {
        let code = refused.outcome_reason.clone().unwrap_or_default();
        return Err(Problem::conflict("The items cannot be returned: see code.").with("code", code));
    }
    let location = [(LOCATION, format!("{}/returns/{id}", path(order.placed.order_id)))];
    Ok((StatusCode::ACCEPTED, location, Json(OrderBody::whole(order))).into_response())
}

/// A return of an order.
#[utoipa::path(get, path = "/orders/{id}/returns/{return}",
    params(("id" = Uuid, Path, description = "The order's id."),
        ("return" = Uuid, Path, description = "The return's id.")),
    responses((status = 200, body = ReturnBody),
        (status = 404, description = "There is no such order, or it has no return with that id.")))]
pub(super) async fn show_return(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    PathParams(params): PathParams<(String, String)>,
) -> Result<Response, Problem> {
    let (_, wanted) = params;
    let order = lookup::get(&context, id).await?;
    let known = Uuid::parse_str(&wanted).ok().and_then(|wanted| find(&order, wanted));
    let Some(known) = known else {
        return Err(Problem::not_found(format!("Order {id} has no return {}.", first_chars(&wanted, 40))));
    };
    Ok(Json(return_of(&order, known)).into_response())
}

fn conflict(why: &NotReturnable) -> Problem {
    let detail = format!("The items cannot be returned: {}.", why.detail);
    let problem = Problem::conflict(detail).with("code", why.code);
    match why.index {
        Some(index) => problem.at(&format!("/items/{index}"), why.detail.clone()),
        None => problem,
    }
}
