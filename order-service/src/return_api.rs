//! `POST /orders/{id}/returns`: a customer brings something back.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use common::http::{Body, PathId, Problem, idempotency_key};
use common::ids;
use common::service::Context;
use common::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api;
use crate::asking::ask;
use crate::cancel::reason;
use crate::order::Order;
use crate::program::Settings;
use crate::representation::{OrderBody, path};
use crate::returns::{AskForReturn, NotReturnable, Pieces, RETURN, Return, ReturnStatus, all_of, returnable};

/// The body of `POST /orders/{id}/returns`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReturnItems {
    /// What comes back; left out: all that can.
    #[schema(min_items = 1)]
    items: Option<Vec<ReturnItem>>,
    /// Why, in the customer's words.
    reason: Option<String>,
}

/// So many of an item.
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
        let Some(items) = &self.items else { return Ok(all_of(order)) };
        let mut problem = Problem::unprocessable("The return can't be taken as it is: see errors.");
        let (mut wrong, mut pieces) = (items.is_empty(), Vec::new());
        if wrong {
            problem = problem.at("/items", "must not be empty: leave it out to return all");
        }
        for (place, item) in items.iter().enumerate() {
            match (Uuid::parse_str(&item.id), u32::try_from(item.quantity).ok().filter(|quantity| *quantity > 0)) {
                (Ok(id), Some(quantity)) => pieces.push(Pieces { id: id.to_string(), quantity }),
                (Err(_), _) => {
                    (wrong, problem) = (true, problem.at(&format!("/items/{place}/id"), "is not a UUID"));
                }
                (Ok(_), None) => {
                    let what = "must be a whole number from 1";
                    (wrong, problem) = (true, problem.at(&format!("/items/{place}/quantity"), what));
                }
            }
        }
        if wrong { Err(problem) } else { Ok(pieces) }
    }
}

/// Asks for a return of some of an order, or all of it. With an `Idempotency-Key` the same request again is answered as
/// before.
#[utoipa::path(post, path = "/orders/{id}/returns",
    params(("id" = Uuid, Path, description = "The order's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The client's own name for the request.")),
    request_body = ReturnItems,
    responses((status = 202, body = OrderBody, description = "The request is kept; the order's `returns` tell what becomes of it."),
        (status = 404, description = "There is no such order."),
        (status = 409, description = "That can't be returned, or not any more: `code` and `detail` say why.")))]
pub(crate) async fn post(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(body): Body<ReturnItems>,
) -> Result<Response, Problem> {
    let settings = &context.settings;
    let given = idempotency_key(&headers)?;
    let mut order = api::find(&context, id).await?;
    let return_id = given.map_or_else(Uuid::now_v7, |name| ids::derive(&["return", &id.to_string(), &name]));
    if known(&order, return_id).is_none() {
        let items = body.pieces(&order)?;
        returnable(&order, &items, Timestamp::now(), settings.returns.window).map_err(|why| conflict(&why))?;
        let why = reason(body.reason, settings.orders.max_text)?;
        tracing::info!(order_id = %id, %return_id, "a customer asks for a return");
        let wanted = AskForReturn { return_id, order_id: id, items, why };
        let heard = move |order: &Order| known(order, return_id).is_some();
        order = ask(&context, id, &headers, (RETURN, &wanted), heard).await?;
    }
    answer(&order, return_id)
}

fn known(order: &Order, id: Uuid) -> Option<&Return> {
    order.returns.iter().find(|known| known.id == id)
}

/// A return that was refused as soon as it was asked for is a conflict: another one was there first.
fn answer(order: &Order, id: Uuid) -> Result<Response, Problem> {
    let at_once = |asked: &&Return| asked.status == ReturnStatus::Refused && asked.ended_at == Some(asked.requested_at);
    if let Some(refused) = known(order, id).filter(at_once) {
        let code = refused.outcome_reason.clone().unwrap_or_default();
        return Err(Problem::conflict("That can't be returned: see code.").with("code", code));
    }
    let location = [(LOCATION, path(order.placed.order_id))];
    Ok((StatusCode::ACCEPTED, location, Json(OrderBody::whole(order))).into_response())
}

fn conflict(why: &NotReturnable) -> Problem {
    let problem = Problem::conflict(format!("That can't be returned: {}.", why.detail)).with("code", why.code);
    match why.item {
        Some(place) => problem.at(&format!("/items/{place}"), why.detail.clone()),
        None => problem,
    }
}
