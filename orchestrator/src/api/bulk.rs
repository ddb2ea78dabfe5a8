//! An operator's action on many sagas at once.

use std::collections::BTreeSet;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::http::{Body, Problem, trace_of};
use common::ids;
use common::time::Timestamp;
use saga::Operate;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::actions::{check_why, request_id};
use super::representation;
use super::state::{Api, saga_id};
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::i18n::Lang;
use crate::messages::SagaAction;
use crate::sessions::Identity;
use crate::view::{self, Listed};

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
    Ok(Json(match api.act_on_many(&identity, action, &request).await? {
        BulkOutcome::DryRun { sagas, has_more } => {
            let known = api.known().await?;
            let items: Vec<Value> = sagas.iter().map(|saga| representation::listed(saga, &known)).collect();
            json!({ "dryRun": true, "count": items.len(), "more": has_more, "items": items })
        }
        BulkOutcome::Done { results, has_more } => {
            let done = results.iter().filter(|result| result.error.is_none()).count();
            let items: Vec<Value> = results.iter().map(item).collect();
            json!({ "dryRun": false, "count": items.len(), "done": done, "more": has_more, "items": items })
        }
    }))
}

fn item(result: &BulkResult) -> Value {
    let why = result.error.as_ref().map(ApiError::detail);
    json!({ "id": result.id, "done": why.is_none(), "why": why })
}

impl Api {
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
        let results = self.act_on_all(sagas, &action, request).await?;
        Ok(BulkOutcome::Done { results, has_more })
    }

    async fn act_on_all(
        &self,
        sagas: Vec<Listed>,
        action: &SagaAction,
        request: &HeaderMap,
    ) -> Result<Vec<BulkResult>, ApiError> {
        let request_id = request_id(request)?;
        let trace = trace_of(request);
        let mut tasks = JoinSet::new();
        for saga in sagas {
            let api = self.clone();
            let action = action.clone();
            let trace = trace.clone();
            let action_id = ids::derive(&[&request_id, &saga.id]).to_string();
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
