//! An operator's action on many sagas at once.

use std::collections::BTreeSet;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::bounds::first_chars;
use common::http::{Body, PathParams, Problem, trace_of};
use common::ids;
use common::time::Timestamp;
use saga::{Operate, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::actions::{check_why, request_id};
use super::representation;
use super::state::{Api, saga_id};
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::i18n::Lang;
use crate::messages::SagaAction;
use crate::sessions::Identity;
use crate::view::{self, Act, Listed};

/// The maximum number of sagas of one request.
const MAX_SAGAS: usize = 1_000;

/// An action on all sagas that match a filter. With `dryRun`, the sagas are listed and nothing is done.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkAction {
    pub(crate) why: String,
    pub(crate) filter: Filter,
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Only these of the sagas that match.
    #[serde(default)]
    pub(crate) only: Option<BTreeSet<String>>,
    #[serde(flatten)]
    pub(crate) what: Operate,
}

/// The result of a bulk action. `has_more`: more sagas match than one request acts on.
#[derive(Debug)]
pub(crate) enum BulkOutcome {
    /// The sagas it would act on.
    DryRun {
        /// The sagas.
        sagas: Vec<Listed>,
        /// More match.
        has_more: bool,
    },
    /// The result for each saga.
    Done {
        /// The id under which the outcomes are found later.
        bulk: Uuid,
        /// The results.
        results: Vec<BulkResult>,
        /// More match.
        has_more: bool,
    },
}

/// The result of a bulk action for one saga.
#[derive(Debug)]
pub(crate) struct BulkResult {
    /// The saga's id.
    pub(crate) id: String,
    /// Why the action was not applied.
    pub(crate) error: Option<ApiError>,
}

/// `POST /api/sagas/actions`: the result for each saga, or the sagas of a dry run.
pub(super) async fn act(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    request: HeaderMap,
    Body(action): Body<BulkAction>,
) -> Result<Json<Value>, ApiError> {
    let what = action.what.clone();
    Ok(Json(match api.act_on_many(&identity, action, &request).await? {
        BulkOutcome::DryRun { sagas, has_more } => {
            let known = api.known().await?;
            let item = |saga: &Listed| {
                let mut value = representation::listed(saga, &known);
                value["possible"] = makes_sense(&what, saga).into();
                value
            };
            let items: Vec<Value> = sagas.iter().map(item).collect();
            json!({ "dryRun": true, "count": items.len(), "more": has_more, "items": items })
        }
        BulkOutcome::Done { bulk, results, has_more } => {
            let done = results.iter().filter(|result| result.error.is_none()).count();
            let items: Vec<Value> = results.iter().map(item).collect();
            let outcomes = format!("/api/bulk-actions/{bulk}");
            json!({
                "dryRun": false, "id": bulk, "count": items.len(), "done": done, "more": has_more, "items": items,
                "links": { "outcomes": outcomes },
            })
        }
    }))
}

fn item(result: &BulkResult) -> Value {
    let why = result.error.as_ref().map(ApiError::detail);
    json!({ "id": result.id, "done": why.is_none(), "why": why })
}

/// Returns true if an action may be possible, by the state of a saga in a list. The engine decides.
pub(crate) fn makes_sense(what: &Operate, saga: &Listed) -> bool {
    let is = |statuses: &[Status]| statuses.iter().any(|status| status.as_str() == saga.status);
    match what {
        Operate::Pause => is(&[Status::Running, Status::Compensating]),
        Operate::Resume => is(&[Status::Paused]),
        Operate::Cancel { .. } => saga.ending.is_none() && is(&[Status::Running, Status::Paused, Status::Incident]),
        Operate::Retry { .. } => is(&[Status::Incident]) || saga.retrying && !is(&[Status::Paused]),
        Operate::Skip { .. } => is(&[Status::Running]),
        Operate::Resolve { .. } => is(&[Status::Incident]),
    }
}

/// `GET /api/bulk-actions/{id}`: the state of each saga of a bulk action after it.
pub(super) async fn outcomes(
    State(api): State<Api>,
    PathParams(id): PathParams<String>,
) -> Result<Json<Value>, ApiError> {
    let known = api.known().await?;
    let outcomes = api.outcomes(bulk_id(&id)?).await?;
    let item = |outcome: &ActOutcome| {
        let saga = outcome.saga.as_ref().map(|saga| representation::listed(saga, &known));
        json!({ "id": outcome.id, "done": outcome.act.refused.is_none(), "why": outcome.act.refused, "saga": saga })
    };
    let items: Vec<Value> = outcomes.iter().map(item).collect();
    let first = outcomes.first().map(|outcome| &outcome.act);
    Ok(Json(json!({
        "action": first.map(|act| act.action.as_str()),
        "by": first.map(|act| act.by.as_str()),
        "why": first.map(|act| act.why.as_str()),
        "count": items.len(),
        "items": items,
    })))
}

