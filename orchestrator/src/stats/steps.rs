//! The statistics of a step, for the API and the dashboard.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::{Histogram, bucket};

/// Shorter waits are never overdue, in milliseconds.
const SHORT: i64 = 10_000;
/// A wait is overdue after this time, in milliseconds, at a step with less than [`MIN_HISTORY`] answers.
const UNKNOWN: i64 = 60_000;
/// The number of answers from which a step's history counts.
const MIN_HISTORY: u64 = 5;
/// A wait that is overdue by more than this factor counts as overdue by it.
const MOST_OVERDUE: f64 = 10.0;
/// A saga in incident counts as overdue by this factor from its start: it does not continue by itself.
const INCIDENT: f64 = 5.0;
/// A longer wait counts as this one, in milliseconds, so that an old one does not hide a new outage.
const LONGEST: i64 = 30 * 60_000;

/// The kinds of errors that are counted.
const ERRORS: usize = 16;

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
    /// The durations of the steps that were done or refused.
    pub answered_times: Histogram,
    /// The durations of the steps that failed or timed out.
    pub lost_times: Histogram,
    /// The durations of the abandoned steps. They end at an unrelated event, so they are only lower bounds.
    pub abandoned_times: Histogram,
}

impl Recent {
    /// The usual longest wait, in milliseconds: the 90th percentile of the answered steps; `None` if there are few.
    pub fn usual_ms(&self) -> Option<u64> {
        self.answered_times.quantile(0.9).filter(|_| self.answered_times.count() >= MIN_HISTORY)
    }

    /// The time after which a wait at the step is overdue, in milliseconds, if this is its long history: twice the
    /// usual longest wait, and at least ten seconds.
    pub fn overdue_after(&self) -> i64 {
        let twice = |usual: u64| i64::try_from(usual).unwrap_or(i64::MAX).saturating_mul(2).max(SHORT);
        self.usual_ms().map_or(UNKNOWN, twice)
    }
}

/// A saga that waits at a step now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentWait {
    /// How long it has waited, in milliseconds.
    pub waited: i64,
    /// The state of the step.
    pub state: WaitState,
    /// The outcome of its last attempt.
    pub attempts: Attempts,
}

/// The state of a step that a saga waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitState {
    /// An attempt is in flight, or a callback is awaited.
    Running,
    /// The next attempt follows.
    Retrying,
    /// The step is being compensated.
    Compensating,
    /// An operator has to act.
    Stuck,
}

/// The attempts of a step that a saga waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// No attempt has failed.
    First,
    /// The last attempt that ended failed.
    Failed,
    /// The last attempt that ended timed out.
    TimedOut,
}

/// The sagas that wait at a step now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Current {
    /// All sagas.
    pub count: u64,
    /// Those waiting for the next attempt.
    pub retrying: u64,
    /// Those of which an attempt has failed, in flight or waiting for the next one.
    pub failing: u64,
    /// Those of which the last attempt timed out.
    pub unanswered: u64,
    /// Those compensating the step.
    pub undoing: u64,
    /// Those waiting for an operator.
    pub stuck: u64,
    /// Those that have waited for longer than is usual, without those waiting for an operator.
    pub overdue: u64,
    /// The longest wait, in milliseconds.
    pub oldest: Option<i64>,
    /// The waits so far.
    pub times: Histogram,
    /// The errors of failing attempts and incidents, with the number of sagas.
    pub errors: BTreeMap<String, u64>,
    /// The sum of the waits of the sagas that are overdue, failing or stuck, each half an hour at most, multiplied by
    /// how overdue it is.
    pub harm: f64,
}

impl Current {
    /// Counts an error; further kinds of errors than the first `ERRORS` are not counted.
    pub fn add_error(&mut self, error: &str) {
        if let Some(count) = self.errors.get_mut(error) {
            *count += 1;
        } else if self.errors.len() < ERRORS {
            self.errors.insert(error.to_owned(), 1);
        }
    }

    /// Adds a saga; waits at the step are overdue after `overdue_after` milliseconds.
    pub fn add(&mut self, wait: CurrentWait, overdue_after: i64) {
        let waited = wait.waited.max(0);
        self.count += 1;
        self.times.add(bucket(waited.unsigned_abs()), 1);
        self.oldest = self.oldest.max(Some(waited));
        let stuck = wait.state == WaitState::Stuck;
        let undoing = wait.state == WaitState::Compensating;
        let overdue = !stuck && waited > overdue_after;
        let failing = !stuck && !undoing && wait.attempts != Attempts::First;
        self.retrying += u64::from(wait.state == WaitState::Retrying);
        self.undoing += u64::from(undoing);
        self.stuck += u64::from(stuck);
        self.overdue += u64::from(overdue);
        self.failing += u64::from(failing);
        self.unanswered += u64::from(failing && wait.attempts == Attempts::TimedOut);
        if stuck || overdue || failing {
            let factor = waited as f64 / overdue_after.max(1) as f64;
            let factor = if stuck { INCIDENT } else { factor.clamp(1.0, MOST_OVERDUE) };
            // A saga that has just stopped counts, too.
            self.harm += waited.clamp(1, LONGEST) as f64 * factor;
        }
    }
}

