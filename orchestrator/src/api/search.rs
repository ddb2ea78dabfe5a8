//! `GET /api/search`: the sagas that a text names.

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::representation;
use super::state::Api;
use crate::error::ApiError;
use crate::view::{self, Found, MAX_SEARCH};

/// The most sagas that a search returns.
const MOST: usize = 50;

/// `?q=ana@example.com`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchQuery {
    q: String,
}

/// `GET /api/search`
pub(super) async fn search(
    State(api): State<Api>,
    Params(query): Params<SearchQuery>,
) -> Result<Json<Value>, ApiError> {
    let found = api.search(&query.q).await?;
    let known = api.known().await?;
    let items: Vec<Value> = found.sagas.iter().map(|saga| representation::listed(saga, &known)).collect();
    Ok(Json(json!({ "items": items, "hasMore": found.has_more })))
}

impl Api {
    /// The newest sagas that a text names: an id or a part of it, a customer, a mail address, a tracking number.
    ///
    /// # Errors
    /// 400 for a text that is too long.
    pub(crate) async fn search(&self, text: &str) -> Result<Found, ApiError> {
        if text.len() > MAX_SEARCH {
            return Err(ApiError::bad_request(
                format!("q has {} bytes: it must have at most {MAX_SEARCH}", text.len()),
                format!("q tem {} bytes: deve ter no máximo {MAX_SEARCH}", text.len()),
            ));
        }
        let text = text.to_owned();
        let search = move |connection: &rusqlite::Connection| view::search(connection, &text, MOST);
        Ok(self.context.view.read(search).await.map_err(Problem::from)?)
    }
}
