//! `GET /api/audit`: the acts of operators and customers, the newest first.

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::Api;
use crate::error::ApiError;
use crate::view::{self, Act, ActCursor, ActFilter};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// `?by=techlead&limit=50`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    by: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page of the acts.
#[derive(Debug)]
pub(crate) struct ActPage {
    pub(crate) acts: Vec<Act>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// `GET /api/audit`
pub(super) async fn audit(State(api): State<Api>, Params(query): Params<AuditQuery>) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}"),
            format!("limit = {limit}: deve ser de 1 a {MAX_LIMIT}"),
        ));
    }
    let page = api.audit(query.by, query.cursor.as_deref(), limit).await?;
    let items: Vec<Value> = page.acts.iter().map(item).collect();
    Ok(Json(json!({ "items": items, "next": page.next })))
}

fn item(act: &Act) -> Value {
    json!({
        "at": saga::Timestamp(act.at).to_string(),
        "by": act.by,
        "action": act.action,
        "subject": act.subject,
        "why": act.why,
        "from": act.from,
        "refused": act.refused,
        "id": act.id,
    })
}

fn cursor_of(act: &Act) -> String {
    json!([act.at, act.subject, act.id]).to_string()
}

fn parse_cursor(text: &str) -> Result<ActCursor, ApiError> {
    let parsed: Result<(i64, String, String), _> = serde_json::from_str(text);
    let (at, subject, id) = parsed.map_err(|_| {
        ApiError::bad_request(
            format!("cursor = {text}: use `next` of the previous page"),
            format!("cursor = {text}: use o `next` da página anterior"),
        )
    })?;
    Ok(ActCursor { at, subject, id })
}

impl Api {
    /// A page of the acts within `dashboard.audit_retention`, the newest first.
    pub(crate) async fn audit(
        &self,
        by: Option<String>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ActPage, ApiError> {
        let retention = self.context.settings.dashboard.audit_retention.as_millis();
        let since = Timestamp::now().0.saturating_sub(i64::try_from(retention).unwrap_or(i64::MAX));
        let filter = ActFilter { since, by, before: cursor.map(parse_cursor).transpose()? };
        let read = move |connection: &rusqlite::Connection| view::acts(connection, &filter, limit + 1);
        let mut acts = self.context.view.read(read).await.map_err(Problem::from)?;
        let has_more = acts.len() > limit;
        acts.truncate(limit);
        let next = acts.last().filter(|_| has_more).map(cursor_of);
        Ok(ActPage { acts, next })
    }
}