/// A step's statistics, for the API. The sagas that wait at the step are part of the rates and the percentiles, since
/// those of the ended ones alone look best when nothing ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStats {
    /// Its name.
    pub step: String,
    /// Sagas that wait at the step now.
    pub now: u64,
    /// Those waiting for the next attempt.
    pub retrying: u64,
    /// Those of which an attempt has failed.
    pub failing: u64,
    /// Those of which the last attempt timed out.
    pub unanswered: u64,
    /// Those compensating the step.
    pub undoing: u64,
    /// Those waiting for an operator.
    pub in_incident: u64,
    /// Those that have waited for longer than `overdue_after_ms`, without those waiting for an operator.
    pub overdue: u64,
    /// The time after which a wait is overdue, in milliseconds: from the step's own history of seven days.
    pub overdue_after_ms: i64,
    /// The usual longest wait of that history, in milliseconds; `None` if it is too short.
    pub usual_ms: Option<u64>,
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
    /// Attempts after the first, of the steps that ended in the window, and at least one for each failing one.
    pub retried: u64,
    /// The share that failed, timed out, is failing or in incident, of the sagas that ended or wait, in percent.
    pub failure_percent: f64,
    /// The share that was refused, of the same sagas, in percent.
    pub refusal_percent: f64,
    /// The median duration, in milliseconds. A percentile that depends on the present waits is the longest of them.
    pub p50_ms: Option<u64>,
    /// The 95th percentile, in milliseconds.
    pub p95_ms: Option<u64>,
    /// The 99th percentile, in milliseconds.
    pub p99_ms: Option<u64>,
    /// Its share of the wait time of all steps, 0 to 1.
    pub share_of_waiting: f64,
    /// The most frequent error of its failing attempts and incidents.
    pub error: Option<String>,
    /// The wait time of its sagas in trouble, multiplied by how overdue they are, in milliseconds.
    #[serde(skip)]
    pub harm: f64,
}

impl StepStats {
    /// The sagas that ended at the step in the window, or wait at it now. Abandoned steps are left out:
    /// they show nothing about their participant.
    pub const fn seen(&self) -> u64 {
        self.done + self.refused + self.failed + self.timed_out + self.now
    }

    /// Those that failed, timed out, are failing or in incident.
    pub const fn lost(&self) -> u64 {
        self.failed + self.timed_out + self.failing + self.in_incident
    }

    /// The same statistics of a past period, with the sagas that wait now. They are not part of its rates.
    #[must_use]
    pub fn with_present(self, present: &Self) -> Self {
        Self {
            now: present.now,
            retrying: present.retrying,
            failing: present.failing,
            unanswered: present.unanswered,
            undoing: present.undoing,
            in_incident: present.in_incident,
            overdue: present.overdue,
            oldest_wait_ms: present.oldest_wait_ms,
            error: present.error.clone(),
            harm: present.harm,
            ..self
        }
    }

    /// `part` of the sagas seen, in percent.
    fn percent(&self, part: u64) -> f64 {
        if self.seen() == 0 { 0.0 } else { part as f64 * 100.0 / self.seen() as f64 }
    }
}

/// What is known of a definition's steps, by step.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The outcomes in the window.
    pub recent: &'a BTreeMap<String, Recent>,
    /// The outcomes in the history against which waits are compared.
    pub history: &'a BTreeMap<String, Recent>,
    /// The present waits.
    pub current: &'a BTreeMap<String, Current>,
}

/// The statistics of each of `steps`, in their order.
pub fn step_stats<'s>(steps: impl Iterator<Item = &'s str>, known: Known<'_>) -> Vec<StepStats> {
    let none = Recent::default();
    let no_current = Current::default();
    let mut all: Vec<(StepStats, f64)> = steps
        .map(|step| {
            let past = known.recent.get(step).unwrap_or(&none);
            let here = known.current.get(step).unwrap_or(&no_current);
            let times = [&past.answered_times, &past.lost_times, &past.abandoned_times, &here.times];
            let waited = times.into_iter().map(Histogram::total).sum();
            (stats_of(step, past, known.history.get(step).unwrap_or(&none), here), waited)
        })
        .collect();
    let whole: f64 = all.iter().map(|(_, waited)| waited).sum();
    for (step, waited) in &mut all {
        step.share_of_waiting = if whole > 0.0 { *waited / whole } else { 0.0 };
    }
    all.into_iter().map(|(step, _)| step).collect()
}

fn stats_of(step: &str, past: &Recent, history: &Recent, here: &Current) -> StepStats {
    let mut ended = past.answered_times.clone();
    ended.merge(&past.lost_times);
    let mut open = past.abandoned_times.clone();
    open.merge(&here.times);
    let longest = here.oldest.map(i64::unsigned_abs);
    let quantile = |of| ended.quantile_with_open(&open, of).or(longest);
    let mut stats = StepStats {
        step: step.to_owned(),
        now: here.count,
        retrying: here.retrying,
        failing: here.failing,
        unanswered: here.unanswered,
        undoing: here.undoing,
        in_incident: here.stuck,
        overdue: here.overdue,
        overdue_after_ms: history.overdue_after(),
        usual_ms: history.usual_ms(),
        oldest_wait_ms: here.oldest,
        started: past.started,
        done: past.done,
        refused: past.refused,
        failed: past.failed,
        timed_out: past.timed_out,
        abandoned: past.abandoned,
        retried: past.retried + here.failing,
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        error: here.errors.iter().max_by_key(|(_, count)| **count).map(|(error, _)| error.clone()),
        harm: here.harm,
        ..StepStats::default()
    };
    stats.failure_percent = stats.percent(stats.lost());
    stats.refusal_percent = stats.percent(stats.refused);
    stats
}
