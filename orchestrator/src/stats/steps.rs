//! The statistics of a step, for the API and the dashboard.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::Histogram;

/// The outcomes at a step in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// Started.
    pub started: u64,
    /// Done.
    pub done: u64,
    /// Refused.
    pub refused: u64,
    /// Failed after all retries.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Abandoned because the saga started to compensate.
    pub abandoned: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// The durations of the steps that ended.
    pub times: Histogram,
}

/// The sagas that wait at a step now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Current {
    /// All sagas.
    pub count: u64,
    /// Those waiting for the next attempt.
    pub retrying: u64,
    /// Those compensating the step.
    pub undoing: u64,
    /// Those waiting for an operator.
    pub stuck: u64,
    /// When the longest wait started, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// The sum of their waits, in milliseconds.
    pub waited: i64,
}

/// A step's statistics, for the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStats {
    /// Its name.
    pub step: String,
    /// Sagas that wait at the step now.
    pub now: u64,
    /// Those waiting for the next attempt.
    pub retrying: u64,
    /// Those compensating the step.
    pub undoing: u64,
    /// Those waiting for an operator.
    pub in_incident: u64,
    /// The longest wait, in milliseconds.
    pub oldest_wait_ms: Option<i64>,
    /// Started in the window.
    pub started: u64,
    /// Done in the window.
    pub done: u64,
    /// Refused in the window.
    pub refused: u64,
    /// Failed in the window, after all retries.
    pub failed: u64,
    /// Timed out in the window.
    pub timed_out: u64,
    /// Abandoned in the window because the saga started to compensate.
    pub abandoned: u64,
    /// Attempts after the first, of the steps that ended in the window.
    pub retried: u64,
    /// The median duration, in milliseconds.
    pub p50_ms: Option<u64>,
    /// The 95th percentile, in milliseconds.
    pub p95_ms: Option<u64>,
    /// The 99th percentile, in milliseconds.
    pub p99_ms: Option<u64>,
    /// Its share of the wait time of all steps, 0 to 1.
    pub share_of_waiting: f64,
}

impl StepStats {
    /// The number that ended in the window, with any outcome.
    pub const fn ended(&self) -> u64 {
        self.done + self.refused + self.failed + self.timed_out + self.abandoned
    }

    /// `part` of the number that ended, in percent.
    pub fn percent(&self, part: u64) -> f64 {
        if self.ended() == 0 { 0.0 } else { part as f64 * 100.0 / self.ended() as f64 }
    }
}

/// The statistics of each of `steps`, in their order; `at` is the time of `now`, in milliseconds since 1970.
pub fn step_stats<'s>(
    steps: impl Iterator<Item = &'s str>,
    recent: &BTreeMap<String, Recent>,
    now: &BTreeMap<String, Current>,
    at: i64,
) -> Vec<StepStats> {
    let no_recent = Recent::default();
    let no_current = Current::default();
    let mut all: Vec<(StepStats, f64)> = steps
        .map(|step| {
            let past = recent.get(step).unwrap_or(&no_recent);
            let here = now.get(step).unwrap_or(&no_current);
            let waited = past.times.total() + here.waited.max(0) as f64;
            (one(step, past, here, at), waited)
        })
        .collect();
    let whole: f64 = all.iter().map(|(_, waited)| waited).sum();
    for (step, waited) in &mut all {
        step.share_of_waiting = if whole > 0.0 { *waited / whole } else { 0.0 };
    }
    all.into_iter().map(|(step, _)| step).collect()
}

fn one(step: &str, past: &Recent, here: &Current, at: i64) -> StepStats {
    StepStats {
        step: step.to_owned(),
        now: here.count,
        retrying: here.retrying,
        undoing: here.undoing,
        in_incident: here.stuck,
        oldest_wait_ms: here.oldest.map(|since| at.saturating_sub(since).max(0)),
        started: past.started,
        done: past.done,
        refused: past.refused,
        failed: past.failed,
        timed_out: past.timed_out,
        abandoned: past.abandoned,
        retried: past.retried,
        p50_ms: past.times.quantile(0.5),
        p95_ms: past.times.quantile(0.95),
        p99_ms: past.times.quantile(0.99),
        share_of_waiting: 0.0,
    }
}

/// The heat level of a step, 0 to 5, by its share of the wait time.
pub fn heat(share: f64) -> u8 {
    let levels = [0.02, 0.08, 0.2, 0.4, 0.65];
    (0..).zip(levels).filter(|(_, least)| share >= *least).count().try_into().unwrap_or(5)
}
