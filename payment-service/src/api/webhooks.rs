//! `POST /webhooks/stripe`: an event whose signature is valid becomes a message to its payment.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use common::http::{Problem, trace_of};
use common::service::Context;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entity::Payment;
use crate::provider::stripe::{Owner, webhook};
use crate::settings::Settings;
use crate::text::cut;
use crate::view;

/// The event was received; Stripe need not send it again.
#[derive(Serialize, ToSchema)]
pub(super) struct Received {
    /// True if the event is about a payment of this service: it is compared with the payment, and Stripe is asked.
    used: bool,
}

/// Receives an event of Stripe. Events may arrive any number of times, in any order.
#[utoipa::path(post, path = "/webhooks/stripe",
    params(("Stripe-Signature" = Option<String>, Header,
        description = "A time and the HMAC-SHA256 of it and the body.")),
    request_body(content = String, content_type = "application/json",
        description = "The event, byte for byte as signed."),
    responses((status = 200, body = Received),
        (status = 400, description = "The signature is invalid, or the body is not JSON."),
        (status = 404, description = "Webhooks are disabled: provider.stripe.webhook_secret is empty."),
        (status = 503, description = "It is not known yet whose payment the event is about: Stripe sends it again.")))]
pub(super) async fn stripe(
    State(context): State<Context<Settings>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Received>, Problem> {
    let settings = &context.settings.provider.stripe;
    if settings.webhook_secret.is_empty() {
        return Err(Problem::not_found("Webhooks are disabled: provider.stripe.webhook_secret is empty."));
    }
    let body = body.map_err(|why| Problem::of(why.status(), "The event is too long, or incomplete."))?;
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = Timestamp::now();
    webhook::verify(signature, &body, &settings.webhook_secret, settings.webhook_tolerance, now).map_err(|why| {
        tracing::warn!("rejected a webhook: {why}");
        Problem::bad_request(format!("The webhook is rejected: {why}."))
    })?;
    let event = webhook::read(&body, &settings.api_key)
        .map_err(|why| Problem::bad_request(format!("The event can't be read: {why}.")))?;
    match event {
        webhook::Received::Change(event) => {
            let message = webhook::message(&event, now).caused_by(Some(&trace_of(&headers)));
            context.commands.send(&message).await?;
            Ok(Json(Received { used: true }))
        }
        webhook::Received::Review(event) => {
            let Some(owner) = owner(&context, &event.reference).await? else {
                return Ok(Json(Received { used: false }));
            };
            let event = event.of_payment(owner);
            let message = webhook::message(&event, now).caused_by(Some(&trace_of(&headers)));
            context.commands.send(&message).await?;
            Ok(Json(Received { used: true }))
        }
        webhook::Received::Foreign(why) => {
            tracing::warn!("an event is not used: {why}");
            Ok(Json(Received { used: false }))
        }
        webhook::Received::Unrelated => Ok(Json(Received { used: false })),
    }
}

/// The owner of the payment with Stripe's id; `None` if it is not this service's. The view may not have the payment
/// yet: Stripe is asked for the order then.
async fn owner(context: &Context<Settings>, reference: &str) -> Result<Option<Owner>, Problem> {
    let sought = reference.to_owned();
    if let Some(order_id) = context.view.read(move |db| view::order_of_reference(db, &sought)).await? {
        return Ok(Some(Owner { order_id, payment_id: Payment::id_for(order_id) }));
    }
    let Some(providers) = context.settings.providers() else {
        return Err(Problem::unavailable("The service is starting. Send the event again."));
    };
    providers.stripe_owner(reference).await.map_err(|error| {
        tracing::warn!("an event about {} is to be sent again: its owner is unknown: {error}", cut(reference));
        Problem::unavailable("It is not known yet whose payment the event is about. Send it again.")
    })
}
