//! What people may do: act on one saga or on many, and set which version new sagas begin on. All of it needs a login,
//! is sent as messages on `saga-commands`, and is answered when this instance's view shows what became of it.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::http::{Body, InPath, Problem, idempotency_key, trace_of};
use common::ids;
use common::messages::{Outgoing, header as headers};
use common::time::Timestamp;
use common::topics;
use saga::{Operate, OperationRecord};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Api, saga_id};
use crate::conduct::{ROLLOUT_SET, Rollout, SAGA_ACTION, SagaAction, SetRollout, rollout_key, saga_key};
use crate::filter::Filter;
use crate::sessions::Who;
use crate::view::Listed;
use crate::{shape, view};

/// How long an act may take to be seen.
pub(super) const ACTING: Duration = Duration::from_secs(10);
/// Sagas that one request acts on.
const MOST: usize = 1_000;
/// The longest `why`, in bytes.
const LONGEST: usize = 300;

/// `{"action":"cancel","why":"the customer called"}`
#[derive(Debug, Deserialize)]
pub(super) struct Act {
    why: String,
    #[serde(flatten)]
    what: Operate,
}

/// The same on every saga that fits; with `dryRun` nothing is done, and the answer says which ones they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActOnMany {
    pub(crate) why: String,
    pub(crate) filter: Filter,
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// None but these.
    #[serde(default)]
    pub(crate) only: Option<BTreeSet<String>>,
    #[serde(flatten)]
    pub(crate) what: Operate,
}

/// What became of an act on many.
#[derive(Debug)]
pub(crate) enum Many {
    /// Nothing yet: these are the ones, and whether there are more than one request acts on.
    Would(Vec<Listed>, bool),
    /// Each saga's id, and why it was not done.
    Done(Vec<(String, Option<String>)>, bool),
}

/// `{"version":2,"percent":10,"why":"a first look"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloutAsked {
    pub(crate) version: u32,
    pub(crate) percent: u8,
    pub(crate) why: String,
}

/// `POST /api/sagas/{id}/actions`: 200 with the saga, 409 where the act makes no sense (and why), 503 when that is not
/// known in time.
pub(super) async fn on_one(
    State(api): State<Api>,
    Extension(who): Extension<Who>,
    InPath(id): InPath<String>,
    request: HeaderMap,
    Body(act): Body<Act>,
) -> Result<Json<Value>, Problem> {
    let id = saga_id(&id)?;
    api.act_on_one(id, &who, act.why, act.what, &request).await?;
    let saga = api.saga(id).await?;
    let definition = api.definition_of(&saga).await?;
    Ok(Json(shape::whole(&saga, definition.as_deref())))
}

/// `POST /api/sagas/actions`: what became of each saga that fits, or with `dryRun` which ones they are.
pub(super) async fn on_many(
    State(api): State<Api>,
    Extension(who): Extension<Who>,
    request: HeaderMap,
    Body(asked): Body<ActOnMany>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(match api.act_on_many(&who, asked, &request).await? {
        Many::Would(found, more) => {
            let items: Vec<Value> = found.iter().map(shape::listed).collect();
            json!({ "dryRun": true, "count": items.len(), "more": more, "items": items })
        }
        Many::Done(all, more) => {
            let done = all.iter().filter(|(_, why)| why.is_none()).count();
            let item = |(id, why): &(String, Option<String>)| json!({ "id": id, "done": why.is_none(), "why": why });
            let items: Vec<Value> = all.iter().map(item).collect();
            json!({ "dryRun": false, "count": items.len(), "done": done, "more": more, "items": items })
        }
    }))
}

/// `PUT /api/definitions/{name}/rollout`: 200 once every partition begins new sagas so.
pub(super) async fn set_rollout(
    State(api): State<Api>,
    Extension(who): Extension<Who>,
    InPath(name): InPath<String>,
    request: HeaderMap,
    Body(asked): Body<RolloutAsked>,
) -> Result<Json<Value>, Problem> {
    let (version, percent) = (asked.version, asked.percent);
    api.set_rollout(&name, &who, asked, &request).await?;
    Ok(Json(json!({ "definition": name, "version": version, "percent": percent })))
}

