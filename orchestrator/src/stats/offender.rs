//! The steps an operator should look at first, and why: a plain rule, since operators act on it. What harms customers
//! now comes before what failed before, and the colours of the diagram are part of the ranking, so that they never
//! contradict the headline.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::steps::StepStats;

/// Failures from this percentage of the sagas at a step are reported.
const MANY_FAIL: f64 = 5.0;
/// The number of steps that are listed.
const LISTED: usize = 3;
/// The heat of the first step.
const HOTTEST: u8 = 5;

/// Why a step needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// Sagas are in incident at the step.
    Incidents,
    /// Sagas wait for longer than is usual at the step.
    Slow,
    /// Attempts are failing now.
    Retries,
    /// No saga waits for too long, but many failed in the window.
    Fails,
}

impl Why {
    /// Returns true if customers wait because of it now.
    pub const fn is_present(self) -> bool {
        match self {
            Self::Incidents | Self::Slow | Self::Retries => true,
            Self::Fails => false,
        }
    }
}

/// A step that needs attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The step.
    pub step: String,
    /// The reason.
    pub why: Why,
    /// The rank among findings of its kind, present or past.
    #[serde(skip)]
    score: f64,
}

/// The steps by the attention that they need.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// The first steps, at most three.
    pub findings: Vec<Finding>,
    /// The heat of each step, 0 to 5. The first finding has 5, and a step that is no finding 2 at most.
    pub heat: BTreeMap<String, u8>,
}

impl Ranking {
    /// The step that needs attention most.
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

/// Ranks steps: those where sagas wait for too long, fail or are in incident now, by the time they have waited and how
/// overdue that is; then those where many failed in the window.
pub fn rank(steps: &[StepStats]) -> Ranking {
    let mut all: Vec<Finding> = steps.iter().filter_map(finding).collect();
    all.sort_by(|a, b| {
        let present = b.why.is_present().cmp(&a.why.is_present());
        present.then(b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal))
    });
    let heat = steps.iter().map(|step| (step.step.clone(), heat(step, &all))).collect();
    all.truncate(LISTED);
    Ranking { findings: all, heat }
}

fn finding(step: &StepStats) -> Option<Finding> {
    let of = |why, score| Some(Finding { step: step.step.clone(), why, score });
    if step.in_incident > 0 && step.in_incident >= step.overdue.max(step.failing) {
        of(Why::Incidents, step.harm)
    } else if step.overdue > 0 {
        of(Why::Slow, step.harm)
    } else if step.in_incident > 0 {
        of(Why::Incidents, step.harm)
    } else if step.failing > 0 {
        of(Why::Retries, step.harm)
    } else if step.failure_percent >= MANY_FAIL {
        of(Why::Fails, step.lost() as f64)
    } else {
        None
    }
}

fn heat(step: &StepStats, all: &[Finding]) -> u8 {
    let calm = if step.share_of_waiting >= 0.4 { 2 } else { u8::from(step.share_of_waiting >= 0.08) };
    let Some(place) = all.iter().position(|finding| finding.step == step.step) else {
        return if all.is_empty() { calm } else { calm.min(1) };
    };
    match (all.first(), all.get(place)) {
        _ if place == 0 => HOTTEST,
        (Some(first), Some(own)) if first.why.is_present() == own.why.is_present() => {
            if own.score * 2.0 >= first.score { 4 } else { 3 }
        }
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
