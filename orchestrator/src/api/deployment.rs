//! `POST /api/definitions` and `DELETE /api/definitions/{name}/{version}`: definitions on which new sagas start,
//! without a file and without a restart.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use common::bounds::json_bytes;
use common::http::{Body, Params, PathParams, Problem, trace_of};
use common::ids;
use common::service::TopicError;
use rusqlite::Connection;
use saga::Definition;
use serde::{Deserialize, Serialize};

use super::actions::{check_why, request_id};
use super::known::KnownDefinition;
use super::representation;
use super::state::Api;
use crate::definitions::{Definitions, parse};
use crate::entity::{DEPLOYED, DefinitionId, Deployments};
use crate::error::ApiError;
use crate::messages::{
    DEFINITION_DEPLOY, DEFINITION_UNDEPLOY, DEPLOYED_TEXT_BYTES, DeployDefinition, UndeployDefinition,
};
use crate::sessions::Identity;
use crate::stats;
use crate::view::{self, DeployedRow};

/// `{"text":"name = \"gift-card\"…","why":"gift cards"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeployRequest {
    text: String,
    why: String,
}

/// `?why=…`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UndeployRequest {
    why: String,
}

/// Deploys a definition: 201 once new sagas of every partition start on it, 200 if they do already, 409 if its version
/// has another text or too many are deployed, 422 with all errors in the text, 503 if the result is unknown.
///
/// Its topics are created where they are missing.
pub(super) async fn deploy(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    request: HeaderMap,
    Body(deploy): Body<DeployRequest>,
) -> Result<Response, ApiError> {
    let DeployRequest { text, why } = deploy;
    let why = check_why(why)?;
    let definition = Arc::new(read(&text)?);
    let id = DefinitionId { name: definition.name.clone(), version: definition.version };
    let deployed = KnownDefinition { definition, has_file: false, is_deployed: true };
    let all = api.all_definitions().await?;
    let known = all.iter().find(|known| is_of(known, &id));
    if known.is_some_and(|known| known.definition.hash() != deployed.definition.hash()) {
        return Err(other_text(&id));
    }
    let fitting = api.fitting(&all, &deployed.definition)?;
    api.add_topics(&fitting).await?;
    if let Some(known) = known.filter(|known| known.is_deployed) {
        return Ok(Json(representation::definition(known)).into_response());
    }
    let message = DeployDefinition { by: identity.name.clone(), why, from: identity.from(), text, revision: None };
    tracing::info!(definition = id.name, version = id.version, by = message.by, why = message.why, "deployment");
    let change = Change { id: &id, kind: DEFINITION_DEPLOY, hash: Some(deployed.definition.hash()) };
    api.send_to_all(&change, &request, |revision| DeployDefinition { revision, ..message.clone() }).await?;
    let location = [(header::LOCATION, format!("/definitions/{}/{}", id.name, id.version))];
    Ok((StatusCode::CREATED, location, Json(representation::definition(&deployed))).into_response())
}

