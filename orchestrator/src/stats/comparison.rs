//! Two versions of a definition side by side: by which measures they differ beyond chance. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cohort::Cohort;
use super::interval::{Interval, Side};

/// From this number of ended sagas of each version on, they are compared.
pub const ENOUGH: u64 = 20;
/// A version is *no worse* if its share of completed sagas is at most this much smaller.
const MARGIN: f64 = 0.05;
/// Two versions are *as fast* if the ratio of their medians is within these limits, those usual for equivalence
/// (Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", 1987).
const AS_FAST: (f64, f64) = (0.8, 1.25);

/// Two versions. All differences are those of the new one to the old one.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The version that it is compared with.
    pub old: Arc<Cohort>,
    /// The version in question.
    pub new: Arc<Cohort>,
    /// The difference of the shares of completed sagas.
    pub completed: Interval,
    /// Of compensated sagas.
    pub compensated: Interval,
    /// Of each ending.
    pub endings: BTreeMap<String, Interval>,
    /// Of sagas that were in incident.
    pub incidents: Interval,
    /// Of sagas with retries.
    pub retried: Interval,
    /// The ratio of the median durations; `None` if one is not known.
    pub p50: Option<Interval>,
    /// The ratio of the durations within which 95 % end.
    pub p95: Option<Interval>,
}

/// The speed of the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Faster beyond chance.
    Faster,
    /// Slower beyond chance.
    Slower,
    /// About the same.
    Same,
    /// Unknown: too few sagas for a difference of this size.
    Unknown,
}

/// The endings of the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endings {
    /// More sagas complete, beyond chance.
    Better,
    /// Fewer sagas complete, beyond chance.
    Worse,
    /// Not fewer by more than a margin.
    NoWorse,
    /// Unknown: too few sagas for a difference of this size.
    Unknown,
}

impl Comparison {
    /// Compares two versions.
    pub fn new(old: Arc<Cohort>, new: Arc<Cohort>) -> Self {
        let of_ended = |count: &dyn Fn(&Cohort) -> u64| {
            let share = |cohort: &Cohort| Interval::share(count(cohort), cohort.ended);
            share(&new).minus(share(&old))
        };
        let of_all = |count: &dyn Fn(&Cohort) -> u64| {
            let share = |cohort: &Cohort| Interval::share(count(cohort), cohort.sagas);
            share(&new).minus(share(&old))
        };
        let statuses = old.endings.keys().chain(new.endings.keys());
        let endings = statuses.map(|status| (status.clone(), of_ended(&|cohort| cohort.with_ending(status)))).collect();
        let ratio = |quantile: fn(&Cohort) -> Option<Interval>| Some(quantile(&new)?.ratio(quantile(&old)?));
        Self {
            completed: of_ended(&|cohort| cohort.completed),
            compensated: of_ended(&Cohort::compensated),
            endings,
            incidents: of_all(&|cohort| cohort.with_incident),
            retried: of_all(&|cohort| cohort.with_retries),
            p50: ratio(|cohort| cohort.p50),
            p95: ratio(|cohort| cohort.p95),
            old,
            new,
        }
    }

    /// Returns true if enough sagas of each version have ended.
    pub fn has_enough(&self) -> bool {
        self.old.ended.min(self.new.ended) >= ENOUGH
    }

    /// Returns true if so many of one version are open that their endings may change the comparison.
    pub fn has_many_open(&self) -> bool {
        [&self.old, &self.new].iter().any(|cohort| cohort.open().saturating_mul(4) > cohort.ended)
    }

    /// The speed of the new version, by the median.
    pub fn speed(&self) -> Speed {
        let Some(ratio) = self.p50 else { return Speed::Unknown };
        match ratio.side(1.0) {
            Side::Below => Speed::Faster,
            Side::Above => Speed::Slower,
            Side::Around if ratio.is_within(AS_FAST.0, AS_FAST.1) => Speed::Same,
            Side::Around => Speed::Unknown,
        }
    }

    /// The endings of the new version.
    pub fn endings(&self) -> Endings {
        match self.completed.side(0.0) {
            Side::Above => Endings::Better,
            Side::Below => Endings::Worse,
            Side::Around if self.completed.low >= -MARGIN => Endings::NoWorse,
            Side::Around => Endings::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cohort::Member;
    use super::super::lifetime::Lifetime;
    use super::*;

    /// Sagas that take about so long, of which so many are not completed.
    fn cohort(version: u32, count: u64, ms: u64, refused: u64) -> Arc<Cohort> {
        let members: Vec<Member> = (0..count)
            .map(|index| Member {
                lifetime: Lifetime { ms: ms + index % 10 * ms / 20, is_over: true },
                is_completed: index >= refused,
                ending: Some(if index < refused { "rejected" } else { "confirmed" }.to_owned()),
                retries: 0,
                had_incident: false,
            })
            .collect();
        Arc::new(Cohort::of(version, &members))
    }

    #[test]
    fn a_faster_version_that_ends_alike_is_found() {
        let found = Comparison::new(cohort(3, 2_310, 1_000, 46), cohort(4, 500, 880, 10));
        assert_eq!((found.speed(), found.endings()), (Speed::Faster, Endings::NoWorse));
        assert!((found.p50.unwrap().value - 0.88).abs() < 0.01, "{:?}", found.p50);
        assert_eq!(found.endings.keys().collect::<Vec<_>>(), ["confirmed", "rejected"]);
    }

    #[test]
    fn a_version_that_refuses_more_is_worse_and_few_sagas_prove_nothing() {
        let found = Comparison::new(cohort(3, 1_000, 500, 20), cohort(4, 300, 900, 60));
        assert_eq!((found.speed(), found.endings()), (Speed::Slower, Endings::Worse));
        let found = Comparison::new(cohort(3, 25, 500, 2), cohort(4, 25, 500, 4));
        assert_eq!(found.endings(), Endings::Unknown, "{:?}", found.completed);
        assert!(found.has_enough() && !Comparison::new(cohort(3, 12, 1, 0), cohort(4, 300, 1, 0)).has_enough());
    }

    proptest! {
        #[test]
        fn a_version_does_not_differ_from_itself(count in 1..400_u64, ms in 1..10_000_u64, refused in 0..50_u64) {
            let one = cohort(3, count, ms, refused);
            let found = Comparison::new(one.clone(), one);
            prop_assert!(matches!(found.speed(), Speed::Same | Speed::Unknown));
            prop_assert!(matches!(found.endings(), Endings::NoWorse | Endings::Unknown));
            prop_assert_eq!((found.completed.value, found.incidents.side(0.0)), (0.0, Side::Around));
        }

        #[test]
        fn the_reverse_comparison_has_the_reverse_result(
            a in (20..400_u64, 1..5_000_u64, 0..20_u64), b in (20..400_u64, 1..5_000_u64, 0..20_u64),
        ) {
            let first = cohort(3, a.0, a.1, a.2);
            let second = cohort(4, b.0, b.1, b.2);
            let found = Comparison::new(first.clone(), second.clone());
            let reverse = Comparison::new(second, first);
            prop_assert_eq!(found.speed() == Speed::Faster, reverse.speed() == Speed::Slower);
            prop_assert_eq!(found.endings() == Endings::Better, reverse.endings() == Endings::Worse);
        }
    }
}
