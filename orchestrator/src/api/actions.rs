//! What people may do: act on one saga or on many, and set which version new sagas begin on. All of it needs a login, is
//! sent as messages on `saga-commands`, and is answered when this instance's view shows what became of it.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use common::http::{Body, Problem, idempotency_key, trace_of};
use common::ids;
use common::messages::{Outgoing, header as headers};
use common::time::Timestamp;
use common::topics;
use saga::{Operate, Operated};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Api, saga_id};
use crate::conduct::{ROLLOUT_SET, Rollout, SAGA_ACTION, SagaAction, SetRollout, rollout_key, saga_key};
use crate::filter::Filter;
use crate::{shape, view};

/// How long an act may take to be seen.
const ACTING: Duration = Duration::from_secs(10);
/// Sagas that one request acts on.
const MOST: usize = 1_000;
/// The longest `why`, in bytes.
const LONGEST: usize = 300;

/// Why a request was turned away: a problem, or that it must say who asks.
pub(super) enum Denied {
    Unknown,
    Problem(Problem),
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Unknown => {
                let detail = "Acting needs the dashboard's user and password: a session, or Authorization: Basic.";
                let mut response = Problem::of(StatusCode::UNAUTHORIZED, detail).into_response();
                let challenge = HeaderValue::from_static("Basic realm=\"orchestrator\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
        }
    }
}

/// `{"action":"cancel","why":"the customer called"}`
#[derive(Debug, Deserialize)]
pub(super) struct Act {
    why: String,
    #[serde(flatten)]
    what: Operate,
}

/// The same on every saga that fits; with `dryRun` nothing is done, and the answer says which ones they are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActOnMany {
    why: String,
    filter: Filter,
    #[serde(default)]
    dry_run: bool,
    #[serde(flatten)]
    what: Operate,
}

/// `{"version":2,"percent":10,"why":"a first look"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolloutAsked {
    version: u32,
    percent: u8,
    why: String,
}

/// `POST /api/sagas/{id}/actions`: 200 with the saga, 409 where the act makes no sense (and why), 503 when that is not known
/// in time.
pub(super) async fn on_one(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: HeaderMap,
    Body(act): Body<Act>,
) -> Result<Json<Value>, Denied> {
    let by = api.sessions.who(&request).await.ok_or(Denied::Unknown)?;
    let id = saga_id(&id)?;
    api.saga(id).await?;
    let action = SagaAction { by, why: why(act.why)?, what: act.what };
    let done = api.act(id, request_id(&request)?, action, trace_of(&request)).await?;
    if let Some(refused) = done.refused {
        return Err(Problem::conflict(format!("{} makes no sense here: {refused}.", done.action)).into());
    }
    let saga = api.saga(id).await?;
    let definition = api.definition_of(&saga).await?;
    Ok(Json(shape::whole(&saga, definition.as_deref())))
}

/// `POST /api/sagas/actions`: what became of each saga that fits, or with `dryRun` which ones they are.
pub(super) async fn on_many(
    State(api): State<Api>,
    request: HeaderMap,
    Body(asked): Body<ActOnMany>,
) -> Result<Json<Value>, Denied> {
    let by = api.sessions.who(&request).await.ok_or(Denied::Unknown)?;
    if asked.filter.is_empty() {
        let detail = "An empty filter means every saga there ever was: name at least a status or a definition.";
        return Err(Problem::unprocessable(detail).at("/filter", "must not be empty").into());
    }
    let action = SagaAction { by, why: why(asked.why)?, what: asked.what };
    let filter = asked.filter.checked(Timestamp::now())?;
    let mut found = api
        .context
        .view
        .read(move |connection| view::list(connection, &filter, None, MOST + 1))
        .await
        .map_err(Problem::from)?;
    let more = found.len() > MOST;
    found.truncate(MOST);
    if asked.dry_run {
        let items: Vec<Value> = found.iter().map(shape::listed).collect();
        return Ok(Json(json!({ "dryRun": true, "count": items.len(), "more": more, "items": items })));
    }
    let (request_id, trace) = (request_id(&request)?, trace_of(&request));
    let mut acts = JoinSet::new();
    for listed in found {
        let (api, action, trace) = (api.clone(), action.clone(), trace.clone());
        let own = ids::derive(&[&request_id, &listed.id]).to_string();
        acts.spawn(async move {
            let id = saga_id(&listed.id)?;
            Ok::<_, Problem>((listed.id, api.act(id, own, action, trace).await))
        });
    }
    let (mut items, mut done) = (Vec::new(), 0);
    while let Some(ended) = acts.join_next().await {
        let (id, told) = ended.map_err(Problem::internal)??;
        let wrong = match told {
            Ok(Operated { refused, .. }) => refused,
            Err(problem) => Some(problem.detail().to_owned()),
        };
        done += usize::from(wrong.is_none());
        items.push(json!({ "id": id, "done": wrong.is_none(), "why": wrong }));
    }
    items.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    Ok(Json(json!({ "dryRun": false, "count": items.len(), "done": done, "more": more, "items": items })))
}

