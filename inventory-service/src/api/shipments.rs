//! Shipments: where they are, what their carrier tells of them, and their labels.

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
use uuid::Uuid;

use super::{fault, read_limit, request_id, seen, send};
use crate::carrier::CarrierKind;
use crate::messages::{Address, Method, SHIPMENT_EVENT, ShipmentEvent, Stage};
use crate::settings::Settings;
use crate::shipment::{Happened, PREFIX, Shipment, ShipmentStatus, label as labels, shipment_key};
use crate::stock::{Inventory, Line};
use crate::view;

/// An order's shipment.
#[derive(Serialize, ToSchema)]
#[schema(as = Shipment)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentBody {
    id: Uuid,
    #[schema(value_type = Uuid)]
    order_id: String,
    warehouse: String,
    status: ShipmentStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
    /// None where the customer collects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<CarrierKind>,
    /// As UPU S10 has it, with its check digit, unless the carrier gives numbers of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    /// When it should arrive, or can be collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    estimated_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    items: Vec<Line>,
    /// Why the carrier does not take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// What happened to it, in the order in which it was heard of.
    history: Vec<HappenedBody>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// Something that happened to a shipment.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentHistory)]
struct HappenedBody {
    status: ShipmentStatus,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl From<Happened> for HappenedBody {
    fn from(Happened { status, at, note }: Happened) -> Self {
        Self { status, at, note }
    }
}

impl From<Shipment> for ShipmentBody {
    fn from(shipment: Shipment) -> Self {
        Self {
            id: shipment.id(),
            order_id: shipment.order_id,
            warehouse: shipment.warehouse,
            status: shipment.status,
            method: shipment.method,
            carrier: shipment.carrier,
            tracking_number: shipment.tracking_number,
            estimated_date: shipment.estimated_date,
            address: shipment.address,
            items: shipment.items,
            refusal: shipment.refusal,
            history: shipment.history.into_iter().map(HappenedBody::from).collect(),
            created_at: shipment.created_at,
        }
    }
}

/// The query of `GET /shipments`.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only the shipment of this order.
    #[param(value_type = Option<Uuid>)]
    order_id: Option<String>,
    /// Only those that stand so.
    #[param(inline, value_type = Option<ShipmentStatus>)]
    status: Option<String>,
    /// From the `next` of the page before.
    #[param(value_type = Option<Uuid>)]
    cursor: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Shipments.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentPage)]
pub(super) struct Page {
    items: Vec<ShipmentBody>,
    /// The query's `cursor` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The shipments of the newest orders first.
#[utoipa::path(get, path = "/shipments", params(Query), responses((status = 200, body = Page)))]
pub(super) async fn list(
    State(context): State<Context<Settings>>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let name = |text: &str| ShipmentStatus::ALL.into_iter().find(|status| status.name() == text);
    let names = ShipmentStatus::ALL.map(ShipmentStatus::name).join(", ");
    let status = parameter("status", query.status.as_deref(), name, &names)?;
    let id = |text: &str| text.parse::<OrderId>().ok();
    let order = parameter("orderId", query.order_id.as_deref(), id, "an order's id, a UUID")?;
    let before = parameter("cursor", query.cursor.as_deref(), id, "the next of an earlier page, as it was")?;
    let limit = read_limit(query.limit.as_deref())?;
    if let Some(order) = order {
        let found = context.view.entity::<Inventory>(&shipment_key(&order.to_string())).await?;
        let found = found.and_then(|found| found.shipment().cloned());
        let found = found.filter(|shipment| status.is_none_or(|status| status == shipment.status));
        let items = found.into_iter().map(ShipmentBody::from).collect();
        return Ok(Json(Page { items, next: None }).into_response());
    }
    let (status, before) = (status.map(ShipmentStatus::name), before.map(|id| id.to_string()));
    let asked = move |db: &rusqlite::Connection| view::shipments(db, status, before.as_deref(), limit + 1);
    let mut found = context.view.read(asked).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.order_id.clone());
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

fn key(id: OrderId) -> String {
    format!("{PREFIX}{id}")
}

async fn find(context: &Context<Settings>, id: OrderId) -> Result<Shipment, Problem> {
    let found = context.view.entity::<Inventory>(&key(id)).await?;
    let found = found.and_then(|found| found.shipment().cloned());
    found.ok_or_else(|| Problem::not_found(format!("There is no shipment {id}.")))
}

/// A shipment.
#[utoipa::path(get, path = "/shipments/{id}", params(("id" = Uuid, Path, description = "The shipment's id.")),
    responses((status = 200, body = ShipmentBody), (status = 404, description = "There is no such shipment.")))]
