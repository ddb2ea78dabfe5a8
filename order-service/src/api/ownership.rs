//! Customers can access only their own orders. One layer around every path under `/orders/{id}`, so that no path can
//! omit the check. An order of another customer is reported as unknown.

use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use common::http::{Caller, Problem};
use common::ids::OrderId;
use common::service::Context;

use super::lookup;
use crate::settings::Settings;

/// Passes a request on if the caller may see the order. Unknown orders are left to the handler.
pub(super) async fn require_ownership(
    State(context): State<Context<Settings>>,
    caller: Caller,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let id = params.iter().next().and_then(|(_, value)| value.parse::<OrderId>().ok());
    match check(&context, &caller, id).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn check(context: &Context<Settings>, caller: &Caller, id: Option<OrderId>) -> Result<(), Problem> {
    // A caller without a customer id sees all orders.
    let (Some(id), Some(_)) = (id, caller.only()?) else { return Ok(()) };
    let order = lookup::find(context, id).await?;
    if order.is_none_or(|order| caller.sees(order.placed.customer_id)) { Ok(()) } else { Err(lookup::unknown(id)) }
}
