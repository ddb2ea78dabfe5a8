//! Claiming, releasing and completing tasks: each is an operation on the saga.

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use common::http::{Body, PathParams, trace_of};
use common::time::Timestamp;
use saga::{Answer, FormError, Operate, OperationRecord, Saga, Task};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::actions::{check_why, request_id};
use super::state::Api;
use super::task_form::{TaskForm, TaskId, no_task, represent, task_id};
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::messages::{SAGA_ACTION, SagaAction, request_message_id};
use crate::sessions::Identity;

/// `{"takeOver":true,"why":"Ana is on holiday"}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClaimRequest {
    #[serde(default)]
    why: String,
    #[serde(default)]
    take_over: bool,
}

/// `{"why":"the shift is over"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseRequest {
    #[serde(default)]
    why: String,
}

/// `{"fields":{"status":"received"},"why":"all pieces are there"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteRequest {
    why: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

/// `POST /api/tasks/{task}/claim`
pub(super) async fn claim(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(request): Body<ClaimRequest>,
) -> Result<Json<Value>, ApiError> {
    let id = task_id(&id)?;
    let what = Operate::Claim { step: id.step.clone(), take_over: request.take_over };
    let done = api.act_on_task(&id, &identity, request.why, what, &headers).await?;
    api.acted(&id, &done).await
}

/// `POST /api/tasks/{task}/release`
pub(super) async fn release(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(request): Body<ReleaseRequest>,
) -> Result<Json<Value>, ApiError> {
    let id = task_id(&id)?;
    let what = Operate::Release { step: id.step.clone() };
    let done = api.act_on_task(&id, &identity, request.why, what, &headers).await?;
    api.acted(&id, &done).await
}

/// `POST /api/tasks/{task}/complete`
pub(super) async fn complete(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    Body(request): Body<CompleteRequest>,
) -> Result<Json<Value>, ApiError> {
    let id = task_id(&id)?;
    let what = Operate::Complete { step: id.step.clone(), fields: request.fields };
    let done = api.act_on_task(&id, &identity, request.why, what, &headers).await?;
    api.acted(&id, &done).await
}

impl Api {
    /// The answer to an act: what was done, and the task if it is still open.
    async fn acted(&self, id: &TaskId, done: &OperationRecord) -> Result<Json<Value>, ApiError> {
        let task = self.find_task(id).await?;
        let known = self.known().await?;
        let task = task.map(|task| represent(&task, &known, Timestamp::now().0));
        Ok(Json(json!({
            "id": format!("{}.{}", id.saga, id.step),
            "action": done.action,
            "by": done.by,
            "why": done.why,
            "at": done.at.to_string(),
            "task": task,
        })))
    }

    /// Claims, releases or completes a task. A repeated request gets the result of the first one.
    ///
    /// # Errors
    /// There is no such task, it is for another role, the form is wrong, somebody else works on the task, or the result
    /// is not visible in time.
    pub(crate) async fn act_on_task(
        &self,
        id: &TaskId,
        identity: &Identity,
        why: String,
        what: Operate,
        headers: &HeaderMap,
    ) -> Result<OperationRecord, ApiError> {
        let why = if needs_reason(&what) { check_why(why)? } else { optional_why(why)? };
        let saga = self.find_saga(id.saga).await?.ok_or_else(|| no_task(id))?;
        let action_id = request_message_id(SAGA_ACTION, id.saga, &request_id(headers)?);
        let known = saga.operations.iter().find(|operated| operated.id == action_id);
        let done = match known {
            Some(done) => done.clone(),
            None => {
                let task = saga.step(&id.step).and_then(|step| step.task.as_ref()).ok_or_else(|| no_task(id))?;
                self.check_role(identity, task)?;
                if let Operate::Complete { fields, .. } = &what {
                    self.check_form(&saga, id, identity, &why, fields).await?;
                }
                let action = SagaAction { by: identity.name.clone(), why, from: identity.from(), what };
                self.send_action(id.saga, action_id, action, trace_of(headers)).await?
            }
        };
        match &done.refused {
            None => Ok(done),
            Some(reason) => Err(ApiError::conflict(
                format!("{} is not possible: {reason}.", done.action),
                format!(
                    "Não foi possível executar a ação ({}): {}.",
                    Lang::Pt.action(&done.action),
                    Lang::Pt.reason(reason)
                ),
            )),
        }
    }

    /// Returns true if the user may work on tasks of a role.
    pub(crate) fn may_work_on(&self, identity: &Identity, role: Option<&str>) -> bool {
        identity.may_work_on(role, &self.context.settings.dashboard.oidc.task_roles)
    }

    fn check_role(&self, identity: &Identity, task: &Task) -> Result<(), ApiError> {
        let role = task.role.as_deref();
        if self.may_work_on(identity, role) {
            return Ok(());
        }
        let name = &identity.name;
        let role = role.unwrap_or_default();
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!("The task is for operators with the role {role}, which {name} does not have."),
            format!("A tarefa é para operadores com o papel {role}, que {name} não tem."),
        ))
    }

    /// Checks a form as the engine does, which knows no pointers.
    async fn check_form(
        &self,
        saga: &Saga,
        id: &TaskId,
        identity: &Identity,
        why: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), ApiError> {
        let definition = self.definition_of(saga).await?;
        let Some(form) = definition.as_deref().and_then(|definition| TaskForm::of(definition, &id.step)) else {
            return Ok(());
        };
        let at = saga::Timestamp(Timestamp::now().0);
        let answer = Answer { saga: saga.id, by: &identity.name, why, at, fields };
        answer.message(form.receive, form.human).map(|_| ()).map_err(|errors| wrong_form(&errors))
    }
}

fn wrong_form(errors: &[FormError]) -> ApiError {
    let all: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.problem)).collect();
    let portuguese = format!("O formulário está errado: {}.", all.join("; "));
    let error = ApiError::unprocessable(format!("The form is wrong: {}.", all.join("; ")), portuguese);
    errors.iter().fold(error, |error, wrong| {
        // RFC 6901.
        let name = wrong.field.replace('~', "~0").replace('/', "~1");
        error.at(&format!("/fields/{name}"), wrong.problem.clone())
    })
}

/// Returns true if an act on a task is recorded with a reason.
const fn needs_reason(what: &Operate) -> bool {
    match what {
        Operate::Claim { take_over, .. } => *take_over,
        Operate::Complete { .. } => true,
        Operate::Release { .. }
        | Operate::Pause
        | Operate::Resume
        | Operate::Cancel { .. }
        | Operate::Retry { .. }
        | Operate::Skip { .. }
        | Operate::Resolve { .. } => false,
    }
}

fn optional_why(text: String) -> Result<String, ApiError> {
    if text.trim().is_empty() { Ok(String::new()) } else { check_why(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_form_names_each_field() {
        let errors = [FormError { field: "status".to_owned(), problem: "is required".to_owned() }];
        let error = wrong_form(&errors);
        assert_eq!((error.status().as_u16(), error.detail()), (422, "The form is wrong: status is required."));
    }
}
