//! `/api/tasks`: the open tasks of people.

use axum::extract::State;
use axum::response::Json;
use common::bounds::first_chars;
use common::http::{Params, PathParams, Problem};
use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::state::Api;
use super::task_form::{TaskId, no_task, represent, task_id};
use crate::error::ApiError;
use crate::inspect::subject::subject;
use crate::view::{self, TaskCursor, TaskFilter, TaskRow};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// `?kind=receive-goods&role=warehouse&claimedBy=ana&overdue=true&definition=return`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TaskQuery {
    kind: Option<String>,
    role: Option<String>,
    claimed_by: Option<String>,
    overdue: Option<bool>,
    definition: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page of the list of tasks.
#[derive(Debug)]
pub(crate) struct TaskPage {
    pub(crate) tasks: Vec<TaskRow>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// `GET /api/tasks`
pub(super) async fn list(State(api): State<Api>, Params(query): Params<TaskQuery>) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}"),
            format!("limit = {limit}: deve ser de 1 a {MAX_LIMIT}"),
        ));
    }
    let now = Timestamp::now().0;
    let TaskQuery { kind, role, claimed_by, overdue, definition, limit: _, cursor } = query;
    let overdue = overdue.map(|overdue| (overdue, now));
    let filter = TaskFilter { kind, role, claimed_by, definition, overdue };
    let page = api.tasks(filter, cursor.as_deref(), limit).await?;
    let known = api.known().await?;
    let items: Vec<Value> = page.tasks.iter().map(|task| represent(task, &known, now)).collect();
    Ok(Json(json!({ "items": items, "next": page.next })))
}

/// `GET /api/tasks/{task}`
pub(super) async fn show(State(api): State<Api>, PathParams(id): PathParams<String>) -> Result<Json<Value>, ApiError> {
    let id = task_id(&id)?;
    let row = api.task(&id).await?;
    let mut task = represent(&row, &api.known().await?, Timestamp::now().0);
    task["about"] = api.subject(id.saga).await?.into();
    Ok(Json(task))
}

fn parse_cursor(text: &str) -> Result<TaskCursor, ApiError> {
    let parsed: Result<(i64, i64, String, String), _> = serde_json::from_str(text);
    let (rank, opened, saga, step) = parsed.map_err(|_| {
        let text = first_chars(text, 80);
        ApiError::bad_request(
            format!("cursor = {text}: use `next` of the previous page"),
            format!("cursor = {text}: use o `next` da página anterior"),
        )
    })?;
    Ok(TaskCursor { rank, opened, saga, step })
}

fn cursor_of(task: &TaskRow) -> String {
    let TaskCursor { rank, opened, saga, step } = task.into();
    json!([rank, opened, saga, step]).to_string()
}

impl Api {
    /// A page of the open tasks, those that are due first.
    pub(crate) async fn tasks(
        &self,
        filter: TaskFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<TaskPage, ApiError> {
        let after = cursor.map(parse_cursor).transpose()?;
        let read = move |connection: &rusqlite::Connection| view::tasks(connection, &filter, after.as_ref(), limit + 1);
        let mut tasks = self.context.view.read(read).await.map_err(Problem::from)?;
        let has_more = tasks.len() > limit;
        tasks.truncate(limit);
        let next = tasks.last().filter(|_| has_more).map(cursor_of);
        Ok(TaskPage { tasks, next })
    }

    /// The number of open tasks, up to [`view::MOST_COUNTED`]; 0 while the view cannot be read.
    pub(crate) async fn open_tasks(&self) -> u64 {
        self.context.view.read(view::open_tasks).await.unwrap_or(0)
    }

    /// An open task; `None` if there is none with this id.
    pub(crate) async fn find_task(&self, id: &TaskId) -> Result<Option<TaskRow>, ApiError> {
        let TaskId { saga, step } = id.clone();
        let read = move |connection: &rusqlite::Connection| view::task(connection, saga, &step);
        Ok(self.context.view.read(read).await.map_err(Problem::from)?)
    }

    /// What a saga is about; nothing if its definition is unknown.
    pub(crate) async fn subject(&self, id: Uuid) -> Result<Map<String, Value>, ApiError> {
        let Some(saga) = self.find_saga(id).await? else { return Ok(Map::new()) };
        let definition = self.definition_of(&saga).await?;
        Ok(definition.map_or_else(Map::new, |definition| subject(&saga, &definition)))
    }

    /// An open task.
    pub(crate) async fn task(&self, id: &TaskId) -> Result<TaskRow, ApiError> {
        self.find_task(id).await?.ok_or_else(|| no_task(id))
    }
}
