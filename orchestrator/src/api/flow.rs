//! `GET /api/flow` and `GET /api/incidents`: the statistics of a definition's version, the step that needs attention,
//! and the open incidents.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use saga::Definition;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cache::{CacheKey, RecentSteps};
use super::state::{Api, KnownDefinition};
use crate::error::ApiError;
use crate::i18n::{CONCLUDE, Lang, step_label, summary};
use crate::stats::{self, IncidentGroup, Offender, StepStats, Window};

/// The statistics of a definition's version.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The definition.
    pub definition: Arc<Definition>,
    /// The window.
    pub window: Window,
    /// Its steps in order, then `conclude`.
    pub steps: Vec<StepStats>,
    /// The step that needs attention.
    pub offender: Option<Offender>,
    /// The number of sagas by status.
    pub sagas: BTreeMap<String, u64>,
}

impl Flow {
    /// The label of a step.
    pub fn label(&self, step: &str, lang: Lang) -> String {
        step_label(Some(&self.definition), step, lang)
    }

    /// A sentence on the step that needs attention.
    pub fn summary(&self, lang: Lang) -> Option<String> {
        let offender = self.offender.as_ref()?;
        let step = self.steps.iter().find(|step| step.step == offender.step())?;
        Some(summary(lang, &self.label(&step.step, lang), step, offender))
    }
}

impl Api {
    /// The statistics of a definition's version. Defaults to the definition with the most sagas, and its newest
    /// version.
    pub(crate) async fn flow(
        &self,
        name: Option<String>,
        version: Option<u32>,
        window: Window,
    ) -> Result<Flow, ApiError> {
        let totals = self.context.view.read(stats::totals).await.map_err(Problem::from)?;
        let name = name.or_else(|| self.default_definition(&totals)).unwrap_or_default();
        let definition = self.find_definition(&name, version).await?;
        let at = Timestamp::now().0;
        let recent = self.recent(&definition, window, at).await?;
        let version = definition.version;
        let read = move |connection: &rusqlite::Connection| stats::current(connection, &name, version, at);
        let current = self.context.view.read(read).await.map_err(Problem::from)?;
        let steps = definition.steps.iter().map(|step| step.name.as_str()).chain([CONCLUDE]);
        let steps = stats::step_stats(steps, &recent, &current, at);
        let own = totals.into_iter().filter(|t| t.definition == definition.name && t.version == definition.version);
        let sagas = own.map(|total| (total.status, total.count)).collect();
        let offender = stats::offender(&steps);
        Ok(Flow { definition, window, steps, offender, sagas })
    }

    /// A definition; without a version, its newest one.
    async fn find_definition(&self, name: &str, version: Option<u32>) -> Result<Arc<Definition>, ApiError> {
        let versions = self.all_definitions().await?.into_iter().filter(|known| known.definition.name == name);
        let found: Option<KnownDefinition> = match version {
            Some(version) => versions.into_iter().find(|known| known.definition.version == version),
            None => versions.max_by_key(|known| known.definition.version),
        };
        found.map(|known| known.definition).ok_or_else(|| match version {
            Some(version) => ApiError::not_found(
                format!("there is no definition {name} version {version}"),
                format!("A definição {name} versão {version} não existe."),
            ),
            None => {
                ApiError::not_found(format!("there is no definition {name}"), format!("A definição {name} não existe."))
            }
        })
    }

    fn default_definition(&self, totals: &[stats::Total]) -> Option<String> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for total in totals {
            *counts.entry(&total.definition).or_default() += total.count;
        }
        let largest = counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned());
        largest.or_else(|| self.definitions.all().next().map(|definition| definition.name.clone()))
    }

    async fn recent(&self, definition: &Definition, window: Window, at: i64) -> Result<RecentSteps, Problem> {
        let name = definition.name.clone();
        let version = definition.version;
        let key = CacheKey { definition: name.clone(), version, window: window.as_str() };
        if let Some(recent) = self.cache.get(&key, window) {
            return Ok(recent);
        }
        let since = window.from(at);
        let read = move |connection: &rusqlite::Connection| stats::recent(connection, &name, version, since);
        let recent = Arc::new(self.context.view.read(read).await?);
        self.cache.put(key, recent.clone());
        Ok(recent)
    }
}

/// `?definition=order&version=1&window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowQuery {
    definition: Option<String>,
    version: Option<u32>,
    #[serde(default)]
    window: Window,
}

/// `GET /api/flow`
pub(super) async fn flow(State(api): State<Api>, Params(query): Params<FlowQuery>) -> Result<Json<Value>, ApiError> {
    let flow = api.flow(query.definition, query.version, query.window).await?;
    let steps = flow.steps.iter().map(|step| {
        let mut value = serde_json::to_value(step).unwrap_or_default();
        value["label"] = flow.label(&step.step, Lang::En).into();
        value
    });
    Ok(Json(json!({
        "definition": flow.definition.name,
        "version": flow.definition.version,
        "window": flow.window,
        "viewLagMs": api.lag(),
        "sagas": flow.sagas,
        "offender": flow.offender,
        "sentence": flow.summary(Lang::En),
        "steps": steps.collect::<Vec<_>>(),
    })))
}

/// `GET /api/incidents`
pub(super) async fn incidents(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let groups = api.context.view.read(stats::incidents).await.map_err(Problem::from)?;
    let items: Vec<Value> = groups.iter().map(incident).collect();
    Ok(Json(json!({ "items": items, "viewLagMs": api.lag() })))
}

fn incident(group: &IncidentGroup) -> Value {
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    json!({
        "definition": group.definition,
        "version": group.version,
        "step": group.step,
        "reason": group.reason,
        "count": group.count,
        "waitingSince": { "first": time(group.first), "last": time(group.last) },
    })
}
