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
use crate::filter::Filter;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The filter and the page. Flat, since the values of a query are texts: they are read as numbers only where a field
/// has a number type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Query {
    status: Option<String>,
    definition: Option<String>,
    version: Option<u32>,
    step: Option<String>,
    customer: Option<String>,
    waiting_longer_than: Option<String>,
    id: Option<Uuid>,
    reason: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Query {
    fn filter(self) -> Filter {
        Filter {
            status: self.status,
            definition: self.definition,
            version: self.version,
            step: self.step,
            customer: self.customer,
            waiting_longer_than: self.waiting_longer_than,
            id: self.id,
            reason: self.reason,
            text: self.text,
            ..Filter::default()
        }
    }
}

/// `GET /api/sagas`
pub(super) async fn list(State(api): State<Api>, Params(query): Params<Query>) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(
            format!("limit = {limit}: it must be from 1 to {MAX_LIMIT}"),
            format!("limit = {limit}: deve ser de 1 a {MAX_LIMIT}"),
        ));
    }
    let cursor = query.cursor.clone();
    let filter = query.filter().checked(Timestamp::now())?;
    let page = api.page(filter, cursor.as_deref(), limit).await?;
    let items: Vec<Value> = page.sagas.iter().map(representation::listed).collect();
    Ok(Json(json!({ "items": items, "next": page.next })))
}

/// `GET /api/sagas/{id}`
pub(super) async fn one(State(api): State<Api>, PathParams(id): PathParams<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json(api.represent(&api.saga(saga_id(&id)?).await?).await?))
}
