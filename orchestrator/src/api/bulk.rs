//! An operator's action on many sagas at once.

mod selection;

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::bounds::first_chars;
use common::http::{Body, PathParams, Problem, trace_of};
use common::ids;
use common::time::Timestamp;
use futures::future::join_all;
use saga::{Operate, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use self::selection::{MAX_SAGAS, Selection, named, select_all, select_named};
use super::actions::{check_is_no_task, check_why, request_id};
use super::representation;
use super::state::{Api, saga_id};
use crate::error::ApiError;
use crate::filter::{Filter, Sort};
use crate::i18n::Lang;
use crate::messages::SagaAction;
use crate::sessions::Identity;
use crate::view::{self, Act, Listed};

/// An action on all sagas that match a filter. With `dryRun`, the sagas are listed and nothing is done.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkAction {
    pub(crate) why: String,
    pub(crate) filter: Filter,
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Only these of the sagas that match, at most as many as one request acts on.
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
    /// The result.
    pub(crate) status: BulkStatus,
}

/// The result of an action on a saga.
#[derive(Debug)]
pub(crate) enum BulkStatus {
    /// The saga has recorded it as applied.
    Applied,
    /// The saga has recorded it as refused.
    Refused(ApiError),
    /// It was not sent, or its result is not visible yet.
    Unknown(ApiError),
    /// It was not sent, since the saga no longer matches.
    NotMatching(ApiError),
}

impl BulkStatus {
    /// The result that a saga has recorded.
    fn recorded(refused: Option<&str>) -> Self {
        match refused {
            None => Self::Applied,
            Some(reason) => Self::Refused(ApiError::conflict(reason, Lang::Pt.reason(reason))),
        }
    }

    /// Why the action was not applied.
    pub(crate) const fn error(&self) -> Option<&ApiError> {
        match self {
            Self::Applied => None,
            Self::Refused(error) | Self::Unknown(error) | Self::NotMatching(error) => Some(error),
        }
    }

