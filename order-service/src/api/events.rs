//! `GET /orders/{id}/events`: an order's changes as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). An event's id is the index of the change, so a
//! client can resume after `Last-Event-ID` at any instance and after any restart.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use common::http::{PathId, Problem};
use common::ids::OrderId;
use common::service::Context;
use common::time::Timestamp;
use futures::stream::{self, Stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::lookup;
use super::payment_body::ActionBody;
use super::shipment_body::DeliveryBody;
use crate::order::parts::{Change, ReturnStatus};
use crate::order::{self, Order, Status};
use crate::settings::Settings;
use crate::view;

/// How long a stream waits for a change before it checks whether the service is stopping.
const POLL: Duration = Duration::from_secs(5);

/// The data of an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderEvent<'a> {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    /// What the customer must do for the payment, in an event named `action`; left out if nothing is required
    /// any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionBody<'a>>,
    /// Where the shipment is, in an event named `delivery`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryBody<'a>>,
}

/// An event as it is sent.
#[derive(ToSchema)]
#[allow(dead_code)]
struct StreamEvent {
    /// `status`, `action` if what the customer must do for the payment changed, or `delivery`.
    event: String,
    /// The index of the change.
    id: String,
    /// An `OrderEvent`, as JSON.
    data: String,
}

/// An order's changes: first those after `Last-Event-ID`, then each new one. The stream ends when the order has ended,
/// its delivery is not awaited, and it has no pending return; a client that reconnects then gets 204.
#[utoipa::path(get, path = "/orders/{id}/events",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last event that the client received.")),
    responses((status = 200,
            description = "Server-sent events named `status`, `action` or `delivery`; the data is an OrderEvent.",
            content_type = "text/event-stream", body = StreamEvent),
        (status = 204, description = "There are no further events."),
        (status = 404, description = "There is no such order.")))]
pub(super) async fn events(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = lookup::get(&context, id).await?;
    let next = first_index(&headers)?;
    if is_over(&order) && next >= count(&order) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let feed = Feed { context, id, next, ready: Vec::new() };
    Ok(Sse::new(feed.into_stream()).keep_alive(KeepAlive::default()).into_response())
}

/// The index of the first change to send.
fn first_index(headers: &HeaderMap) -> Result<usize, Problem> {
    match headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default().trim()) {
        None | Some("") => Ok(0),
        Some(text) => {
            let last: usize = text.parse().map_err(|_| {
                Problem::bad_request("Last-Event-ID: must be the id of the last received event, a whole number.")
            })?;
            Ok(last.saturating_add(1))
        }
    }
}

/// The number of changes; the first is the order's placement.
fn count(order: &Order) -> usize {
    order.changes.len().saturating_add(1)
}

fn is_over(order: &Order) -> bool {
    !order.is_underway()
        && !order.awaits_delivery()
        && !order.returns.iter().any(|known| known.status == ReturnStatus::Requested)
}

/// The state of a stream.
struct Feed {
    context: Context<Settings>,
    id: OrderId,
    /// The index of the next change.
    next: usize,
    /// Events to be sent, last first.
    ready: Vec<Event>,
}

/// The result of waiting for a change.
enum Poll {
    /// The order has new changes, or is over.
    Order(Box<Order>),
    TimedOut,
    /// The service is stopping, or its view cannot be read.
    Closed,
}

impl Feed {
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut feed| async move {
            loop {
                if let Some(event) = feed.ready.pop() {
                    return Some((Ok(event), feed));
                }
                match feed.poll().await {
                    Poll::Order(order) => {
                        let count = count(&order);
                        feed.ready = (feed.next..count).rev().filter_map(|index| event(&order, index)).collect();
                        feed.next = feed.next.max(count);
                        if feed.ready.is_empty() && is_over(&order) {
                            return None;
                        }
                    }
                    Poll::TimedOut => {}
                    Poll::Closed => return None,
                }
            }
        })
    }

    async fn poll(&self) -> Poll {
        if self.context.status.is_stopping() {
            return Poll::Closed;
        }
        let key = order::key(self.id);
        let wanted = key.clone();
        let next = self.next;
        let changed = move |connection: &_| {
            let order = view::state(connection, &wanted)?;
            Ok(order.filter(|order| count(order) > next || is_over(order)))
        };
        match self.context.view.until(&key, POLL, changed).await {
            Ok(Some(order)) => Poll::Order(Box::new(order)),
            Ok(None) => Poll::TimedOut,
            Err(_) => Poll::Closed,
        }
    }
}

fn event(order: &Order, index: usize) -> Option<Event> {
    let placed = Change::of_status(Status::Pending, None, order.placed.created_at);
    let change = if index == 0 { &placed } else { order.changes.get(index.checked_sub(1)?)? };
    let is_shipped = change.status == Status::Shipped && change.delivery.is_none();
    let shipment = order.shipment.as_ref().filter(|_| is_shipped);
    let delivery = change.delivery.map(|status| DeliveryBody::of(status, change.late, order.tracking.as_ref()));
    let data = OrderEvent {
        order_id: order.placed.order_id,
        status: change.status,
        at: change.at,
        reason: change.reason.as_deref(),
        tracking_number: shipment.and_then(|shipment| shipment.tracking_number.as_deref()),
        action: order.action.as_ref().filter(|_| change.action).map(ActionBody::of),
        delivery,
    };
    let name = match (change.action, change.delivery) {
        (true, _) => "action",
        (false, Some(_)) => "delivery",
        (false, None) => "status",
    };
    Event::default().event(name).id(index.to_string()).json_data(data).ok()
}
