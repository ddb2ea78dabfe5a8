//! The orchestrator's JSON API, and what the pages of the dashboard ask for too, so that a script can have whatever
//! they show. What people may do is in `actions`, the statistics in `flow`, the cluster in `cluster`.

mod actions;
mod cluster;
mod flow;
mod guard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post, put};
use common::http::{InPath, Params, Problem, docs_of};
use common::service::Context;
use common::time::Timestamp;
use saga::{Definition, Saga};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::actions::{ActOnMany, Many, RolloutAsked};
pub(crate) use self::flow::{Flow, Series, label};
use crate::conduct::Stored;
use crate::definitions::Definitions;
use crate::filter::Filter;
use crate::program::Settings;
use crate::sessions::Sessions;
use crate::view::Listed;
use crate::{shape, view};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// What there is, as OpenAPI 3.1.
const OPENAPI: &str = include_str!("api/openapi.json");

/// What the routes work with.
#[derive(Clone)]
pub struct Api {
    pub(crate) context: Context<Settings>,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) sessions: Sessions,
    kept: Arc<Mutex<flow::Kept>>,
}

/// The routes under `/api`.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/api/openapi.json", get(openapi))
        .route("/api/flow", get(flow::flow))
        .route("/api/incidents", get(flow::incidents))
        .route("/api/throughput", get(cluster::throughput))
        .route("/api/dead-letters", get(cluster::dead_topics))
        .route("/api/dead-letters/{topic}", get(cluster::letters))
        .route("/api/dead-letters/{topic}/{partition}/{offset}/put-back", post(cluster::put_back))
        .route("/api/sagas", get(list))
        .route("/api/sagas/actions", post(actions::on_many))
        .route("/api/sagas/{id}", get(one))
        .route("/api/sagas/{id}/actions", post(actions::on_one))
        .route("/api/definitions", get(all_definitions))
        .route("/api/definitions/{name}/rollout", put(actions::set_rollout))
        .route_layer(from_fn_with_state(api.clone(), guard::guard))
        .with_state(api)
}

/// The description at `/openapi.json` too, and a page to read it and try it out at `/docs`, as the other services have.
pub fn docs() -> Router {
    docs_of(OPENAPI)
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
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
    id: Option<Uuid>,
    reason: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

async fn list(State(api): State<Api>, Params(query): Params<Query>) -> Result<Json<Value>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}")));
    }
    let cursor = query.cursor;
    let Query { status, definition, version, step, customer, waiting_longer_than, id, reason, text, .. } = query;
    let filter = Filter {
        status,
        definition,
        version,
        step,
        customer,
        waiting_longer_than,
        id,
        reason,
        text,
        ..Filter::default()
    };
    let (found, next) = api.page(filter.checked(Timestamp::now())?, cursor.as_deref(), limit).await?;
    Ok(Json(json!({ "items": found.iter().map(shape::listed).collect::<Vec<_>>(), "next": next })))
}

fn read_cursor(text: &str) -> Result<(i64, String), Problem> {
    let parts = text.split_once('_').and_then(|(started, id)| Some((started.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Problem::bad_request(format!("cursor = {text}: take it from `next` of the page before")))
}

pub(crate) fn saga_id(text: &str) -> Result<Uuid, Problem> {
    let shown: String = text.chars().take(80).collect();
    Uuid::parse_str(text).map_err(|e| Problem::bad_request(format!("'{shown}' is not a saga's id: {e}")))
}

async fn one(State(api): State<Api>, InPath(id): InPath<String>) -> Result<Json<Value>, Problem> {
    let saga = api.saga(saga_id(&id)?).await?;
    let definition = api.definition_of(&saga).await?;
    Ok(Json(shape::whole(&saga, definition.as_deref())))
}

impl Api {
    /// With the definitions of this instance.
    pub fn new(context: Context<Settings>, sessions: Sessions) -> Self {
        // They were read at the start; what has changed since is not shown as if it ran.
        let definitions = Arc::new(Definitions::load(&context.settings.sagas.directory).unwrap_or_default());
        Self { context, definitions, sessions, kept: Arc::default() }
    }

    fn kept(&self) -> MutexGuard<'_, flow::Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of the sagas that fit, newest first, and where the next one begins.
    pub(crate) async fn page(
        &self,
        filter: Filter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<String>), Problem> {
        let before = cursor.map(read_cursor).transpose()?;
        let asked =
            move |connection: &rusqlite::Connection| view::list(connection, &filter, before.as_ref(), limit + 1);
        let mut found = self.context.view.read(asked).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| format!("{}_{}", last.started, last.id));
        Ok((found, next))
    }

    pub(crate) async fn saga(&self, id: Uuid) -> Result<Saga, Problem> {
        let state = self.context.view.read(move |connection| view::state(connection, id)).await?;
        let saga = state.map(|text| view::saga(&text)).transpose().map_err(Problem::internal)?.flatten();
        saga.ok_or_else(|| Problem::not_found(format!("there is no saga {id}")))
    }

    /// The definition that a saga runs on, also where its file is gone.
    pub(crate) async fn definition_of(&self, saga: &Saga) -> Result<Option<Arc<Definition>>, Problem> {
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

    /// Those of the files (`true`), then those that only running and ended sagas still know.
    pub(crate) async fn all_definitions(&self) -> Result<Vec<(Arc<Definition>, bool)>, Problem> {
        let mut all: Vec<_> = self.definitions.shared().map(|definition| (definition.clone(), true)).collect();
        for stored in self.stored().await? {
            if self.definitions.of(&stored.name, stored.version).is_none()
                && let Some(definition) = stored.read()
            {
                all.push((Arc::new(definition), false));
            }
        }
        Ok(all)
    }

    /// The rollout of a definition: the version, and the share of new sagas that begin on it.
    pub(crate) async fn rollout(&self, name: &str) -> Result<Option<(u32, u8)>, Problem> {
        let name = name.to_owned();
        let found = self.context.view.read(move |connection| view::rollouts(connection, &name)).await?;
        Ok(found.first().map(|(version, percent, _)| (*version, *percent)))
    }
}

/// `GET /api/definitions`: those of the files, then the others (`"file": false`); and for each name the rollout, if one
/// was set.
async fn all_definitions(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let all = api.all_definitions().await?;
    let mut rollouts = serde_json::Map::new();
    for (definition, _) in &all {
        if let Some((version, percent)) = api.rollout(&definition.name).await? {
            rollouts.insert(definition.name.clone(), json!({ "version": version, "percent": percent }));
        }
    }
    let items: Vec<Value> = all.iter().map(|(definition, file)| shape::definition(definition, *file)).collect();
    Ok(Json(json!({ "items": items, "rollouts": rollouts })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let described = described["paths"].as_object().unwrap();
        let source = include_str!("api.rs");
        let routes: Vec<&str> = source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let routes: Vec<&str> = routes.into_iter().filter(|route| route.starts_with("/api")).collect();
        assert!(routes.len() > 10, "{routes:?}");
        for route in &routes {
            assert!(described.contains_key(*route), "{route} is not described");
        }
        assert_eq!(described.len(), routes.len(), "something is described that is not there");
    }
}
