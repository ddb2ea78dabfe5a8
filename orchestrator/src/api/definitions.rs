//! `GET /api/definitions`

use axum::extract::State;
use axum::response::Json;
use serde_json::{Map, Value, json};

use super::known::KnownDefinition;
use super::representation;
use super::state::Api;
use crate::error::ApiError;

/// The definitions of the files, then the others (`"file": false`), and the rollouts by name.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let all = api.all_definitions().await?;
    let mut rollouts = Map::new();
    for known in &all {
        let name = &known.definition.name;
        if let Some(rollout) = api.rollout(name).await? {
            rollouts.insert(name.clone(), json!({ "version": rollout.version, "percent": rollout.percent }));
        }
    }
    let item = |known: &KnownDefinition| representation::definition(&known.definition, known.has_file);
    let items: Vec<Value> = all.iter().map(item).collect();
    Ok(Json(json!({ "items": items, "rollouts": rollouts })))
}
