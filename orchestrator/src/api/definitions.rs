//! `GET /api/definitions`

use axum::extract::State;
use axum::response::Json;
use serde_json::{Map, Value, json};

use super::representation;
use super::state::Api;
use crate::error::ApiError;

/// The definitions of the files, then the others (`"file": false`), of which those deployed are marked, and the
/// rollouts by name.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let all = api.all_definitions().await?;
    let mut rollouts = Map::new();
    for known in &all {
        let name = &known.definition.name;
        if let Some(rollout) = api.rollout(name).await? {
            rollouts.insert(name.clone(), json!({ "version": rollout.version, "percent": rollout.percent }));
        }
    }
    let items: Vec<Value> = all.iter().map(representation::definition).collect();
    Ok(Json(json!({ "items": items, "rollouts": rollouts })))
}
