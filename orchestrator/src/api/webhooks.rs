//! `/api/webhooks`: the subscriptions of other systems to events.

mod acts;
mod body;
mod representation;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use common::http::{Body, Params, PathParams, Problem};
use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::acts::{NewWebhook, WebhookAct};
use self::body::Create;
pub(crate) use self::representation::{Delivery, DeliveryState, WebhookSummary};
use super::state::Api;
use crate::error::ApiError;
use crate::messages::webhooks::WebhookChange;
use crate::sessions::Identity;
use crate::view::webhooks as view;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// `{"why":"…"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    why: String,
}

/// `{"secret":"whsec_…","why":"…"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    #[serde(default)]
    secret: Option<String>,
    why: String,
}

/// `{"url":"https://…","why":"…"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    events: Option<Vec<String>>,
    why: String,
}

/// `{"since":"2026-11-27T12:00:00Z","why":"…"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayRequest {
    #[serde(default)]
    since: Option<Timestamp>,
    why: String,
}

/// `?state=pending&limit=50`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    state: Option<DeliveryState>,
    limit: Option<usize>,
}

/// `GET /api/webhooks`
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let items: Vec<Value> = api.webhooks().await?.iter().map(WebhookSummary::json).collect();
    Ok(Json(json!({ "items": items, "most": api.context.settings.webhooks.subscriptions })))
}

/// `GET /api/webhooks/{id}`
pub(super) async fn show(State(api): State<Api>, PathParams(id): PathParams<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(api.webhook(&id).await?.json()))
}

/// Creates a subscription: 201 with its secret, which is not shown again; 200 without it if the request is repeated.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    Body(request): Body<Create>,
) -> Result<Response, ApiError> {
    let Create { url, description, events, secret, why } = request;
    let new = NewWebhook { url, description, events, secret };
    let (created, secret) =
        api.create_webhook(new, &WebhookAct { identity: &identity, why, headers: &headers }).await?;
    let location = [(header::LOCATION, format!("/api/webhooks/{}", created.id))];
    let mut shown = created.json();
    let status = match secret {
        Some(secret) => {
            shown["secret"] = secret.reveal().into();
            StatusCode::CREATED
        }
        None => StatusCode::OK,
    };
    Ok((status, location, Json(shown)).into_response())
}

/// Changes a subscription where the request has a value.
pub(super) async fn update(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(request): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    let Update { url, description, events, why } = request;
    api.check_webhook(url.as_deref(), description.as_deref(), events.as_deref())?;
    let change = WebhookChange::Update { url, description, events };
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    Ok(Json(api.change_webhook(&id, change, &act).await?.json()))
}

/// Removes a subscription and what waits for it.
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Params(Why { why }): Params<Why>,
) -> Result<StatusCode, ApiError> {
    api.delete_webhook(&id, &WebhookAct { identity: &identity, why, headers: &headers }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delivers the events of a subscription again; those that wait come first.
pub(super) async fn enable(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(Why { why }): Body<Why>,
) -> Result<Json<Value>, ApiError> {
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    Ok(Json(api.change_webhook(&id, WebhookChange::Enable, &act).await?.json()))
}

/// Delivers no more events of a subscription; those that wait are kept.
pub(super) async fn disable(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(Why { why }): Body<Why>,
) -> Result<Json<Value>, ApiError> {
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    Ok(Json(api.change_webhook(&id, WebhookChange::Disable, &act).await?.json()))
}

/// Signs with another secret; the present one signs beside it for `webhooks.rotation_overlap`.
pub(super) async fn rotate(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(Rotate { secret, why }): Body<Rotate>,
) -> Result<Json<Value>, ApiError> {
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    let (webhook, secret) = api.rotate_secret(&id, secret, &act).await?;
    let mut shown = webhook.json();
    shown["secret"] = secret.reveal().into();
    Ok(Json(shown))
}

/// Sends deliveries again that were given up: 202.
pub(super) async fn replay(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(ReplayRequest { since, why }): Body<ReplayRequest>,
) -> Result<Response, ApiError> {
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    let number = api.replay_webhook(&id, since, &act).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "undelivered": number }))).into_response())
}

/// Sends an event `webhook.test`: 202 with its id.
pub(super) async fn test(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(Why { why }): Body<Why>,
) -> Result<Response, ApiError> {
    let act = WebhookAct { identity: &identity, why, headers: &headers };
    let event = api.test_webhook(&id, &act).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "eventId": event }))).into_response())
}

/// `GET /api/webhooks/{id}/deliveries`
pub(super) async fn deliveries(
    State(api): State<Api>,
    PathParams(id): PathParams<String>,
    Params(query): Params<DeliveriesQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}"),
            format!("limit = {limit}: deve ser de 1 a {MAX_LIMIT}"),
        ));
    }
    let state = query.state.unwrap_or(DeliveryState::Pending);
    let items: Vec<Value> = api.deliveries(&id, state, limit).await?.iter().map(Delivery::json).collect();
    Ok(Json(json!({ "items": items, "state": state.as_str() })))
}

impl Api {
    /// All subscriptions, the oldest first.
    pub(crate) async fn webhooks(&self) -> Result<Vec<WebhookSummary>, ApiError> {
        let parts = self.context.view.read(view::webhooks).await.map_err(Problem::from)?;
        Ok(representation::summaries(parts))
    }

    /// A subscription.
    pub(crate) async fn webhook(&self, id: &str) -> Result<WebhookSummary, ApiError> {
        let wanted = id.to_owned();
        let parts = self
            .context
            .view
            .read(move |connection| view::webhook(connection, &wanted))
            .await
            .map_err(Problem::from)?;
        representation::summaries(parts).pop().ok_or_else(|| unknown(id))
    }

    /// Deliveries of a subscription: at most so many.
    pub(crate) async fn deliveries(
        &self,
        id: &str,
        state: DeliveryState,
        limit: usize,
    ) -> Result<Vec<Delivery>, ApiError> {
        self.webhook(id).await?;
        let id = id.to_owned();
        let read = move |connection: &rusqlite::Connection| {
            Ok(match state {
                DeliveryState::Pending => {
                    view::queues(connection, &id, limit)?.into_iter().flat_map(representation::pending).collect()
                }
                DeliveryState::Undelivered => {
                    let all = view::undelivered(connection, &id, limit)?;
                    all.into_iter().map(representation::undelivered).collect()
                }
                DeliveryState::Recent => representation::recent(view::webhook(connection, &id)?),
            })
        };
        let mut all: Vec<Delivery> = self.context.view.read(read).await.map_err(Problem::from)?;
        all.truncate(limit);
        Ok(all)
    }
}

fn unknown(id: &str) -> ApiError {
    let id = common::bounds::first_chars(id, 80);
    ApiError::not_found(format!("there is no webhook {id}"), format!("O webhook {id} não existe."))
}
