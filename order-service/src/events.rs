//! `GET /orders/{id}/events`: an order's changes as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). An event's id is its place among the order's
//! changes, so a client that says which it saw last goes on behind it, at any instance and after any restart.

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
use futures_util::stream::{self, Stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api;
use crate::order::{Change, Order, Status, key};
use crate::program::Settings;
use crate::returns::ReturnStatus;
use crate::view;

/// How long a look at the view waits for something new before it looks again whether the service goes on.
const LOOK: Duration = Duration::from_secs(5);

/// What an event's data says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told<'a> {
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
}

/// An event as it is sent.
#[derive(ToSchema)]
#[schema(as = StreamEvent)]
#[allow(dead_code)]
pub(crate) struct StreamEvent {
    /// `status`.
    event: String,
    /// The change's place among the order's changes.
    id: String,
    /// An `OrderEvent`, as JSON.
    data: String,
}

/// An order's changes: those behind `Last-Event-ID`, then each as it comes. The stream ends when the order has ended
/// and no return of it is under way; a client that comes again then is told so with `204`.
#[utoipa::path(get, path = "/orders/{id}/events",
    params(("id" = uuid::Uuid, Path, description = "The order's id."),
        ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last event that was seen.")),
    responses((status = 200, description = "Server-sent events named `status`, with an OrderEvent as data.",
            content_type = "text/event-stream", body = StreamEvent),
        (status = 204, description = "Nothing more comes."),
        (status = 404, description = "There is no such order.")))]
pub(crate) async fn stream(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = api::find(&context, id).await?;
    let next = match headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default().trim()) {
        None | Some("") => 0,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| {
                Problem::bad_request("Last-Event-ID: write the id of the last event that was seen, a whole number.")
            })?
            .saturating_add(1),
    };
    if is_over(&order) && next >= count(&order) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watched = Watched { context, id, next, ready: Vec::new() };
    Ok(Sse::new(events(watched)).keep_alive(KeepAlive::default()).into_response())
}

/// The order's changes; the first is that it is there.
fn count(order: &Order) -> usize {
    order.changes.len().saturating_add(1)
}

fn is_over(order: &Order) -> bool {
    let open = |status| status == ReturnStatus::Requested;
    !order.is_underway() && !order.returns.iter().any(|asked| open(asked.status))
}

struct Watched {
    context: Context<Settings>,
    id: OrderId,
    /// The place of the next change.
    next: usize,
    /// What is to be sent, last first.
    ready: Vec<Event>,
}

fn events(watched: Watched) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watched, |mut watched| async move {
        loop {
            if let Some(event) = watched.ready.pop() {
                return Some((Ok(event), watched));
            }
            let order = watched.look().await?;
            if order.is_some_and(|order| is_over(&order) && watched.next >= count(&order)) && watched.ready.is_empty() {
                return None;
            }
        }
    })
}

impl Watched {
    /// Waits a while for what is new; none when the service is stopping, or can't tell.
    async fn look(&mut self) -> Option<Option<Order>> {
        if self.context.status.is_stopping() {
            return None;
        }
        let (key, from) = (key(&self.id.to_string()), self.next);
        let wanted = key.clone();
        let news = move |connection: &_| {
            let order = view::state(connection, &wanted)?;
            Ok(order.filter(|order| count(order) > from || is_over(order)))
        };
        let order = self.context.view.until(&key, LOOK, news).await.ok()?;
        if let Some(order) = &order {
            self.ready = (self.next..count(order)).rev().filter_map(|place| event(order, place)).collect();
            self.next = self.next.max(count(order));
        }
        Some(order)
    }
}

fn event(order: &Order, place: usize) -> Option<Event> {
    let first = Change { at: order.placed.created_at, status: Status::Pending, reason: None };
    let change = if place == 0 { &first } else { order.changes.get(place.checked_sub(1)?)? };
    let tracking_number = order.shipment.as_ref().filter(|_| change.status == Status::Shipped);
    let told = Told {
        order_id: order.placed.order_id,
        status: change.status,
        at: change.at,
        reason: change.reason.as_deref(),
        tracking_number: tracking_number.and_then(|shipment| shipment.tracking_number.as_deref()),
    };
    Event::default().event("status").id(place.to_string()).json_data(told).ok()
}
