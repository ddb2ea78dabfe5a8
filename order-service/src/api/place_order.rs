//! `POST /orders`: places an order.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, Caller, Problem, idempotency_key, trace_of};
use common::ids::{self, OrderId};
use common::service::Context;
use common::time::Timestamp;
use uuid::Uuid;

use super::body::{OrderBody, path};
use super::lookup;
use super::place_body::PlaceOrder;
use crate::messages;
use crate::order::{self, Order, Placed};
use crate::settings::Settings;
use crate::view;

/// Places an order. With an `Idempotency-Key` the order's id derives from the key, so that every instance answers a
/// repeated request the same, at any time. 201 once the order is durable and visible at this instance; 503 with the
/// order's id on timeout.
#[utoipa::path(post, path = "/orders",
    params(("Idempotency-Key" = Option<String>, Header, description = "The client's name for the request.")),
    request_body = PlaceOrder,
    responses((status = 201, body = OrderBody, description = "The order is placed. `Location` is its address.")))]
pub(super) async fn place(
    State(context): State<Context<Settings>>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<PlaceOrder>,
) -> Result<Response, Problem> {
    let name = idempotency_key(&headers)?.map(|name| caller.own_name(name));
    let id = name.as_ref().map_or_else(OrderId::generate, |name| OrderId(ids::derive(&["order", name])));
    let placed = body.checked(&context.settings.orders, id, Timestamp::now())?;
    caller.check_may_act_for(placed.customer_id)?;
    if name.is_some()
        && let Some(known) = lookup::find(&context, id).await?
    {
        return created(known, &placed);
    }
    let customer_id = placed.customer_id;
    tracing::info!(order_id = %id, %customer_id, amount_minor = placed.amount_minor, "placing an order");
    let request = name.map(|_| Uuid::new_v4());
    let message = messages::place(&placed, request).caused_by(Some(&trace_of(&headers)));
    let with_address = |problem: Problem| problem.with("orderId", id.to_string()).with("location", path(id));
    context.commands.send(&message).await.map_err(|e| with_address(e.into()))?;

    let key = order::key(id);
    let wanted = key.clone();
    let find = move |connection: &_| view::state(connection, &wanted);
    match context.view.until(&key, context.effect_timeout, find).await {
        Ok(Some(known)) => created(known, &placed),
        Ok(None) => {
            let detail = format!(
                "Order {id} was accepted, but it is not visible after {} s. Poll {}; do not place the order again.",
                context.effect_timeout.as_secs_f64(),
                path(id)
            );
            Err(with_address(Problem::unavailable(detail)))
        }
        Err(error) => Err(with_address(error.into())),
    }
}

/// The response to the request that placed the order and to its repetitions: the order as it was placed. A request for
/// another order with the same idempotency key is rejected, whichever of the two came first.
fn created(known: Order, requested: &Placed) -> Result<Response, Problem> {
    let initial = Order::new(known.placed);
    let location = path(initial.placed.order_id);
    // The time and the check of the prices are the service's own: `orders.price` may have changed since.
    let Placed { created_at, price_check, .. } = initial.placed;
    if (Placed { created_at, price_check, ..requested.clone() }) != initial.placed {
        let detail =
            format!("This Idempotency-Key was used for another order, {location}: use a new key for a new order.");
        return Err(Problem::unprocessable(detail).with("location", location));
    }
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(OrderBody::whole(&initial))).into_response())
}
