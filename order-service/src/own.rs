//! A customer sees their own orders. One layer around everything under `/orders/{id}`, so that no path of an order can
//! forget it: another customer's order is not there.

use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use common::http::{Caller, Problem};
use common::ids::OrderId;
use common::service::Context;

use crate::api;
use crate::order::key;
use crate::program::Settings;

/// Lets a request for an order through to whom may see it. An order that is not there (yet) is left to the handler.
pub(crate) async fn only_own(
    State(context): State<Context<Settings>>,
    caller: Caller,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let id = params.iter().next().and_then(|(_, value)| value.parse::<OrderId>().ok());
    match seen(&context, &caller, id).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn seen(context: &Context<Settings>, caller: &Caller, id: Option<OrderId>) -> Result<(), Problem> {
    // Who sees all orders needs no look at this one.
    let (Some(id), Some(_)) = (id, caller.only()?) else { return Ok(()) };
    let order = api::order_of(context, &key(&id.to_string())).await?;
    if order.is_none_or(|order| caller.sees(order.placed.customer_id)) { Ok(()) } else { Err(unknown(id)) }
}

/// The answer for an order that is not there, or not for this caller.
pub(crate) fn unknown(id: OrderId) -> Problem {
    Problem::not_found(format!("There is no order {id}."))
}
