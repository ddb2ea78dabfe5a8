//! Taking an order back: the customer asks, the order remembers it, and the orchestrator is told, which decides whether it
//! is still in time. Apart, since it is the one thing that may happen to an order between its beginning and its end.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, PathId, Problem, trace_of};
use common::ids::{self, OrderId};
use common::journal::World;
use common::messages::{Message, Outgoing, Unreadable, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order::{Order, is_at_home, key};
use crate::program::Settings;
use crate::representation::{Shown, path};

/// `ce_type` of the message by which a customer takes an order back (from the HTTP API).
pub const CANCEL: &str = "order.cancel";
/// `ce_type` of the event that tells of it.
pub const CANCEL_REQUESTED: &str = "order.cancel-requested";

/// How long `POST /orders/{id}/cancel` waits until the order shows it.
const ASKING: Duration = Duration::from_secs(10);
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

/// A pending order remembers the first request and passes it on, behind the event that began its saga. One that has ended
/// stays as it is: who asked is told by the API.
pub(crate) fn cancel(world: &mut World<'_, Order>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let Cancel { order_id, why } = message.json()?;
    let id = order_id.to_string();
    is_at_home(world, &id)?;
    let Some(order) = world.update(&key(&id)) else {
        return Err(Unreadable::Malformed(format!("orderId: there is no order {id}")));
    };
    if !order.status.is_pending() || order.cancellation.is_some() {
        return Ok(());
    }
    order.cancellation = Some(Cancellation { requested_at: now, why: why.clone() });
    order.updated_at = now;
    let event_id = ids::derive(&[&id, CANCEL_REQUESTED]).to_string();
    let requested = CancelRequested { order_id, by: "customer".to_owned(), why };
    let event = Outgoing::event(topics::CREATED_ORDERS, &id, CANCEL_REQUESTED, event_id, &id, now, &requested);
    world.send(event.caused_by(message.header(header::TRACEPARENT)));
    Ok(())
}

/// The body of `POST /orders/{id}/cancel`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelOrder {
    reason: Option<String>,
}

impl CancelOrder {
    fn why(self, longest: usize) -> Result<String, Problem> {
        let reason = self.reason.unwrap_or_default();
        let text = reason.trim();
        if text.chars().count() > longest {
            let problem = Problem::unprocessable("The order can't be cancelled like this: see errors.");
            return Err(problem.at("/reason", format!("is longer than {longest} characters")));
        }
        Ok(if text.is_empty() { NO_REASON.to_owned() } else { text.to_owned() })
    }
}

/// `POST /orders/{id}/cancel`: 202 once the request is durable; 409 when the order has ended already.
pub(crate) async fn post(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(body): Body<CancelOrder>,
) -> Result<Response, Problem> {
    let why = body.why(context.settings.orders.max_text)?;
    let key = key(&id.to_string());
    let known: Option<Order> = context.view.entity(&key).await?;
    let known = known.ok_or_else(|| Problem::not_found(format!("There is no order {id}.")))?;
    if let Some(answer) = answer(&known)? {
        return Ok(answer);
    }
    tracing::info!(order_id = %id, "a customer takes an order back");
    let (text, now, cancel) = (id.to_string(), Timestamp::now(), Cancel { order_id: id, why });
    // A request of its own each time: the second one changes nothing.
    let message_id = Uuid::new_v4().to_string();
    let message = Outgoing::event(topics::ORDER_COMMANDS, &text, CANCEL, message_id, &text, now, &cancel);
    context.commands.send(&message.with(header::TRACEPARENT, trace_of(&headers))).await?;
    let wanted = key.clone();
    let heard = move |connection: &_| {
        let state = crate::view::state(connection, &wanted)?;
        Ok(state.filter(|order| order.cancellation.is_some() || !order.status.is_pending()))
    };
    let order = context.view.until(&key, ASKING, heard).await?;
    let heard = order.as_ref().map(answer).transpose()?.flatten();
    heard.ok_or_else(|| {
        let detail = format!("The request was taken and is not carried out yet after {} s.", ASKING.as_secs());
        Problem::unavailable(detail).with("location", path(id))
    })
}

/// 202 where it was asked for, 409 where the order ended without; none while nothing is known of it.
fn answer(order: &Order) -> Result<Option<Response>, Problem> {
    let id = order.placed.order_id;
    if order.cancellation.is_some() {
        let shown = Json(Shown::whole(order));
        return Ok(Some((StatusCode::ACCEPTED, [(LOCATION, path(id))], shown).into_response()));
    }
    if order.status.is_pending() {
        return Ok(None);
    }
    let detail = format!("Order {id} is {} since {}: it can't be cancelled any more.", order.status, order.updated_at);
    Err(Problem::of(StatusCode::CONFLICT, detail).with("orderStatus", order.status.as_str()))
}