    /// Returns true if the saga has recorded the action, so that the outcomes have it.
    pub(crate) const fn is_recorded(&self) -> bool {
        match self {
            Self::Applied | Self::Refused(_) => true,
            Self::Unknown(_) | Self::NotMatching(_) => false,
        }
    }
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
            let done = results.iter().filter(|result| result.status.error().is_none()).count();
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
    let why = result.status.error().map(ApiError::detail);
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
        // Tasks are worked on one by one.
        Operate::Claim { .. } | Operate::Release { .. } | Operate::Complete { .. } => false,
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

/// The results of the sagas that match, those that others have recorded, and the named sagas without either; by id.
fn all_results(results: Vec<BulkResult>, recorded: Vec<Act>, others: Vec<String>) -> Vec<BulkResult> {
    let mut all: BTreeMap<String, BulkStatus> = BTreeMap::new();
    for act in recorded {
        all.insert(saga_of(&act), BulkStatus::recorded(act.refused.as_deref()));
    }
    for BulkResult { id, status } in results {
        all.entry(id).or_insert(status);
    }
    for id in others {
        all.entry(id).or_insert_with(|| {
            let portuguese = "ela não corresponde mais ao filtro";
            BulkStatus::NotMatching(ApiError::conflict("it no longer matches the filter", portuguese))
        });
    }
    all.into_iter().map(|(id, status)| BulkResult { id, status }).collect()
}

/// The id of the saga of an act.
fn saga_of(act: &Act) -> String {
    act.subject.strip_prefix("saga/").unwrap_or(&act.subject).to_owned()
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
    /// The outcomes of a bulk action; empty if no saga has recorded it.
    pub(crate) async fn outcomes(&self, bulk: Uuid) -> Result<Vec<ActOutcome>, ApiError> {
        let read = move |connection: &rusqlite::Connection| {
            let bulk = bulk.to_string();
            let sagas = view::sagas_below(connection, &bulk)?.into_iter();
            let mut sagas: BTreeMap<String, Listed> = sagas.map(|saga| (saga.id.clone(), saga)).collect();
            let outcome = |act: Act| {
                let id = saga_of(&act);
                ActOutcome { saga: sagas.remove(&id), id, act }
            };
            Ok(view::acts_below(connection, &bulk, MAX_SAGAS)?.into_iter().map(outcome).collect())
        };
        Ok(self.context.view.read(read).await.map_err(Problem::from)?)
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
        check_is_no_task(&what)?;
        if filter.is_empty() {
            let english = "An empty filter matches every saga: give at least a status or a definition.";
            let portuguese = "Um filtro vazio seleciona todas as sagas: informe ao menos um status ou uma definição.";
            return Err(ApiError::unprocessable(english, portuguese).at("/filter", "must not be empty"));
        }
        let action = SagaAction { by: identity.name.clone(), why: check_why(why)?, from: identity.from(), what };
        let filter = filter.checked(Timestamp::now())?;
        let named = only.as_ref().map(named).transpose()?;
        let select = move |connection: &rusqlite::Connection| match &named {
            Some(ids) => select_named(connection, &filter, ids),
            None => select_all(connection, &filter),
        };
        let Selection { sagas, others, has_more } = self.context.view.read(select).await.map_err(Problem::from)?;
        if dry_run {
            return Ok(BulkOutcome::DryRun { sagas, has_more });
        }
        let bulk = ids::derive(&["bulk", &request_id(request)?]);
        let results = self.act_on_all(sagas, &action, bulk, &trace_of(request)).await;
        // A request that is sent again has the results of the first one, whose sagas may no longer match.
        let read = move |connection: &rusqlite::Connection| view::acts_below(connection, &bulk.to_string(), MAX_SAGAS);
        let recorded = self.context.view.read(read).await.map_err(Problem::from)?;
        Ok(BulkOutcome::Done { bulk, results: all_results(results, recorded, others), has_more })
    }

    /// Acts on each saga. An error on one does not stop the others.
    async fn act_on_all(&self, sagas: Vec<Listed>, action: &SagaAction, bulk: Uuid, trace: &str) -> Vec<BulkResult> {
        let act = async |saga: Listed| {
            // The view finds the operations of a bulk action by this beginning.
            let action_id = format!("{bulk}/{}", saga.id);
            let sent = match saga_id(&saga.id) {
                Ok(id) => self.send_action(id, action_id, action.clone(), trace.to_owned()).await,
                Err(error) => Err(error),
            };
            let status =
                sent.map_or_else(BulkStatus::Unknown, |operated| BulkStatus::recorded(operated.refused.as_deref()));
            BulkResult { id: saga.id, status }
        };
        join_all(sagas.into_iter().map(act)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(id: &str, refused: Option<&str>) -> Act {
        Act { subject: format!("saga/{id}"), refused: refused.map(str::to_owned), ..Act::default() }
    }

    #[test]
    fn every_saga_has_a_result_also_when_the_request_is_sent_again() {
        let unknown = || BulkStatus::Unknown(ApiError::unavailable("not visible", "não apareceu"));
        let of = |id: &str, status| BulkResult { id: id.to_owned(), status };
        let results = vec![of("c", unknown()), of("a", BulkStatus::Applied), of("f", unknown())];
        let recorded = vec![recorded("b", Some("no step is blocked")), recorded("d", None), recorded("f", None)];
        let others = ["d", "e"].map(str::to_owned).to_vec();
        let all = all_results(results, recorded, others);
        let texts: Vec<_> = all
            .iter()
            .map(|result| {
                (result.id.as_str(), result.status.is_recorded(), result.status.error().map(ApiError::detail))
            })
            .collect();
        assert_eq!(
            texts,
            [
                ("a", true, None),
                ("b", true, Some("no step is blocked")),
                ("c", false, Some("not visible")),
                ("d", true, None),
                ("e", false, Some("it no longer matches the filter")),
                ("f", true, None),
            ]
        );
    }
}
