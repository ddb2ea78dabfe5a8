//! `/shipments`: queries of shipments, the stages of their delivery, and their labels.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LINK};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::http::{Body, Params, PathId, Problem, parameter};
use common::ids::OrderId;
use common::service::Context;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::label::zpl;
use crate::api::requests::{Request, check_texts, or_invalid, parse_limit, request_id, send, wait_for};
use crate::api::shipment_body::ShipmentBody;
use crate::entity::shipment::{SHIPMENT_PREFIX, StageEffect, StageReport};
use crate::entity::{Inventory, Shipment, ShipmentStatus, shipment_key};
use crate::messages::{Method, SHIPMENT_EVENT, ShipmentEvent, Stage};
use crate::settings::{LONGEST_ID, Settings, is_valid_name};
use crate::view;

/// The query of `GET /shipments`.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only the shipment of this order.
    #[param(value_type = Option<Uuid>)]
    order_id: Option<String>,
    /// Only shipments with this status.
    #[param(inline, value_type = Option<ShipmentStatus>)]
    status: Option<String>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    cursor: Option<String>,
    /// The largest number of items.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A page of shipments.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentPage)]
pub(super) struct Page {
    items: Vec<ShipmentBody>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists shipments, those of the newest orders first.
#[utoipa::path(get, path = "/shipments", operation_id = "list_shipments",
    params(Query), responses((status = 200, body = Page)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let known = |text: &str| ShipmentStatus::ALL.into_iter().find(|status| status.name() == text);
    let names = ShipmentStatus::ALL.map(ShipmentStatus::name).join(", ");
    let status = parameter("status", query.status.as_deref(), known, &names)?;
    let id = |text: &str| text.parse::<OrderId>().ok();
    let order = parameter("orderId", query.order_id.as_deref(), id, "an order's id, a UUID")?;
    let before = parameter("cursor", query.cursor.as_deref(), id, "the next of an earlier page, unchanged")?;
    let limit = parse_limit(query.limit.as_deref())?;
    if let Some(order) = order {
        let found = context.view.entity::<Inventory>(&shipment_key(&order.to_string())).await?;
        let found = found.and_then(|found| found.shipment().cloned());
        let found = found.filter(|shipment| status.is_none_or(|status| status == shipment.status));
        let items = found.into_iter().map(ShipmentBody::from).collect();
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let status = status.map(ShipmentStatus::name);
    let before = before.map(|id| id.to_string());
    let query = move |db: &rusqlite::Connection| view::shipments(db, status, before.as_deref(), limit + 1);
    let mut found = context.view.read(query).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.order_id.clone());
    let of_status = status.map(|status| format!("&status={status}")).unwrap_or_default();
    let link = next
        .as_ref()
        .map(|next| [(LINK, format!("</shipments?limit={limit}{of_status}&cursor={next}>; rel=\"next\""))]);
    let page = Json(Page { items: found.into_iter().map(ShipmentBody::from).collect(), next });
    Ok(match link {
        Some(link) => (link, page).into_response(),
        None => page.into_response(),
    })
}

/// The entity key of a shipment.
pub(super) fn key(id: OrderId) -> String {
    format!("{SHIPMENT_PREFIX}{id}")
}

/// The shipment with that id.
pub(super) async fn find(context: &Context<Settings>, id: OrderId) -> Result<Shipment, Problem> {
    let found = context.view.entity::<Inventory>(&key(id)).await?;
    let found = found.and_then(|found| found.shipment().cloned());
    found.ok_or_else(|| Problem::not_found(format!("There is no shipment {id}.")))
}

/// A shipment.
#[utoipa::path(get, path = "/shipments/{id}", operation_id = "show_shipment",
    params(("id" = Uuid, Path, description = "The shipment's id.")),
    responses((status = 200, body = ShipmentBody), (status = 404, description = "There is no such shipment.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ShipmentBody>, Problem> {
    Ok(Json(find(&context, id).await?.into()))
}

/// A stage of a shipment's delivery.
#[derive(Deserialize, ToSchema)]
#[schema(as = ShipmentEvent)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Event {
    status: Stage,
    /// When it happened; by default now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// For the history.
    #[schema(min_length = 1, max_length = 200)]
    note: Option<String>,
    /// The carrier's id of the event: a repeated one changes nothing. By default that of the request.
    #[schema(min_length = 1, max_length = 64)]
    event_id: Option<String>,
    /// The parcel that the event is about; by default the current one.
    #[schema(min_length = 1, max_length = 64)]
    tracking_number: Option<String>,
}

impl Event {
    fn check(&self) -> Result<(), Problem> {
        let mut problem = self.note.as_deref().and_then(|note| check_texts(&[("/note", note)]));
        for (pointer, id) in [("/eventId", &self.event_id), ("/trackingNumber", &self.tracking_number)] {
            if id.as_deref().is_some_and(|id| !is_valid_name(id, LONGEST_ID)) {
                let allowed = format!("must have 1 to {LONGEST_ID} characters, none of them a control character");
                problem = Some(or_invalid(problem).at(pointer, allowed));
            }
        }
        problem.map_or(Ok(()), Err)
    }
}

/// Reports a stage of a shipment's delivery. A repeated report changes nothing; one that is late or contradicts another
/// is added to the history and does not change the status.
#[utoipa::path(post, path = "/shipments/{id}/events", params(("id" = Uuid, Path, description = "The shipment's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Identifies the request when it is repeated.")),
    request_body = Event,
    responses((status = 200, body = ShipmentBody), (status = 404, description = "There is no such shipment."),
        (status = 409, description = "The stage is not possible: the shipment was not accepted, or was cancelled.")))]
