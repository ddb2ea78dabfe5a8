//! An operator's action on a saga: sent as a command, and answered when the view shows its result.

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::http::{Body, PathParams, Problem, idempotency_key, trace_of};
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use saga::{Operate, OperationRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::state::{Api, saga_id};
use crate::entity::saga_key;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::messages::{SAGA_ACTION, SagaAction, request_message_id};
use crate::sessions::Identity;
use crate::view;

/// The maximum length of `why`, in bytes.
const MAX_WHY: usize = 300;

/// `{"action":"cancel","why":"the customer called"}`
#[derive(Debug, Deserialize)]
pub(super) struct ActionRequest {
    why: String,
    #[serde(flatten)]
    what: Operate,
}

/// `POST /api/sagas/{id}/actions`: 200 with the saga, 409 with the reason if the action is not possible, 503 if the
/// result is unknown.
pub(super) async fn act(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    request: HeaderMap,
    Body(action): Body<ActionRequest>,
) -> Result<Json<Value>, ApiError> {
    let id = saga_id(&id)?;
    api.act_on_one(id, &identity, action.why, action.what, &request).await?;
    Ok(Json(api.represent(&api.saga(id).await?).await?))
}

impl Api {
    /// Acts on a saga.
    ///
    /// # Errors
    /// The action is not possible, or its result is not visible in time.
    pub(crate) async fn act_on_one(
        &self,
        id: Uuid,
        identity: &Identity,
        reason: String,
        what: Operate,
        request: &HeaderMap,
    ) -> Result<(), ApiError> {
        check_is_no_task(&what)?;
        self.saga(id).await?;
        let action = SagaAction { by: identity.name.clone(), why: check_why(reason)?, from: identity.from(), what };
        let action_id = request_message_id(SAGA_ACTION, id, &request_id(request)?);
        let operated = self.send_action(id, action_id, action, trace_of(request)).await?;
        let name = operated.action;
        match operated.refused {
            Some(reason) => Err(ApiError::conflict(
                format!("{name} is not possible: {reason}."),
                format!("Não foi possível executar a ação ({}): {}.", Lang::Pt.action(&name), Lang::Pt.reason(&reason)),
            )),
            None => Ok(()),
        }
    }

    /// Sends an action, and waits until the view shows its result.
    pub(super) async fn send_action(
        &self,
        saga: Uuid,
        id: String,
        action: SagaAction,
        trace: String,
    ) -> Result<OperationRecord, ApiError> {
        let subject = saga.to_string();
        let what = action.what.as_str();
        tracing::info!(saga_id = subject, action = what, by = action.by, why = action.why, "operator action");
        let now = Timestamp::now();
        let message =
            Outgoing::event(topics::SAGA_COMMANDS, &subject, SAGA_ACTION, id.as_str(), &subject, now, &action);
        self.context.commands.send(&message.caused_by(Some(&trace))).await.map_err(Problem::from)?;
        let result = move |connection: &rusqlite::Connection| {
            let saga = view::readable_saga(connection, saga)?;
            Ok(saga.and_then(|saga| saga.operations.into_iter().find(|operated| operated.id == id)))
        };
        let operated = self.context.view.until(&saga_key(saga), self.context.effect_timeout, result).await;
        operated.map_err(Problem::from)?.ok_or_else(|| {
            let waited = self.context.effect_timeout.as_secs_f64();
            ApiError::unavailable(
                format!("The result of {what} is not visible after {waited} s. Check the saga, or try again."),
                format!("O resultado da ação {what} não apareceu em {waited} s. Verifique a saga ou tente novamente."),
            )
        })
    }

    /// Sends a message about a definition to a partition.
    pub(super) async fn send_to<T: Serialize>(
        &self,
        partition: i32,
        name: &str,
        kind: &str,
        id: Uuid,
        content: &T,
        trace: &str,
    ) -> Result<(), Problem> {
        let now = Timestamp::now();
        let mut message = Outgoing::event(topics::SAGA_COMMANDS, name, kind, id.to_string(), name, now, content)
            .caused_by(Some(trace));
        message.partition = Some(partition);
        self.context.commands.send(&message).await.map_err(Problem::from)
    }
}

/// Refuses what is done with tasks: their own operations check roles and forms.
pub(super) fn check_is_no_task(what: &Operate) -> Result<(), ApiError> {
    if !what.is_of_task() {
        return Ok(());
    }
    let name = what.as_str();
    let error = ApiError::unprocessable(
        format!("{name} is done with a task: use POST /api/tasks/SAGA.STEP/{name}."),
        format!("{name} é uma ação de tarefas: use POST /api/tasks/SAGA.STEP/{name}."),
    );
    Err(error.at("/action", "must be one of pause, resume, cancel, retry, skip and resolve"))
}

/// Checks an operator's reason.
pub(super) fn check_why(text: String) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        let error = ApiError::unprocessable("A reason is required: see errors.", "Informe o motivo.");
        return Err(error.at("/why", "must not be empty: it is shown in the history"));
    }
    if text.len() > MAX_WHY {
        let english = "The reason is too long: see errors.";
        let error = ApiError::unprocessable(english, format!("O motivo deve ter no máximo {MAX_WHY} bytes."));
        return Err(error.at("/why", format!("must have at most {MAX_WHY} bytes")));
    }
    Ok(text)
}

/// The id of a request: its `Idempotency-Key`, or a random one.
pub(super) fn request_id(request: &HeaderMap) -> Result<String, Problem> {
    Ok(idempotency_key(request)?.unwrap_or_else(|| Uuid::new_v4().to_string()))
}
