//! `GET /api/definitions/{name}/compare`: two versions of a definition side by side.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use common::http::{Params, PathParams, Problem};
use common::time::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cache::CacheKey;
use super::state::Api;
use crate::error::ApiError;
use crate::i18n::Lang;
use crate::stats::{self, COHORT_LIMIT, Cohort, Comparison, Interval, Period, Window};

/// `?from=3&to=4&window=24h`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareQuery {
    from: u32,
    to: u32,
    #[serde(default = "default_window")]
    window: Window,
}

const fn default_window() -> Window {
    Window::Day
}

impl Api {
    /// Compares the sagas of two versions that started in a period.
    pub(crate) async fn compare(&self, name: &str, from: u32, to: u32, period: Period) -> Result<Comparison, ApiError> {
        if from == to {
            return Err(ApiError::bad_request(
                format!("from and to are both {from}: name two versions"),
                format!("from e to são ambos {from}: informe duas versões"),
            ));
        }
        for version in [from, to] {
            self.find_definition(name, Some(version)).await?;
        }
        Ok(Comparison::new(self.cohort(name, from, period).await?, self.cohort(name, to, period).await?))
    }

    async fn cohort(&self, name: &str, version: u32, period: Period) -> Result<Arc<Cohort>, Problem> {
        let key = CacheKey { definition: name.to_owned(), version, period };
        if let Some(cohort) = self.cache.cohort(&key) {
            return Ok(cohort);
        }
        let now = Timestamp::now().0;
        let minutes = period.minutes(now);
        let definition = name.to_owned();
        let read =
            move |connection: &rusqlite::Connection| stats::cohort(connection, &definition, version, minutes, now);
        let cohort = Arc::new(self.context.view.read(read).await?);
        self.cache.put_cohort(key, cohort.clone());
        Ok(cohort)
    }
}

/// `GET /api/definitions/{name}/compare`
pub(super) async fn compare(
    State(api): State<Api>,
    PathParams(name): PathParams<String>,
    Params(query): Params<CompareQuery>,
) -> Result<Json<Value>, ApiError> {
    let period = Period::Last(query.window);
    let found = api.compare(&name, query.from, query.to, period).await?;
    let minutes = period.minutes(Timestamp::now().0);
    let endings: Map<String, Value> =
        found.endings.iter().map(|(status, difference)| (status.clone(), json!(difference))).collect();
    Ok(Json(json!({
        "definition": name,
        "window": query.window,
        "since": Timestamp(minutes.from()).to_string(),
        "enough": found.has_enough(),
        "sentence": Lang::En.comparison(&found),
        "versions": [version(&found.old), version(&found.new)],
        "differences": {
            "completed": found.completed,
            "compensated": found.compensated,
            "endings": endings,
            "incidents": found.incidents,
            "retried": found.retried,
            "p50Ratio": found.p50,
            "p95Ratio": found.p95,
        },
        "most": COHORT_LIMIT,
        "viewLagMs": api.lag(),
    })))
}

fn version(cohort: &Cohort) -> Value {
    let of_ended = |count| share(count, cohort.ended);
    let of_all = |count| share(count, cohort.sagas);
    let endings: Map<String, Value> =
        cohort.endings.iter().map(|(status, count)| (status.clone(), of_ended(*count))).collect();
    json!({
        "version": cohort.version,
        "sagas": cohort.sagas,
        "ended": cohort.ended,
        "open": cohort.open(),
        "cut": cohort.is_cut,
        "completed": of_ended(cohort.completed),
        "compensated": of_ended(cohort.compensated()),
        "endings": endings,
        "incidents": of_all(cohort.with_incident),
        "retried": of_all(cohort.with_retries),
        "retriesPerSaga": cohort.retries_per_saga(),
        "p50Ms": cohort.p50,
        "p95Ms": cohort.p95,
    })
}

/// A count with its share and the interval of that.
fn share(count: u64, of: u64) -> Value {
    let Interval { low, value, high } = Interval::share(count, of);
    json!({ "count": count, "of": of, "share": value, "low": low, "high": high })
}