/// `PUT /api/definitions/{name}/rollout`: 200 once every partition begins new sagas so.
pub(super) async fn set_rollout(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: HeaderMap,
    Body(asked): Body<RolloutAsked>,
) -> Result<Json<Value>, Denied> {
    let by = api.sessions.who(&request).await.ok_or(Denied::Unknown)?;
    let RolloutAsked { version, percent, why: reason } = asked;
    if percent > 100 {
        return Err(Problem::unprocessable("The share can't be taken.").at("/percent", "must be from 0 to 100").into());
    }
    if api.definitions.of(&name, version).is_none() {
        let mut versions: Vec<u32> = api.definitions.all().filter(|d| d.name == name).map(|d| d.version).collect();
        versions.sort_unstable();
        let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
        let detail = format!("There is no definition {name} version {version}; versions: {}.", versions.join(", "));
        return Err(Problem::not_found(detail).into());
    }
    let rollout = Rollout { definition: name.clone(), version, percent };
    let set = SetRollout { by, why: why(reason)?, rollout };
    let (request_id, trace) = (request_id(&request)?, trace_of(&request));
    for partition in 0..api.context.partitions {
        let id = ids::derive(&[&request_id, &partition.to_string()]).to_string();
        let mut message = Outgoing::event(topics::SAGA_COMMANDS, &name, ROLLOUT_SET, id, &name, Timestamp::now(), &set)
            .with(headers::TRACEPARENT, trace.clone());
        message.partition = Some(partition);
        api.context.commands.send(&message).await.map_err(Problem::from)?;
    }
    let (all, wanted) = (i64::from(api.context.partitions), name.clone());
    let there = move |connection: &rusqlite::Connection| {
        let found = view::rollouts(connection, &wanted)?;
        Ok(found.contains(&(version, percent, all)).then_some(()))
    };
    if api.context.view.until(&rollout_key(&name), ACTING, there).await.map_err(Problem::from)?.is_none() {
        let waited = ACTING.as_secs();
        let detail =
            format!("Not every partition shows it after {waited} s; it is under way. Look again, or send it again.");
        return Err(Problem::unavailable(detail).into());
    }
    Ok(Json(json!({ "definition": name, "version": version, "percent": percent })))
}

impl Api {
    /// Sends an act and waits until it is seen what became of it.
    async fn act(&self, saga: Uuid, id: String, action: SagaAction, trace: String) -> Result<Operated, Problem> {
        let subject = saga.to_string();
        let what = action.what.as_str();
        tracing::info!(saga_id = subject, action = what, by = action.by, why = action.why, "an operator acts");
        let now = Timestamp::now();
        let message =
            Outgoing::event(topics::SAGA_COMMANDS, &subject, SAGA_ACTION, id.as_str(), &subject, now, &action);
        self.context.commands.send(&message.with(headers::TRACEPARENT, trace)).await?;
        let seen = move |connection: &rusqlite::Connection| {
            let saga = view::state(connection, saga)?.and_then(|text| view::saga(&text).ok().flatten());
            Ok(saga.and_then(|saga| saga.operations.into_iter().find(|done| done.id == id)))
        };
        let done = self.context.view.until(&saga_key(saga), ACTING, seen).await?;
        done.ok_or_else(|| {
            let waited = ACTING.as_secs();
            Problem::unavailable(format!(
                "What became of {what} is not seen after {waited} s. Look at the saga, or ask again."
            ))
        })
    }
}

fn why(text: String) -> Result<String, Problem> {
    let problem = || Problem::unprocessable("The act can't be taken as it is: see errors.");
    match text.trim() {
        "" => Err(problem().at("/why", "must say why, for those who read the history")),
        _ if text.len() > LONGEST => Err(problem().at("/why", format!("must have at most {LONGEST} bytes"))),
        _ => Ok(text),
    }
}

fn request_id(request: &HeaderMap) -> Result<String, Problem> {
    Ok(idempotency_key(request)?.unwrap_or_else(|| Uuid::new_v4().to_string()))
}
