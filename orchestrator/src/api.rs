//! The orchestrator's JSON API: sagas and definitions, as the view has them. What people may do is in `actions`.

mod actions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::{get, post, put};
use common::http::{Params, Problem};
use common::service::Context;
use common::time::Timestamp;
use saga::{Definition, Saga};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::conduct::Stored;
use crate::definitions::Definitions;
use crate::filter::Filter;
use crate::program::Settings;
use crate::sessions::Sessions;
use crate::{shape, view};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// What the routes work with.
#[derive(Clone)]
struct Api {
    context: Context<Settings>,
    definitions: Arc<Definitions>,
    sessions: Sessions,
}

/// The routes under `/api`.
pub fn router(context: Context<Settings>, sessions: Sessions) -> Router {
    // They were read at the start; what has changed since is not shown as if it ran.
    let definitions = Arc::new(Definitions::load(&context.settings.sagas.directory).unwrap_or_default());
    Router::new()
        .route("/api/sagas", get(list))
        .route("/api/sagas/actions", post(actions::on_many))
        .route("/api/sagas/{id}", get(one))
        .route("/api/sagas/{id}/actions", post(actions::on_one))
        .route("/api/definitions", get(all_definitions))
        .route("/api/definitions/{name}/rollout", put(actions::set_rollout))
        .with_state(Api { context, definitions, sessions })
}

/// The filter and the page. Flat: a query's values are texts, and read as numbers only where a field says so itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    status: Option<String>,
    definition: Option<String>,
    version: Option<u32>,
    step: Option<String>,
    customer: Option<String>,
    waiting_longer_than: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(State(api): State<Api>, Params(query): Params<Query>) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}")));
    }
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    let Query { status, definition, version, step, customer, waiting_longer_than, text, .. } = query;
    let filter = Filter { status, definition, version, step, customer, waiting_longer_than, text, ..Filter::default() };
    let filter = filter.checked(Timestamp::now())?;
    let asked = move |connection: &rusqlite::Connection| view::list(connection, &filter, before.as_ref(), limit + 1);
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

fn saga_id(text: &str) -> Result<Uuid, Problem> {
    let shown: String = text.chars().take(80).collect();
    Uuid::parse_str(text).map_err(|e| Problem::bad_request(format!("'{shown}' is not a saga's id: {e}")))
}

async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let saga = api.saga(saga_id(&id)?).await?;
    let definition = api.definition_of(&saga).await?;
    Ok(Json(shape::whole(&saga, definition.as_deref())))
}

impl Api {
    async fn saga(&self, id: Uuid) -> Result<Saga, Problem> {
        let state = self.context.view.read(move |connection| view::state(connection, id)).await?;
        let saga = state.map(|text| view::saga(&text)).transpose().map_err(Problem::internal)?.flatten();
        saga.ok_or_else(|| Problem::not_found(format!("there is no saga {id}")))
    }

    /// The definition that a saga runs on, also where its file is gone.
    async fn definition_of(&self, saga: &Saga) -> Result<Option<Arc<Definition>>, Problem> {
        if let Some(known) = self.definitions.of(&saga.definition, saga.version) {
            return Ok(Some(known.clone()));
        }
        let mut stored = self.stored().await?.into_iter();
        let own = stored.find(|stored| stored.name == saga.definition && stored.version == saga.version);
        Ok(own.and_then(|stored| stored.read()).map(Arc::new))
    }

    async fn stored(&self) -> Result<Vec<Stored>, Problem> {
        let rows = self.context.view.read(view::definitions).await?;
        let stored = |(name, version, text)| Stored { name, version, hash: String::new(), text };
        Ok(rows.into_iter().map(stored).collect())
    }
}

/// `GET /api/definitions`: those of the files, then those that only running and ended sagas still know (`"file": false`);
/// and for each name the rollout, if one was set.
async fn all_definitions(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let mut items: Vec<Value> = api.definitions.all().map(|definition| shape::definition(definition, true)).collect();
    for stored in api.stored().await? {
        if api.definitions.of(&stored.name, stored.version).is_none()
            && let Some(definition) = stored.read()
        {
            items.push(shape::definition(&definition, false));
        }
    }
    let mut rollouts = serde_json::Map::new();
    for definition in api.definitions.all() {
        let name = definition.name.clone();
        let found = api.context.view.read(move |connection| view::rollouts(connection, &name)).await?;
        if let Some((version, percent, _)) = found.first() {
            rollouts.insert(definition.name.clone(), json!({ "version": version, "percent": percent }));
        }
    }
    Ok(Json(json!({ "items": items, "rollouts": rollouts })))
}
