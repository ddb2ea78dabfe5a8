//! The orchestrator's JSON API: sagas and definitions, as the view has them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::get;
use common::http::{Params, Problem};
use common::service::Context;
use saga::Status;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::definitions::Definitions;
use crate::program::Settings;
use crate::{shape, view};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// What the routes work with.
#[derive(Clone)]
struct Api {
    context: Context<Settings>,
    definitions: Arc<Definitions>,
}

/// The routes under `/api`.
pub fn router(context: Context<Settings>) -> Router {
    // They were read at the start; what has changed since is not shown as if it ran.
    let definitions = Definitions::load(&context.settings.sagas.directory);
    let definitions = Arc::new(definitions.unwrap_or_else(|_| Definitions::none()));
    Router::new()
        .route("/api/sagas", get(list))
        .route("/api/sagas/{id}", get(one))
        .route("/api/definitions", get(all_definitions))
        .with_state(Api { context, definitions })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    status: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(State(api): State<Api>, Params(query): Params<Query>) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}")));
    }
    if let Some(status) = query.status.as_deref().filter(|s| Status::ALL.iter().all(|known| known.as_str() != *s)) {
        let known: Vec<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
        return Err(Problem::bad_request(format!("status = {status}: it must be one of {}", known.join(", "))));
    }
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    let status = query.status;
    let asked =
        move |connection: &rusqlite::Connection| view::list(connection, status.as_deref(), before.as_ref(), limit + 1);
    let mut found = api.context.view.read(asked).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}_{}", last.started, last.id));
    Ok(Json(json!({ "items": found.iter().map(shape::listed).collect::<Vec<_>>(), "next": next })))
}

fn read_cursor(text: &str) -> Result<(i64, String), Problem> {
    let parts = text.split_once('_').and_then(|(started, id)| Some((started.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Problem::bad_request(format!("cursor = {text}: take it from `next` of the page before")))
}

async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = Uuid::parse_str(&id).map_err(|e| Problem::bad_request(format!("'{id}' is not a saga's id: {e}")))?;
    let state = api.context.view.read(move |connection| view::state(connection, id)).await?;
    let saga = state.map(|text| view::saga(&text)).transpose().map_err(Problem::internal)?.flatten();
    let saga = saga.ok_or_else(|| Problem::not_found(format!("there is no saga {id}")))?;
    Ok(Json(shape::whole(&saga, api.definitions.of(&saga))))
}

async fn all_definitions(State(api): State<Api>) -> Json<Value> {
    let shown = api.definitions.all().map(|definition| {
        let mut shown = serde_json::to_value(definition).unwrap_or_default();
        if let Some(object) = shown.as_object_mut() {
            object.insert("hash".to_owned(), definition.hash().into());
        }
        shown
    });
    Json(json!({ "items": shown.collect::<Vec<_>>() }))
}
