//! `GET /api/flow`: the statistics of a definition's version, and the steps that need attention.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use saga::{CONCLUDE, Definition};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cache::{CacheKey, CurrentSteps, RecentSteps};
use super::known::KnownDefinition;
use super::period::period_of;
use super::state::Api;
use crate::definitions::Definitions;
use crate::error::ApiError;
use crate::i18n::{Lang, calm_summary, step_label, summary};
use crate::stats::{self, Finding, Known, Period, Ranking, StepStats, Total, Window};

/// The statistics of a definition's version.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The definition.
    pub definition: Arc<Definition>,
    /// The period.
    pub period: Period,
    /// Its steps in order, then `conclude`.
    pub steps: Vec<StepStats>,
    /// The steps that need attention.
    pub ranking: Ranking,
    /// The number of sagas by status.
    pub sagas: BTreeMap<String, u64>,
}

impl Flow {
    /// The label of a step.
    pub fn label(&self, step: &str, lang: Lang) -> String {
        step_label(Some(&self.definition), step, lang)
    }

    /// A sentence on a step that needs attention.
    pub fn sentence(&self, finding: &Finding, lang: Lang) -> Option<String> {
        let step = self.steps.iter().find(|step| step.step == finding.step)?;
        Some(summary(lang, &self.label(&step.step, lang), step, finding.why, self.period))
    }

    /// A sentence on the step where most sagas wait, while no step needs attention.
    pub fn calm_sentence(&self, lang: Lang) -> Option<String> {
        let step = self.steps.iter().filter(|step| step.now > 0).max_by_key(|step| step.now)?;
        Some(calm_summary(lang, &self.label(&step.step, lang), step))
    }

    /// The heat of a step, 0 to 5.
    pub fn heat(&self, step: &str) -> u8 {
        self.ranking.heat.get(step).copied().unwrap_or(0)
    }

    /// Returns true if the step needs attention most.
    pub fn offends(&self, step: &str) -> bool {
        self.ranking.first().is_some_and(|first| first.step == step)
    }
}

/// The definition with the most sagas; of several, and before there are any, the one with the most steps.
fn default_definition(definitions: &Definitions, totals: &[Total]) -> Option<String> {
    let mut counts: BTreeMap<&str, u64> = definitions.all().map(|definition| (definition.name.as_str(), 0)).collect();
    for total in totals {
        *counts.entry(&total.definition).or_default() += total.count;
    }
    let steps = |name: &str| {
        let versions = definitions.all().filter(|definition| definition.name == name);
        versions.map(|definition| definition.steps.len()).max()
    };
    let largest = counts.into_iter().max_by_key(|(name, count)| (*count, steps(name)));
    largest.map(|(name, _)| name.to_owned())
}

impl Api {
    /// The statistics of a definition's version. Defaults to the definition with the most sagas, and its newest
    /// version.
    pub(crate) async fn flow(
        &self,
        name: Option<String>,
        version: Option<u32>,
        period: Period,
    ) -> Result<Flow, ApiError> {
        let totals = self.totals().await?;
        let definition = self.definition_or_default(name, version, &totals).await?;
        let at = Timestamp::now().0;
        let recent = self.recent(&definition, period, at).await?;
        let history = self.recent(&definition, Period::Last(Window::Week), at).await?;
        let current = self.current(&definition, at, history.clone()).await?;
        let names = || definition.steps.iter().map(|step| step.name.as_str()).chain([CONCLUDE]);
        let known = Known { recent: &recent, history: &history, current: &current };
        let mut steps = stats::step_stats(names(), known);
        if period.is_past(at) {
            let past = stats::step_stats(names(), Known { current: &BTreeMap::new(), ..known });
            steps = past.into_iter().zip(&steps).map(|(past, present)| past.with_present(present)).collect();
        }
        let own = totals.into_iter().filter(|t| t.definition == definition.name && t.version == definition.version);
        let sagas = own.map(|total| (total.status, total.count)).collect();
        let ranking = stats::rank(&steps);
        Ok(Flow { definition, period, steps, ranking, sagas })
    }

