//! `GET /api/incidents`: the open incidents.

use axum::extract::State;
use axum::response::Json;
use common::http::Problem;
use saga::call_for;
use serde_json::{Value, json};

use super::known::KnownDefinitions;
use super::state::Api;
use crate::error::ApiError;
use crate::stats::{self, IncidentGroup, IncidentGroups};

/// A group of incidents with the command that did not succeed.
#[derive(Debug, Clone)]
pub(crate) struct Incidents {
    pub(crate) group: IncidentGroup,
    /// The type of the command; `None` without the definition, and for a step that sends none.
    pub(crate) command: Option<String>,
}

/// The open incidents.
#[derive(Debug, Clone)]
pub(crate) struct OpenIncidents {
    /// The most severe first.
    pub(crate) groups: Vec<Incidents>,
    /// There are more groups.
    pub(crate) has_more: bool,
}

/// `GET /api/incidents`
pub(super) async fn incidents(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let known = api.known().await?;
    let OpenIncidents { groups, has_more } = api.incidents(&known).await?;
    let items: Vec<Value> = groups.iter().map(item).collect();
    Ok(Json(json!({ "items": items, "more": has_more, "viewLagMs": api.lag() })))
}

fn item(incidents: &Incidents) -> Value {
    let Incidents { group, command } = incidents;
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    json!({
        "definition": group.definition,
        "version": group.version,
        "step": group.step,
        "action": group.action(),
        "command": command,
        "reason": group.reason,
        "severity": group.severity(),
        "count": group.count,
        "waitingSince": { "first": time(group.first), "last": time(group.last) },
    })
}

impl Api {
    /// The open incidents, the most severe first.
    pub(crate) async fn incidents(&self, known: &KnownDefinitions) -> Result<OpenIncidents, ApiError> {
        let IncidentGroups { groups, has_more } =
            self.context.view.read(stats::incidents).await.map_err(Problem::from)?;
        let with_command = |group: IncidentGroup| {
            let definition = known.named(&group.definition, group.version);
            let call = definition.and_then(|definition| call_for(definition, &group.step, group.action()));
            let command = call.map(|call| call.command.clone());
            Incidents { group, command }
        };
        Ok(OpenIncidents { groups: groups.into_iter().map(with_command).collect(), has_more })
    }

    /// The number of sagas in incident; 0 while the view cannot be read.
    pub(crate) async fn open_incidents(&self) -> u64 {
        self.context.view.read(stats::open_incidents).await.unwrap_or(0)
    }
}
