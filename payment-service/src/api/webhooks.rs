//! `POST /webhooks/stripe`: what Stripe tells by itself, once it is known to be Stripe, is a message on
//! `payment-results`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::messages::header;
use common::service::Context;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::program::Settings;
use crate::provider::stripe::webhook;

/// The event was taken; it need not be sent again.
#[derive(Serialize, ToSchema)]
pub(super) struct Received {
    /// Whether it says anything of a payment of ours.
    used: bool,
}

/// Takes an event of Stripe. It may come any number of times, and in any order.
#[utoipa::path(post, path = "/webhooks/stripe",
    params(("Stripe-Signature" = Option<String>, Header, description = "A time and the HMAC-SHA256 of it and the body.")),
    request_body(content = String, content_type = "application/json", description = "The event, byte for byte as signed."),
    responses((status = 200, body = Received),
        (status = 400, description = "The signature is not right, or the event can't be read."),
        (status = 404, description = "No webhooks are taken: provider.stripe.webhook_secret is empty.")))]
pub(super) async fn stripe(
    State(context): State<Context<Settings>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Received>, Problem> {
    let settings = &context.settings.provider.stripe;
    if settings.webhook_secret.is_empty() {
        return Err(Problem::not_found("No webhooks are taken: provider.stripe.webhook_secret is empty."));
    }
    let body = body.map_err(|why| Problem::of(why.status(), "The event is too long, or ended too early."))?;
    let (signature, now) = (headers.get("stripe-signature").and_then(|value| value.to_str().ok()), Timestamp::now());
    webhook::verify(signature, &body, &settings.webhook_secret, settings.webhook_tolerance, now).map_err(|why| {
        tracing::warn!("a webhook is refused: {why}");
        Problem::bad_request(format!("The webhook is not believed: {why}."))
    })?;
    let result =
        webhook::result(&body, now).map_err(|why| Problem::bad_request(format!("The event can't be read: {why}.")))?;
    let used = result.is_some();
    if let Some(result) = result {
        context.commands.send(&result.with(header::TRACEPARENT, trace_of(&headers))).await?;
    }
    Ok(Json(Received { used }))
}