    /// A definition; without a name the one with the most sagas, without a version its newest one.
    pub(super) async fn definition_or_default(
        &self,
        name: Option<String>,
        version: Option<u32>,
        totals: &[Total],
    ) -> Result<Arc<Definition>, ApiError> {
        let name = name.or_else(|| default_definition(&self.definitions, totals)).unwrap_or_default();
        self.find_definition(&name, version).await
    }

    /// A definition; without a version, its newest one.
    pub(crate) async fn find_definition(&self, name: &str, version: Option<u32>) -> Result<Arc<Definition>, ApiError> {
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

    async fn recent(&self, definition: &Definition, period: Period, at: i64) -> Result<RecentSteps, Problem> {
        let name = definition.name.clone();
        let version = definition.version;
        let key = CacheKey { definition: name.clone(), version, period };
        if let Some(recent) = self.cache.recent(&key) {
            return Ok(recent);
        }
        let minutes = period.minutes(at);
        let read = move |connection: &rusqlite::Connection| stats::recent(connection, &name, version, minutes);
        let recent = Arc::new(self.context.view.read(read).await?);
        self.cache.put_recent(key, recent.clone());
        Ok(recent)
    }

    /// The present waits, compared with the history of the steps.
    async fn current(&self, definition: &Definition, at: i64, history: RecentSteps) -> Result<CurrentSteps, Problem> {
        let key = (definition.name.clone(), definition.version);
        if let Some(current) = self.cache.current(&key) {
            return Ok(current);
        }
        let (name, version) = key.clone();
        let read = move |connection: &rusqlite::Connection| stats::current(connection, &name, version, at, &history);
        let current = Arc::new(self.context.view.read(read).await?);
        self.cache.put_current(key, current.clone());
        Ok(current)
    }
}

/// `?definition=order&version=1&window=1h`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowQuery {
    pub(super) definition: Option<String>,
    pub(super) version: Option<u32>,
    #[serde(default)]
    window: Window,
    from: Option<String>,
    to: Option<String>,
}

impl FlowQuery {
    /// The period in it.
    pub(super) fn period(&self, now: i64) -> Result<Period, ApiError> {
        period_of(self.window, self.from.as_deref(), self.to.as_deref(), now)
    }
}

/// `GET /api/flow`
pub(super) async fn flow(State(api): State<Api>, Params(query): Params<FlowQuery>) -> Result<Json<Value>, ApiError> {
    let now = Timestamp::now().0;
    let period = query.period(now)?;
    let minutes = period.minutes(now);
    let flow = api.flow(query.definition, query.version, period).await?;
    let steps = flow.steps.iter().map(|step| {
        let mut value = serde_json::to_value(step).unwrap_or_default();
        value["label"] = flow.label(&step.step, Lang::En).into();
        value["heat"] = flow.heat(&step.step).into();
        value
    });
    let attention = flow.ranking.findings.iter().map(|finding| {
        let sentence = flow.sentence(finding, Lang::En);
        json!({ "step": finding.step, "why": finding.why, "sentence": sentence })
    });
    Ok(Json(json!({
        "definition": flow.definition.name,
        "version": flow.definition.version,
        "window": period.window(),
        "from": Timestamp(minutes.from()).to_string(),
        "to": Timestamp(minutes.to()).to_string(),
        "viewLagMs": api.lag(),
        "sagas": flow.sagas,
        "offender": flow.ranking.first(),
        "sentence": flow.ranking.first().and_then(|first| flow.sentence(first, Lang::En)),
        "attention": attention.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
    })))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_flow_of_orders_is_shown_before_others_have_more_sagas() {
        let definitions = Definitions::load(Path::new("")).unwrap();
        let total = |name: &str, count: u64| Total {
            definition: name.to_owned(),
            version: 1,
            status: "completed".to_owned(),
            count,
        };
        let shown = |totals: &[Total]| default_definition(&definitions, totals);
        assert_eq!(shown(&[]).as_deref(), Some("order"));
        assert_eq!(shown(&[total("dispute", 1), total("order", 1)]).as_deref(), Some("order"));
        assert_eq!(shown(&[total("parcel", 2), total("order", 1)]).as_deref(), Some("parcel"));
        assert_eq!(shown(&[total("removed", 3), total("order", 1)]).as_deref(), Some("removed"));
    }
}
