//! `POST /api/sagas`: starts a saga without an event of another system.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use common::bounds::{first_chars, json_bytes};
use common::http::{Body, Problem, idempotency_key, trace_of};
use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use saga::{Definition, Saga};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::actions::check_why;
use super::state::Api;
use crate::entity::saga_key;
use crate::error::ApiError;
use crate::messages::{EVENT_BYTES, SAGA_START, StartSaga, request_message_id};
use crate::rules::rollout::version_for;
use crate::sessions::Identity;
use crate::view;

/// `{"definition":"gift-card","data":{"card":"7"},"why":"a test"}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartRequest {
    definition: String,
    #[serde(default)]
    id: Option<Uuid>,
    data: Map<String, Value>,
    why: String,
}

/// Starts a saga: 201 with the saga, 200 if a saga of this definition has the id already, 409 if one of another has,
/// 503 if the result is unknown.
///
/// Without `id` the id is derived from the `Idempotency-Key`, if there is one, so a repeated request starts no second
/// saga.
pub(super) async fn start(
    State(api): State<Api>,
    Extension(identity): Extension<Identity>,
    request: HeaderMap,
    Body(start): Body<StartRequest>,
) -> Result<Response, ApiError> {
    let StartRequest { definition, id, data, why } = start;
    let why = check_why(why)?;
    let id = match (id, idempotency_key(&request)?) {
        (Some(id), _) => id,
        (None, Some(key)) => ids::derive(&["saga", &identity.name, &definition, &key]),
        (None, None) => Uuid::now_v7(),
    };
    let version = api.version_for(&definition, id).await?;
    if let Some(known) = api.find_saga(id).await? {
        runs_on(&known, &definition)?;
        return Ok(Json(api.represent(&known).await?).into_response());
    }
    let data = check(&version, Value::Object(data))?;
    let start = StartSaga { by: identity.name.clone(), why, from: identity.from(), definition, data };
    let saga = api.send_start(id, &start, &request).await?;
    runs_on(&saga, &start.definition)?;
    let location = [(header::LOCATION, format!("/api/sagas/{id}"))];
    Ok((StatusCode::CREATED, location, Json(api.represent(&saga).await?)).into_response())
}

/// Checks that the saga that has the id runs on the wanted definition.
fn runs_on(saga: &Saga, wanted: &str) -> Result<(), ApiError> {
    let Saga { id, definition: name, .. } = saga;
    if name == wanted {
        return Ok(());
    }
    Err(ApiError::conflict(
        format!("There is a saga {id} of the definition {name}: use another id."),
        format!("Já existe uma saga {id} da definição {name}: use outro id."),
    ))
}

/// Checks the payload against the definition's `start.fields`.
fn check(definition: &Definition, data: Value) -> Result<Value, ApiError> {
    let bytes = json_bytes(&data);
    if bytes > EVENT_BYTES {
        let error = ApiError::unprocessable("The data is too long: see errors.", "Os dados são longos demais.");
        return Err(error.at("/data", format!("has {bytes} bytes, at most {EVENT_BYTES} are possible")));
    }
    definition.start.read(data).map_err(|reason| {
        let english = format!("The data does not start a saga of {}: {reason}.", definition.name);
        let portuguese = format!("Os dados não iniciam uma saga de {}.", definition.name);
        ApiError::unprocessable(english, portuguese).at("/data", reason)
    })
}

impl Api {
    /// The version on which the saga with this id starts.
    async fn version_for(&self, name: &str, id: Uuid) -> Result<Arc<Definition>, ApiError> {
        let active = self.active().await?;
        let versions: Vec<_> = active.versions_of(name).into_iter().cloned().collect();
        let rollout = self.rollout(name).await?;
        let chosen = match rollout {
            Some(rollout) => version_for(&versions, rollout.version, rollout.percent, id),
            None => versions.first().cloned(),
        };
        chosen.ok_or_else(|| {
            let mut names: Vec<&str> = active.all().map(|known| known.name.as_str()).collect();
            names.dedup();
            let names = names.join(", ");
            let shown = first_chars(name, 80);
            let english = format!("There is no definition {shown}; definitions: {names}.");
            let error = ApiError::unprocessable(english, format!("A definição {shown} não existe; há: {names}."));
            error.at("/definition", "is not the name of a definition")
        })
    }

    /// Sends the request to the saga's partition, and waits until the view shows the saga.
    async fn send_start(&self, saga: Uuid, start: &StartSaga, request: &HeaderMap) -> Result<Saga, ApiError> {
        let subject = saga.to_string();
        let definition = &start.definition;
        tracing::info!(saga_id = subject, definition, by = start.by, why = start.why, "start of a saga requested");
        // A saga starts once: its id alone identifies a request without a key.
        let key = idempotency_key(request)?.unwrap_or_default();
        let id = request_message_id(SAGA_START, saga, &key);
        let now = Timestamp::now();
        let message = Outgoing::event(topics::SAGA_COMMANDS, &subject, SAGA_START, id, &subject, now, start)
            .caused_by(Some(&trace_of(request)));
        self.context.commands.send(&message).await.map_err(Problem::from)?;
        let find = move |connection: &rusqlite::Connection| view::readable_saga(connection, saga);
        let found = self.context.view.until(&saga_key(saga), self.context.effect_timeout, find).await;
        found.map_err(Problem::from)?.ok_or_else(|| {
            let waited = self.context.effect_timeout.as_secs_f64();
            ApiError::unavailable(
                format!(
                    "The saga {saga} is not visible after {waited} s. Check it, or send the request again with its id."
                ),
                format!("A saga {saga} não apareceu em {waited} s. Verifique-a ou repita a requisição com seu id."),
            )
        })
    }
}
