//! `GET /api/flow/history`: the waits at each step of a definition's version over time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, Problem};
use common::time::Timestamp;
use saga::Definition;
use serde_json::{Value, json};

use super::cache::CacheKey;
use super::flow::FlowQuery;
use super::state::Api;
use crate::error::ApiError;
use crate::i18n::{Lang, step_label};
use crate::stats::{self, FlowHistory, Period, StepHistory};

/// The most points of a course.
const MAX_POINTS: usize = 60;

/// `GET /api/flow/history?definition=order&version=5&from=…&to=…`
pub(super) async fn history(State(api): State<Api>, Params(query): Params<FlowQuery>) -> Result<Json<Value>, ApiError> {
    let period = query.period(Timestamp::now().0)?;
    let totals = api.totals().await?;
    let definition = api.definition_or_default(query.definition, query.version, &totals).await?;
    let history = api.flow_history(&definition, period).await?;
    let time = |ms: i64| saga::Timestamp(ms).to_string();
    let point = |step: &StepHistory, index: usize| {
        json!({
            "at": time(history.time(index)),
            "waiting": step.waiting.get(index),
            "p50Ms": step.p50.get(index),
            "p95Ms": step.p95.get(index),
        })
    };
    let step = |(name, step): (&String, &StepHistory)| {
        let points: Vec<Value> = (0..step.waiting.len()).map(|index| point(step, index)).collect();
        json!({ "step": name, "label": step_label(Some(&definition), name, Lang::En), "points": points })
    };
    Ok(Json(json!({
        "definition": definition.name,
        "version": definition.version,
        "from": time(history.minutes.from()),
        "to": time(history.minutes.to()),
        "minutesPerPoint": history.width,
        "steps": history.steps.iter().map(step).collect::<Vec<_>>(),
        "viewLagMs": api.lag(),
    })))
}

impl Api {
    /// The waits at each step over a period.
    pub(crate) async fn flow_history(
        &self,
        definition: &Definition,
        period: Period,
    ) -> Result<Arc<FlowHistory>, ApiError> {
        let name = definition.name.clone();
        let version = definition.version;
        let key = CacheKey { definition: name.clone(), version, period };
        if let Some(history) = self.cache.history(&key) {
            return Ok(history);
        }
        let minutes = period.minutes(Timestamp::now().0);
        let read = move |connection: &rusqlite::Connection| {
            stats::flow_history(connection, &name, version, minutes, MAX_POINTS)
        };
        let history = Arc::new(self.context.view.read(read).await.map_err(Problem::from)?);
        self.cache.put_history(key, history.clone());
        Ok(history)
    }
}