/// Starts no new saga on a deployed definition: 204 once no partition does, 404 if it is not known, 409 if it was not
/// deployed or sagas run on it.
pub(super) async fn undeploy(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    PathParams((name, version)): PathParams<(String, u32)>,
    request: HeaderMap,
    Params(undeploy): Params<UndeployRequest>,
) -> Result<StatusCode, ApiError> {
    let why = check_why(undeploy.why)?;
    let id = DefinitionId { name, version };
    api.check_undeployable(&id).await?;
    let DefinitionId { name, version } = id.clone();
    let by = identity.name.clone();
    let message = UndeployDefinition { by, why, from: identity.from(), name, version, revision: None };
    let change = Change { id: &id, kind: DEFINITION_UNDEPLOY, hash: None };
    api.send_to_all(&change, &request, |revision| UndeployDefinition { revision, ..message.clone() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(text: &str) -> Result<Definition, ApiError> {
    let bytes = json_bytes(text);
    if bytes > DEPLOYED_TEXT_BYTES {
        let error = ApiError::unprocessable("The definition is too long: see errors.", "A definição é longa demais.");
        return Err(error.at("/text", format!("has {bytes} bytes, at most {DEPLOYED_TEXT_BYTES} are possible")));
    }
    parse("text", text).map_err(|problems| invalid(&problems))
}

fn invalid(problems: &[String]) -> ApiError {
    let error = ApiError::unprocessable("The definition is invalid: see errors.", "A definição é inválida.");
    problems.iter().fold(error, |error, problem| error.at("/text", problem.as_str()))
}

fn is_of(known: &KnownDefinition, id: &DefinitionId) -> bool {
    known.definition.name == id.name && known.definition.version == id.version
}

fn other_text(id: &DefinitionId) -> ApiError {
    let DefinitionId { name, version } = id;
    ApiError::conflict(
        format!("{name} version {version} has another text: write another version."),
        format!("A versão {version} de {name} tem outro texto: use outra versão."),
    )
}

/// A change of the deployed definitions.
struct Change<'c> {
    id: &'c DefinitionId,
    /// The `ce_type` of its messages.
    kind: &'static str,
    /// The hash of the definition that is deployed; `None` if it is undeployed.
    hash: Option<&'c str>,
}

/// A partition has another text of the definition.
#[derive(Debug, PartialEq, Eq)]
struct OtherText;

/// The number of the request if a partition has applied a change, `None` if it has not yet. `hash` is that of the
/// definition that is deployed; `None` if it is undeployed.
fn applied(rows: &[DeployedRow], partition: i32, hash: Option<&str>) -> Option<Result<u64, OtherText>> {
    let row = rows.iter().find(|row| row.partition == partition)?;
    match hash {
        Some(hash) if row.is_active && row.hash != hash => Some(Err(OtherText)),
        Some(_) => row.is_active.then_some(Ok(row.revision)),
        None => (!row.is_active).then_some(Ok(row.revision)),
    }
}

impl Api {
    /// Checks that a definition fits the others. Returns the active ones with it.
    fn fitting(&self, all: &[KnownDefinition], definition: &Arc<Definition>) -> Result<Definitions, ApiError> {
        let active = self.active_of(all);
        if active.of(&definition.name, definition.version).is_some() {
            return Ok(active);
        }
        let start = &definition.start.topic;
        let receives = |known: &&KnownDefinition| known.definition.receives().any(|receive| receive.topic == *start);
        if let Some(known) = all.iter().find(receives) {
            let name = &known.definition.name;
            return Err(invalid(&[format!("start: topic {start:?} is waited on by {name:?}; write another topic")]));
        }
        let deployed = all.iter().filter(|known| known.is_deployed).count();
        if deployed >= Deployments::MOST_ACTIVE {
            return Err(ApiError::conflict(
                format!("{deployed} definitions are deployed, the most that are possible: undeploy one first."),
                format!("{deployed} definições estão implantadas, o máximo possível: encerre uma antes."),
            ));
        }
        active.fitting("definition", definition).map_err(|problems| invalid(&problems))
    }

    /// Creates the topics of definitions that this instance did not use when it started.
    async fn add_topics(&self, fitting: &Definitions) -> Result<(), ApiError> {
        let known = self.definitions.topics();
        let all = fitting.topics();
        let inputs = all.inputs.difference(&known.inputs).cloned().collect();
        let outputs = all.outputs.difference(&known.outputs).cloned().collect();
        self.context.topics.add(inputs, outputs).await.map_err(|error| match error {
            TopicError::Unusable(reason) => ApiError::conflict(
                format!("The definition's topics can't be used: {reason}."),
                format!("Os tópicos da definição não podem ser usados: {reason}."),
            ),
            TopicError::Unavailable(reason) => ApiError::unavailable(
                format!("The definition's topics can't be checked: {reason}."),
                format!("Os tópicos da definição não podem ser verificados: {reason}."),
            ),
        })
    }

    /// Checks that a definition was deployed, and that no saga runs on it.
    async fn check_undeployable(&self, id: &DefinitionId) -> Result<(), ApiError> {
        let DefinitionId { name, version } = id;
        let all = self.all_definitions().await?;
        let Some(known) = all.iter().find(|known| is_of(known, id)) else {
            return Err(ApiError::not_found(
                format!("There is no definition {name} version {version}."),
                format!("A definição {name} não tem a versão {version}."),
            ));
        };
        let wanted = id.clone();
        let query =
            move |connection: &Connection| Ok((view::deployed_on(connection, &wanted)?, stats::totals(connection)?));
        let (rows, totals) = self.context.view.read(query).await.map_err(Problem::from)?;
        if rows.is_empty() {
            let advice = if known.has_file { ": it has a file" } else { "" };
            let portuguese = if known.has_file { ": ela tem um arquivo" } else { "" };
            return Err(ApiError::conflict(
                format!("{name} version {version} was not deployed{advice}."),
                format!("A versão {version} de {name} não foi implantada{portuguese}."),
            ));
        }
        let own = totals.iter().filter(|total| total.definition == *name && total.version == *version);
        let open: u64 = own.filter(|total| total.is_open()).map(|total| total.count).sum();
        if open > 0 && !known.has_file {
            return Err(ApiError::conflict(
                format!("{open} sagas run on {name} version {version}: wait until they end, or cancel them."),
                format!("{open} sagas usam a versão {version} de {name}: espere que terminem ou cancele-as."),
            ));
        }
        Ok(())
    }

    /// Sends a change to partition 0 and, with the number that it gives to the request, to the others. Waits until
    /// every partition has applied it.
    async fn send_to_all<T: Serialize>(
        &self,
        change: &Change<'_>,
        request: &HeaderMap,
        content: impl Fn(Option<u64>) -> T,
    ) -> Result<(), ApiError> {
        let request_id = request_id(request)?;
        let trace = trace_of(request);
        let DefinitionId { name, version } = change.id;
        let mut revision = None;
        for group in [0..1, 1..self.context.partitions] {
            for partition in group.clone() {
                let id = ids::derive(&[&request_id, change.kind, name, &version.to_string(), &partition.to_string()]);
                self.send_to(partition, name, change.kind, id, &content(revision), &trace).await?;
            }
            for partition in group {
                let number = self.until_applied(change, partition).await?;
                revision = revision.or(Some(number));
            }
        }
        Ok(())
    }

    /// Waits until a partition has applied a change. Returns the number of the request.
    async fn until_applied(&self, change: &Change<'_>, partition: i32) -> Result<u64, ApiError> {
        let id = change.id.clone();
        let hash = change.hash.map(str::to_owned);
        let query = move |connection: &Connection| {
            Ok(applied(&view::deployed_on(connection, &id)?, partition, hash.as_deref()))
        };
        let found =
            self.context.view.until(DEPLOYED, self.context.effect_timeout, query).await.map_err(Problem::from)?;
        found.ok_or_else(|| unknown_result(self.context.effect_timeout))?.map_err(|OtherText| other_text(change.id))
    }
}

fn unknown_result(waited: Duration) -> ApiError {
    let waited = waited.as_secs_f64();
    ApiError::unavailable(
        format!("Not every partition has applied the change after {waited} s. Check the definitions, or try again."),
        format!("Nem todas as partições aplicaram a mudança em {waited} s. Verifique as definições ou tente de novo."),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn all_errors_of_a_text_are_reported_with_their_place() {
        let error = read("name = \"Gift\"\nversion = 0\n").unwrap_err();
        let problem: Problem = error.into();
        let value: Value = serde_json::to_value(&problem).unwrap();
        let errors = value["errors"].as_array().unwrap();
        assert!(errors.len() > 1 && errors.iter().all(|error| error["pointer"] == "#/text"), "{value:#}");
        let long = read(&"#".repeat(DEPLOYED_TEXT_BYTES)).unwrap_err();
        assert!(long.detail().contains("too long"));
    }

    #[test]
    fn another_text_of_the_version_is_a_conflict_and_not_a_success() {
        let row = |hash: &str, is_active| DeployedRow { partition: 0, hash: hash.to_owned(), revision: 7, is_active };
        let deployed = |row, partition| applied(&[row], partition, Some("a"));
        assert_eq!(deployed(row("a", true), 0), Some(Ok(7)));
        assert_eq!(deployed(row("b", true), 0), Some(Err(OtherText)));
        assert_eq!(deployed(row("a", false), 0), None);
        assert_eq!(deployed(row("a", true), 1), None);
        assert_eq!(applied(&[row("a", false)], 0, None), Some(Ok(7)));
        assert_eq!(applied(&[row("a", true)], 0, None), None);
    }
}
