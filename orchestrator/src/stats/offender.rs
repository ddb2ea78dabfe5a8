//! Which step stands out: the one to look at first, and why. A rule that can be read, since people act on it.

use serde::Serialize;

use super::StepStats;

/// From this share on of those that came out, failing is more than bad luck.
const MANY_FAIL: f64 = 5.0;
/// A wait is long from here on, whatever is usual.
const LONG: i64 = 10_000;

/// The step that stands out, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "why")]
pub enum Offender {
    /// Sagas stopped there, and wait for an operator.
    Incidents {
        /// Which step.
        step: String,
    },
    /// It fails, or is not answered in time, for five or more of a hundred.
    Fails {
        /// Which step.
        step: String,
    },
    /// Its attempts fail right now.
    Retries {
        /// Which step.
        step: String,
    },
    /// Somebody waits there for twice as long as nearly everybody did.
    Slow {
        /// Which step.
        step: String,
    },
}

impl Offender {
    /// Which step.
    pub fn step(&self) -> &str {
        match self {
            Self::Incidents { step } | Self::Fails { step } | Self::Retries { step } | Self::Slow { step } => step,
        }
    }
}

/// The step that stands out most; of several of a kind the one with more of it.
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
    fn what_stops_sagas_stands_out_before_what_fails_and_what_is_slow() {
        let mut steps = vec![step("a"), step("b"), step("c"), step("d")];
        assert_eq!(offender(&steps), None, "all is well");
        steps[3].oldest_wait_ms = Some(9_000);
        assert_eq!(offender(&steps), None, "nine seconds are no time");
        steps[3].oldest_wait_ms = Some(60_000);
        assert_eq!(offender(&steps), Some(Offender::Slow { step: "d".to_owned() }));
        steps[2].retrying = 1;
        assert_eq!(offender(&steps), Some(Offender::Retries { step: "c".to_owned() }));
        steps[1].timed_out = 4;
        assert_eq!(offender(&steps).unwrap().step(), "c", "four of a hundred");
        steps[1].timed_out = 8;
        assert_eq!(offender(&steps), Some(Offender::Fails { step: "b".to_owned() }));
        steps[0].in_incident = 1;
        assert_eq!(offender(&steps), Some(Offender::Incidents { step: "a".to_owned() }));
    }
}
