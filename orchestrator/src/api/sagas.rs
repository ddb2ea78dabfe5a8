//! `/api/sagas`: the list, and one saga.

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, PathParams};
use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::representation;
use super::state::{Api, saga_id};
use crate::error::ApiError;
use crate::filter::{Filter, Sort};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The filter and the page. Flat, since the values of a query are texts: they are read as numbers only where a field
/// has a number type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<String>,
    definition: Option<String>,
    version: Option<u32>,
    step: Option<String>,
    customer: Option<String>,
    waiting_longer_than: Option<String>,
    retrying: Option<bool>,
    from: Option<String>,
    to: Option<String>,
    id: Option<Uuid>,
    reason: Option<String>,
    text: Option<String>,
    #[serde(default)]
    pub(super) sort: Sort,
    /// Only of an export.
    pub(super) format: Option<Format>,
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// RFC 4180.
    Csv,
    /// An object with a list.
    Json,
}

impl ListQuery {
    /// The filter in it.
    pub(super) fn filter(self) -> Filter {
        Filter {
            status: self.status,
            definition: self.definition,
            version: self.version,
            step: self.step,
            customer: self.customer,
            waiting_longer_than: self.waiting_longer_than,
            retrying: self.retrying,
            from: self.from,
            to: self.to,
            id: self.id,
            reason: self.reason,
            text: self.text,
            ..Filter::default()
        }
    }
}

/// `GET /api/sagas`
pub(super) async fn list(State(api): State<Api>, Params(query): Params<ListQuery>) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}"),
            format!("limit = {limit}: deve ser de 1 a {MAX_LIMIT}"),
        ));
    }
    if query.format.is_some() {
        return Err(ApiError::bad_request(
            "format is a parameter of GET /api/sagas/export",
            "format é um parâmetro de GET /api/sagas/export",
        ));
    }
    let sort = query.sort;
    let cursor = query.cursor.clone();
    let filter = query.filter().checked(Timestamp::now())?;
    let page = api.page(filter, sort, cursor.as_deref(), limit).await?;
    let known = api.known().await?;
    let items: Vec<Value> = page.sagas.iter().map(|saga| representation::listed(saga, &known)).collect();
    Ok(Json(json!({ "items": items, "next": page.next })))
}

/// `GET /api/sagas/{id}`
pub(super) async fn show(State(api): State<Api>, PathParams(id): PathParams<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(api.represent(&api.saga(saga_id(&id)?).await?).await?))
}
