//! The step an operator should look at first, and why: a plain rule, since operators act on it.

use serde::Serialize;

use super::steps::StepStats;

/// Failures from this percentage of ended steps are reported.
const MANY_FAIL: f64 = 5.0;
/// Shorter waits are never reported, in milliseconds.
const LONG: i64 = 10_000;

/// A step that needs attention, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "why")]
pub enum Offender {
    /// Sagas are in incident at the step.
    Incidents {
        /// The step.
        step: String,
    },
    /// At least 5 % of the executions fail or time out.
    Fails {
        /// The step.
        step: String,
    },
    /// Its attempts are failing now.
    Retries {
        /// The step.
        step: String,
    },
    /// A saga has waited for more than twice the 95th percentile.
    Slow {
        /// The step.
        step: String,
    },
}

impl Offender {
    /// The step.
    pub fn step(&self) -> &str {
        match self {
            Self::Incidents { step } | Self::Fails { step } | Self::Retries { step } | Self::Slow { step } => step,
        }
    }
}

/// The step that needs attention most; among several of one kind, the one with the highest number.
pub fn offender(steps: &[StepStats]) -> Option<Offender> {
    let most = |of: &dyn Fn(&StepStats) -> u64| {
        let worst = steps.iter().filter(|step| of(step) > 0).max_by_key(|step| of(step));
        worst.map(|step| step.step.clone())
    };
    let lost = |step: &StepStats| step.failed + step.timed_out;
    let fails = |step: &StepStats| if step.percent(lost(step)) >= MANY_FAIL { lost(step) } else { 0 };
    let slow = |step: &StepStats| {
        let usual = step.p95_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
        let oldest = step.oldest_wait_ms.filter(|oldest| *oldest > LONG.max(usual.saturating_mul(2)));
        oldest.map_or(0, i64::unsigned_abs)
    };
    most(&|step| step.in_incident)
        .map(|step| Offender::Incidents { step })
        .or_else(|| most(&fails).map(|step| Offender::Fails { step }))
        .or_else(|| most(&|step| step.retrying).map(|step| Offender::Retries { step }))
        .or_else(|| most(&slow).map(|step| Offender::Slow { step }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> StepStats {
        StepStats { step: name.to_owned(), started: 100, done: 100, p95_ms: Some(2_000), ..StepStats::default() }
    }

    #[test]
    fn incidents_come_before_failures_and_failures_before_slow_steps() {
        let mut steps = vec![step("a"), step("b"), step("c"), step("d")];
        assert_eq!(offender(&steps), None, "no problem");
        steps[3].oldest_wait_ms = Some(9_000);
        assert_eq!(offender(&steps), None, "nine seconds are short");
        steps[3].oldest_wait_ms = Some(60_000);
        assert_eq!(offender(&steps), Some(Offender::Slow { step: "d".to_owned() }));
        steps[2].retrying = 1;
        assert_eq!(offender(&steps), Some(Offender::Retries { step: "c".to_owned() }));
        steps[1].timed_out = 4;
        assert_eq!(offender(&steps).unwrap().step(), "c", "4 % is below the limit");
        steps[1].timed_out = 8;
        assert_eq!(offender(&steps), Some(Offender::Fails { step: "b".to_owned() }));
        steps[0].in_incident = 1;
        assert_eq!(offender(&steps), Some(Offender::Incidents { step: "a".to_owned() }));
    }
}
