//! `POST /carrier/webhooks/tracking`: an event whose signature is valid becomes a message to its shipment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::ids;
use common::messages::{Outgoing, header};
use common::service::Context;
use common::time::Timestamp;
use common::topics;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::requests::check_texts;
use crate::carrier::webhook::{self, Headers, Tracking};
use crate::entity::shipment::StageReport;
use crate::entity::{Inventory, Shipment, shipment_key};
use crate::messages::{SHIPMENT_EVENT, ShipmentEvent};
use crate::settings::{LONGEST_ID, Settings, is_valid_name};
use crate::view;

/// The event was received; the carrier need not send it again.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookReceived)]
pub(super) struct Received {
    /// True if the event is about a shipment of this service that can be in this stage.
    used: bool,
}

/// The body of a webhook, for the description.
#[derive(ToSchema)]
#[allow(dead_code)]
struct TrackingEvent {
    /// `tracking.updated`; events of other types are not used.
    #[schema(value_type = String)]
    r#type: String,
    data: Tracking,
}

/// Receives an event of a carrier, signed as by Standard Webhooks. Events may arrive any number of times, in any order.
#[utoipa::path(post, path = "/carrier/webhooks/tracking",
    params(("webhook-id" = Option<String>, Header, description = "The event's id: the same for all its deliveries."),
        ("webhook-timestamp" = Option<String>, Header, description = "When it was signed: seconds since 1970."),
        ("webhook-signature" = Option<String>, Header,
            description = "`v1,` and the HMAC-SHA256 of id, time and body in Base64.")),
    request_body(content = TrackingEvent, description = "The event, byte for byte as signed."),
    responses((status = 200, body = Received),
        (status = 400, description = "The signature is invalid."),
        (status = 404, description = "Webhooks are disabled (shipping.webhook_secret is empty), or no shipment has the \
                                      tracking number."),
        (status = 422, description = "The event lacks a field.")))]
pub(super) async fn tracking(
    State(context): State<Context<Settings>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Received>, Problem> {
    let settings = &context.settings.shipping;
    if settings.webhook_secret.is_empty() {
        return Err(Problem::not_found("Webhooks are disabled: shipping.webhook_secret is empty."));
    }
    let body = body.map_err(|why| Problem::of(why.status(), "The event is too long, or incomplete."))?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let now = Timestamp::now();
    webhook::verify(signed, &body, &settings.webhook_secret, settings.webhook_tolerance, now).map_err(|why| {
        tracing::warn!("rejected a webhook: {why}");
        Problem::bad_request(format!("The webhook is rejected: {why}."))
    })?;
    let event =
        webhook::read(&body).map_err(|why| Problem::unprocessable(format!("The event can't be read: {why}.")))?;
    let Some(tracking) = event else { return Ok(Json(Received { used: false })) };
    check(&tracking)?;
    let shipment = find(&context, &tracking.tracking_number).await?;
    // An id that is too long, or of other characters, is replaced by one that derives from it.
    let event_id = if is_valid_name(signed.id, LONGEST_ID) {
        signed.id.to_owned()
    } else {
        ids::derive(&["carrier webhook", signed.id]).to_string()
    };
    let Tracking { tracking_number, status, at, note } = tracking;
    let report = StageReport { stage: status, event: &event_id, tracking_number: Some(&tracking_number) };
    if let Err(why) = shipment.effect_of(report) {
        tracing::warn!(order_id = shipment.order_id, ?status, "an event of the carrier is not used: {why}");
        return Ok(Json(Received { used: false }));
    }
    let order_id = shipment.order_id.parse().map_err(Problem::internal)?;
    let id = ids::derive(&["carrier webhook message", &event_id, &tracking_number]).to_string();
    let tracking_number = Some(tracking_number);
    let value = ShipmentEvent { order_id, status, at, note, event_id: Some(event_id), tracking_number };
    let order = &shipment.order_id;
    let message =
        Outgoing::event(topics::INVENTORY_COMMANDS, &shipment.warehouse, SHIPMENT_EVENT, id, order, now, &value);
    context.commands.send(&message.with(header::TRACEPARENT, trace_of(&headers))).await?;
    Ok(Json(Received { used: true }))
}

fn check(tracking: &Tracking) -> Result<(), Problem> {
    let number = &tracking.tracking_number;
    if !is_valid_name(number, LONGEST_ID) {
        let allowed = format!("must have 1 to {LONGEST_ID} characters, none of them a control character");
        return Err(Problem::unprocessable("The event is invalid: see errors.").at("/data/trackingNumber", allowed));
    }
    tracking.note.as_deref().and_then(|note| check_texts(&[("/data/note", note)])).map_or(Ok(()), Err)
}

/// The shipment with a tracking number.
async fn find(context: &Context<Settings>, number: &str) -> Result<Shipment, Problem> {
    let wanted = number.to_owned();
    let query = move |db: &rusqlite::Connection| {
        let Some(order) = view::order_of_parcel(db, &wanted)? else { return Ok(None) };
        view::entity(db, &shipment_key(&order))
    };
    let found: Option<Inventory> = context.view.read(query).await?;
    let found = found.and_then(|found| found.shipment().cloned());
    found.ok_or_else(|| Problem::not_found("No shipment has this tracking number. Send the event again later."))
}