/// Parses the id of a bulk action.
pub(crate) fn bulk_id(text: &str) -> Result<Uuid, ApiError> {
    Uuid::parse_str(text).map_err(|_| {
        let text = first_chars(text, 80);
        ApiError::bad_request(
            format!("'{text}' is not the id of a bulk action"),
            format!("'{text}' não é o id de uma ação em lote."),
        )
    })
}

/// An act of a bulk action, and its saga now.
#[derive(Debug)]
pub(crate) struct ActOutcome {
    /// The id of the saga.
    pub(crate) id: String,
    /// The act.
    pub(crate) act: Act,
    /// The saga.
    pub(crate) saga: Option<Listed>,
}

impl Api {
    /// The outcomes of a bulk action.
    ///
    /// # Errors
    /// 404 if no saga has recorded it.
    pub(crate) async fn outcomes(&self, bulk: Uuid) -> Result<Vec<ActOutcome>, ApiError> {
        let read = move |connection: &rusqlite::Connection| {
            let acts = view::acts_below(connection, &bulk.to_string(), MAX_SAGAS)?.into_iter();
            let outcome = |act: Act| {
                let id = act.subject.strip_prefix("saga/").unwrap_or(&act.subject).to_owned();
                Ok(ActOutcome { saga: view::by_id(connection, &id)?, id, act })
            };
            acts.map(outcome).collect::<rusqlite::Result<Vec<_>>>()
        };
        let outcomes = self.context.view.read(read).await.map_err(Problem::from)?;
        if outcomes.is_empty() {
            return Err(ApiError::not_found(
                format!("no saga has recorded a bulk action {bulk}"),
                format!("Nenhuma saga registrou a ação em lote {bulk}."),
            ));
        }
        Ok(outcomes)
    }

    /// The sagas that match a filter, as many as a bulk action takes.
    pub(crate) async fn bulk_sagas(&self, filter: Filter) -> Result<Vec<Listed>, ApiError> {
        let filter = filter.checked(Timestamp::now())?;
        let list =
            move |connection: &rusqlite::Connection| view::list(connection, &filter, Sort::Newest, None, MAX_SAGAS);
        Ok(self.context.view.read(list).await.map_err(Problem::from)?)
    }

    /// Acts on all sagas that match, or lists them in a dry run.
    pub(crate) async fn act_on_many(
        &self,
        identity: &Identity,
        action: BulkAction,
        request: &HeaderMap,
    ) -> Result<BulkOutcome, ApiError> {
        let BulkAction { why, filter, dry_run, only, what } = action;
        if filter.is_empty() {
            let english = "An empty filter matches every saga: give at least a status or a definition.";
            let portuguese = "Um filtro vazio seleciona todas as sagas: informe ao menos um status ou uma definição.";
            return Err(ApiError::unprocessable(english, portuguese).at("/filter", "must not be empty"));
        }
        let action = SagaAction { by: identity.name.clone(), why: check_why(why)?, from: identity.from(), what };
        let filter = filter.checked(Timestamp::now())?;
        let list =
            move |connection: &rusqlite::Connection| view::list(connection, &filter, Sort::Newest, None, MAX_SAGAS + 1);
        let mut sagas = self.context.view.read(list).await.map_err(Problem::from)?;
        let has_more = sagas.len() > MAX_SAGAS;
        sagas.truncate(MAX_SAGAS);
        if let Some(only) = &only {
            sagas.retain(|saga| only.contains(&saga.id));
        }
        if dry_run {
            return Ok(BulkOutcome::DryRun { sagas, has_more });
        }
        let bulk = ids::derive(&["bulk", &request_id(request)?]);
        let results = self.act_on_all(sagas, &action, bulk, &trace_of(request)).await?;
        Ok(BulkOutcome::Done { bulk, results, has_more })
    }

    async fn act_on_all(
        &self,
        sagas: Vec<Listed>,
        action: &SagaAction,
        bulk: Uuid,
        trace: &str,
    ) -> Result<Vec<BulkResult>, ApiError> {
        let mut tasks = JoinSet::new();
        for saga in sagas {
            let api = self.clone();
            let action = action.clone();
            let trace = trace.to_owned();
            // The view finds the operations of a bulk action by this beginning.
            let action_id = format!("{bulk}/{}", saga.id);
            tasks.spawn(async move {
                let id = saga_id(&saga.id)?;
                let error = match api.send_action(id, action_id, action, trace).await {
                    Ok(operated) => {
                        operated.refused.map(|reason| ApiError::conflict(reason.as_str(), Lang::Pt.reason(&reason)))
                    }
                    Err(error) => Some(error),
                };
                Ok::<_, ApiError>(BulkResult { id: saga.id, error })
            });
        }
        let mut results = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            results.push(joined.map_err(Problem::internal)??);
        }
        results.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(results)
    }
}
