//! `POST /tasks/{task}/act`: the forms of a task.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use common::http::PathParams;
use saga::Operate;

use super::actions::SubmittedForm;
use super::context::Pages;
use super::layout::error_page;
use super::query::{Query, encoded};
use super::task_form::values;
use crate::api::{TaskForm, TaskId, task_id};
use crate::error::ApiError;

/// Executes the form, and leads back to the task, or to the list when it is completed.
pub(super) async fn act(
    State(pages): State<Pages>,
    PathParams(id): PathParams<String>,
    SubmittedForm { request, form, headers }: SubmittedForm,
) -> Response {
    let back = format!("/tasks/{}", encoded(&id));
    let done = async {
        let task = task_id(&id)?;
        let what = operation(&pages, &task, &form).await?;
        let why = form.get("why").unwrap_or_default().to_owned();
        pages.api.act_on_task(&task, &request.identity, why, what, &headers).await
    };
    match done.await {
        Ok(done) if done.action == "complete" => {
            Redirect::to(&format!("/tasks?completed={}", encoded(&id))).into_response()
        }
        Ok(_) => Redirect::to(&back).into_response(),
        Err(error) => error_page(&pages, &request, &back, &error).await,
    }
}

async fn operation(pages: &Pages, task: &TaskId, form: &Query) -> Result<Operate, ApiError> {
    let step = task.step.clone();
    match form.get("action") {
        Some("claim") => Ok(Operate::Claim { step, take_over: false }),
        Some("take-over") => Ok(Operate::Claim { step, take_over: true }),
        Some("release") => Ok(Operate::Release { step }),
        Some("complete") => {
            let saga = pages.api.saga(task.saga).await?;
            let definition = pages.api.definition_of(&saga).await?;
            let task_form = definition.as_deref().and_then(|definition| TaskForm::of(definition, &step));
            let fields = task_form.map(|task_form| values(&task_form.fields(), form)).unwrap_or_default();
            Ok(Operate::Complete { step, fields })
        }
        Some(_) | None => Err(ApiError::unprocessable("Choose an action.", "Escolha uma ação.")),
    }
}