impl Api {
    /// Acts on a saga; an error where that makes no sense, or what became of it is not known in time.
    pub(crate) async fn act_on_one(
        &self,
        id: Uuid,
        who: &Who,
        reason: String,
        what: Operate,
        request: &HeaderMap,
    ) -> Result<(), Problem> {
        self.saga(id).await?;
        let action = SagaAction { by: who.name.clone(), why: why(reason)?, what };
        let done = self.act(id, request_id(request)?, action, trace_of(request)).await?;
        match done.refused {
            Some(refused) => Err(Problem::conflict(format!("{} makes no sense here: {refused}.", done.action))),
            None => Ok(()),
        }
    }

    /// Acts on all that fit, or says which ones they are.
    pub(crate) async fn act_on_many(&self, who: &Who, asked: ActOnMany, request: &HeaderMap) -> Result<Many, Problem> {
        if asked.filter.is_empty() {
            let detail = "An empty filter means every saga there ever was: name at least a status or a definition.";
            return Err(Problem::unprocessable(detail).at("/filter", "must not be empty"));
        }
        let action = SagaAction { by: who.name.clone(), why: why(asked.why)?, what: asked.what };
        let filter = asked.filter.checked(Timestamp::now())?;
        let found = move |connection: &rusqlite::Connection| view::list(connection, &filter, None, MOST + 1);
        let mut found = self.context.view.read(found).await?;
        let more = found.len() > MOST;
        found.truncate(MOST);
        if let Some(only) = &asked.only {
            found.retain(|saga| only.contains(&saga.id));
        }
        if asked.dry_run {
            return Ok(Many::Would(found, more));
        }
        let (request_id, trace) = (request_id(request)?, trace_of(request));
        let mut acts = JoinSet::new();
        for listed in found {
            let (api, action, trace) = (self.clone(), action.clone(), trace.clone());
            let own = ids::derive(&[&request_id, &listed.id]).to_string();
            acts.spawn(async move {
                let id = saga_id(&listed.id)?;
                Ok::<_, Problem>((listed.id, api.act(id, own, action, trace).await))
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = acts.join_next().await {
            let (id, told) = ended.map_err(Problem::internal)??;
            let wrong = match told {
                Ok(OperationRecord { refused, .. }) => refused,
                Err(problem) => Some(problem.detail().to_owned()),
            };
            all.push((id, wrong));
        }
        all.sort();
        Ok(Many::Done(all, more))
    }

    /// Sets what new sagas begin on, and waits until every partition does.
    pub(crate) async fn set_rollout(
        &self,
        name: &str,
        who: &Who,
        asked: RolloutAsked,
        request: &HeaderMap,
    ) -> Result<(), Problem> {
        let RolloutAsked { version, percent, why: reason } = asked;
        if percent > 100 {
            return Err(Problem::unprocessable("The share can't be taken.").at("/percent", "must be from 0 to 100"));
        }
        if self.definitions.of(name, version).is_none() {
            let mut versions: Vec<u32> = self.definitions.all().filter(|d| d.name == name).map(|d| d.version).collect();
            versions.sort_unstable();
            let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
            let detail = format!("There is no definition {name} version {version}; versions: {}.", versions.join(", "));
            return Err(Problem::not_found(detail));
        }
        let rollout = Rollout { definition: name.to_owned(), version, percent };
        let set = SetRollout { by: who.name.clone(), why: why(reason)?, rollout };
        let (request_id, trace) = (request_id(request)?, trace_of(request));
        for partition in 0..self.context.partitions {
            let id = ids::derive(&[&request_id, &partition.to_string()]).to_string();
            let mut message =
                Outgoing::event(topics::SAGA_COMMANDS, name, ROLLOUT_SET, id, name, Timestamp::now(), &set)
                    .with(headers::TRACEPARENT, trace.clone());
            message.partition = Some(partition);
            self.context.commands.send(&message).await?;
        }
        let (all, wanted) = (i64::from(self.context.partitions), name.to_owned());
        let there = move |connection: &rusqlite::Connection| {
            let found = view::rollouts(connection, &wanted)?;
            Ok(found.contains(&(version, percent, all)).then_some(()))
        };
        if self.context.view.until(&rollout_key(name), ACTING, there).await?.is_none() {
            let waited = ACTING.as_secs();
            let detail = format!(
                "Not every partition shows it after {waited} s; it is under way. Look again, or send it again."
            );
            return Err(Problem::unavailable(detail));
        }
        Ok(())
    }

    /// Sends an act and waits until it is seen what became of it.
    async fn act(&self, saga: Uuid, id: String, action: SagaAction, trace: String) -> Result<OperationRecord, Problem> {
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

pub(super) fn why(text: String) -> Result<String, Problem> {
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
