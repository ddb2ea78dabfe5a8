//! `PUT /api/definitions/{name}/rollout`

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Json;
use common::http::{Body, PathParams, Problem, trace_of};
use common::ids;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{check_why, request_id};
use super::state::Api;
use crate::definitions::Definitions;
use crate::entity::{Rollout, rollout_key};
use crate::error::ApiError;
use crate::messages::{ROLLOUT_SET, SetRollout};
use crate::sessions::Identity;
use crate::view::{self, RolloutRow};

/// `{"version":2,"percent":10,"why":"a first look"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloutRequest {
    pub(crate) version: u32,
    pub(crate) percent: u8,
    pub(crate) why: String,
}

/// Sets a rollout: 200 once every partition has it.
pub(super) async fn set(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams(name): PathParams<String>,
    headers: HeaderMap,
    Body(request): Body<RolloutRequest>,
) -> Result<Json<Value>, ApiError> {
    let version = request.version;
    let percent = request.percent;
    api.set_rollout(&name, &identity, request, &headers).await?;
    Ok(Json(json!({ "definition": name, "version": version, "percent": percent })))
}

impl Api {
    /// Sets the rollout of a definition, and waits until every partition has it.
    pub(crate) async fn set_rollout(
        &self,
        name: &str,
        identity: &Identity,
        request: RolloutRequest,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        let RolloutRequest { version, percent, why } = request;
        if percent > 100 {
            let error = ApiError::unprocessable("The share is invalid.", "A parcela deve ser de 0 a 100.");
            return Err(error.at("/percent", "must be from 0 to 100"));
        }
        let active = self.active().await?;
        if active.of(name, version).is_none() {
            return Err(unknown_version(&active, name, version));
        }
        let rollout = Rollout { definition: name.to_owned(), version, percent };
        let set = SetRollout { by: identity.name.clone(), why: check_why(why)?, from: identity.from(), rollout };
        self.send_rollout(&set, headers).await?;
        let wanted = RolloutRow { version, percent, partitions: i64::from(self.context.partitions) };
        let definition = name.to_owned();
        let is_visible = move |connection: &rusqlite::Connection| {
            let rows = view::rollouts(connection, &definition)?;
            Ok(rows.contains(&wanted).then_some(()))
        };
        let visible = self.context.view.until(&rollout_key(name), self.context.effect_timeout, is_visible).await;
        if visible.map_err(Problem::from)?.is_none() {
            let waited = self.context.effect_timeout.as_secs_f64();
            return Err(ApiError::unavailable(
                format!("Not every partition has the rollout after {waited} s; it was sent. Check again, or retry."),
                format!(
                    "Nem todas as partições aplicaram a mudança em {waited} s; ela foi enviada. Verifique ou repita."
                ),
            ));
        }
        Ok(())
    }

    async fn send_rollout(&self, set: &SetRollout, headers: &HeaderMap) -> Result<(), Problem> {
        let request_id = request_id(headers)?;
        let trace = trace_of(headers);
        for partition in 0..self.context.partitions {
            let id = ids::derive(&[&request_id, &partition.to_string()]);
            self.send_to(partition, &set.rollout.definition, ROLLOUT_SET, id, set, &trace).await?;
        }
        Ok(())
    }
}

fn unknown_version(active: &Definitions, name: &str, version: u32) -> ApiError {
    let mut versions: Vec<u32> = active.all().filter(|d| d.name == name).map(|d| d.version).collect();
    versions.sort_unstable();
    let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
    let versions = versions.join(", ");
    ApiError::not_found(
        format!("There is no definition {name} version {version}; versions: {versions}."),
        format!("A definição {name} não tem a versão {version}; versões: {versions}."),
    )
}