pub(super) async fn event(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(event): Body<Event>,
) -> Result<Json<ShipmentBody>, Problem> {
    event.check()?;
    let shipment = find(&context, id).await?;
    let request = request_id(&headers)?;
    let Event { status: stage, at, note, event_id, tracking_number } = event;
    let event_id = event_id.unwrap_or_else(|| request.id.clone());
    let number = tracking_number.clone();
    let effect = move |shipment: &Shipment, event_id: &str| {
        shipment.effect_of(StageReport { stage, event: event_id, tracking_number: number.as_deref() })
    };
    let impossible = |why: String| Problem::conflict(format!("The stage is not possible: {why}."));
    if effect(&shipment, &event_id).map_err(impossible)? == StageEffect::IsKnown {
        return Ok(Json(shipment.into()));
    }
    let order_id = shipment.order_id.parse().map_err(Problem::internal)?;
    let value = ShipmentEvent { order_id, status: stage, at, note, event_id: Some(event_id.clone()), tracking_number };
    let request = Request {
        kind: SHIPMENT_EVENT,
        warehouse: &shipment.warehouse,
        subject: &shipment.order_id,
        id: &request.id,
        value: &value,
    };
    send(&context, &headers, request).await?;
    let settled = move |found: &Inventory| {
        let shipment = found.shipment()?;
        match effect(shipment, &event_id) {
            Ok(StageEffect::IsKnown) => Some(Ok(shipment.clone())),
            Ok(StageEffect::Enters | StageEffect::IsRecorded) => None,
            Err(why) => Some(Err(why)),
        }
    };
    let shipment = wait_for(&context, &key(id), settled).await?;
    Ok(Json(shipment.map_err(impossible)?.into()))
}

/// The label of a shipment in ZPL II, for printers with 203 dots per inch and labels of 4 by 6 inches.
#[utoipa::path(get, path = "/shipments/{id}/label", params(("id" = Uuid, Path, description = "The shipment's id.")),
    responses((status = 200, body = String, content_type = "text/plain", description = "ZPL II, in UTF-8."),
        (status = 404, description = "There is no such shipment."),
        (status = 406, description = "Labels are available as text/plain only."),
        (status = 409, description = "It has no label: no carrier has accepted it, or it was cancelled.")))]
pub(super) async fn label(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shipment = find(&context, id).await?;
    if !accepts_text(&headers) {
        return Err(Problem::of(StatusCode::NOT_ACCEPTABLE, "A label is text/plain (ZPL II)."));
    }
    let text = shipment.status.progress().and_then(|_| zpl(&shipment));
    let text = text.ok_or_else(|| {
        let what = if shipment.method == Some(Method::Pickup) { "collected" } else { shipment.status.name() };
        Problem::conflict(format!("The shipment is {what} and has no label."))
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Returns true if the client accepts plain text.
fn accepts_text(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    let is_text = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let matches =
            parts.next().is_some_and(|range| matches!(range, "*/*" | "text/*" | "text/plain" | "application/zpl"));
        matches && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    accepted.peek().is_none() || accepted.any(|value| value.split(',').any(is_text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_served_to_clients_that_accept_text() {
        let accepts = |accept: &'static str| accepts_text(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        assert!(accepts_text(&HeaderMap::new()));
        assert!(accepts("*/*") && accepts("application/pdf, text/plain;q=0.5") && accepts("text/*"));
        assert!(!accepts("application/pdf") && !accepts("text/plain;q=0"));
    }
}