pub(super) async fn show(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
) -> Result<Json<ShipmentBody>, Problem> {
    Ok(Json(find(&context, id).await?.into()))
}

/// What happened to a shipment.
#[derive(Deserialize, ToSchema)]
#[schema(as = ShipmentEvent)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    status: Stage,
    /// When it happened; now, unless it is said.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// For the history.
    #[schema(min_length = 1, max_length = 200)]
    note: Option<String>,
}

/// The carrier, or who picks, tells of a shipment. What was told before changes nothing, and what is told late is noted
/// in the history and changes no status.
#[utoipa::path(post, path = "/shipments/{id}/events", params(("id" = Uuid, Path, description = "The shipment's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "By which the request is known when it is sent again.")),
    request_body = Event,
    responses((status = 200, body = ShipmentBody), (status = 404, description = "There is no such shipment."),
        (status = 409, description = "That can't have happened to it: no carrier has it, or it was called off.")))]
pub(super) async fn event(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(Event { status, at, note }): Body<Event>,
) -> Result<Json<ShipmentBody>, Problem> {
    if let Some(problem) = note.as_deref().and_then(|note| fault(&[("/note", note)])) {
        return Err(problem);
    }
    let shipment = find(&context, id).await?;
    let impossible = |why: String| Problem::conflict(format!("That can't have happened: {why}."));
    shipment.takes(status).map_err(impossible)?;
    if shipment.has_been(status) {
        return Ok(Json(shipment.into()));
    }
    let order_id = shipment.order_id.parse().map_err(Problem::internal)?;
    let value = ShipmentEvent { order_id, status, at, note };
    let about = (SHIPMENT_EVENT, &*shipment.warehouse, &*shipment.order_id);
    send(&context, about, &request_id(&headers)?, &headers, &value).await?;
    let settled = move |found: &Inventory| {
        let shipment = found.shipment()?;
        (shipment.has_been(status) || shipment.takes(status).is_err()).then(|| shipment.clone())
    };
    let shipment = seen(&context, &key(id), settled).await?;
    if !shipment.has_been(status) {
        shipment.takes(status).map_err(impossible)?;
    }
    Ok(Json(shipment.into()))
}

/// The label of a shipment in ZPL II, for a printer of 203 dots per inch and labels of 4 by 6 inches.
#[utoipa::path(get, path = "/shipments/{id}/label", params(("id" = Uuid, Path, description = "The shipment's id.")),
    responses((status = 200, body = String, content_type = "text/plain", description = "ZPL II, in UTF-8."),
        (status = 404, description = "There is no such shipment."),
        (status = 406, description = "Only text/plain there is."),
        (status = 409, description = "It has no label: no carrier takes it, or it was called off.")))]
pub(super) async fn label(
    State(context): State<Context<Settings>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shipment = find(&context, id).await?;
    if !takes_text(&headers) {
        return Err(Problem::of(StatusCode::NOT_ACCEPTABLE, "A label is text/plain (ZPL II)."));
    }
    let text = shipment.status.far().and_then(|_| labels::zpl(&shipment));
    let text = text.ok_or_else(|| {
        let what = if shipment.method == Some(Method::Pickup) { "collected" } else { shipment.status.name() };
        Problem::conflict(format!("The shipment is {what} and has no label."))
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Whether the client takes plain text.
fn takes_text(headers: &HeaderMap) -> bool {
    let mut asked = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    let takes = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let of = parts.next().is_some_and(|of| matches!(of, "*/*" | "text/*" | "text/plain" | "application/zpl"));
        of && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    asked.peek().is_none() || asked.any(|value| value.split(',').any(takes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_for_those_who_take_text() {
        let takes = |accept: &'static str| takes_text(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        assert!(takes_text(&HeaderMap::new()));
        assert!(takes("*/*") && takes("application/pdf, text/plain;q=0.5") && takes("text/*"));
        assert!(!takes("application/pdf") && !takes("text/plain;q=0"));
    }
}
