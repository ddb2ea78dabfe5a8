//! Quantiles of durations of which some are not over yet, with their intervals. Pure.

use super::interval::{Interval, Z};

/// A duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime {
    /// In milliseconds; so far, if it is not over.
    pub ms: u64,
    /// True if it is over.
    pub is_over: bool,
}

/// Differences below this come from rounding.
const ROUNDING: f64 = 1e-9;

/// The quantile `of` (0 to 1) of sorted durations, in milliseconds: the estimate of Kaplan and Meier (1958), without an
/// assumption on the distribution. The interval has the durations at which the share that is over is not significantly
/// different from `of` (Brookmeyer and Crowley, "A confidence interval for the median survival time", 1982), with the
/// effective number of durations of Dorey and Korn ("Effective sample sizes for confidence intervals for survival
/// probabilities", 1987). If all are over, that is their number, and the bounds are the order statistics of the
/// binomial distribution. `None` if too few are over.
pub fn quantile(sorted: &[Lifetime], of: f64) -> Option<Interval> {
    let mut at_risk = sorted.len() as f64;
    let mut surviving = 1.0;
    // Greenwood's sum: the variance of `surviving`, divided by its square.
    let mut variance = 0.0;
    let mut effective = at_risk;
    let mut low = None;
    let mut value = None;
    for same in sorted.chunk_by(|a, b| a.ms == b.ms) {
        let over = same.iter().filter(|lifetime| lifetime.is_over).count() as f64;
        if over > 0.0 {
            surviving *= 1.0 - over / at_risk;
            if at_risk > over {
                variance += over / (at_risk * (at_risk - over));
                effective = (1.0 - surviving) / (surviving * variance);
            }
            let ms = same.first()?.ms as f64;
            let reached = 1.0 - surviving + ROUNDING;
            let margin = Z * (of * (1.0 - of) / effective).sqrt();
            if reached >= of - margin {
                low.get_or_insert(if of <= margin { 0.0 } else { ms });
            }
            if reached >= of {
                value.get_or_insert(ms);
            }
            if reached - 2.0 * ROUNDING > of + margin {
                return Some(Interval { low: low?, value: value?, high: ms });
            }
        }
        at_risk -= same.len() as f64;
    }
    Some(Interval { low: low?, value: value?, high: f64::INFINITY })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn over(ms: u64) -> Lifetime {
        Lifetime { ms, is_over: true }
    }

    fn sorted(mut all: Vec<Lifetime>) -> Vec<Lifetime> {
        all.sort_unstable();
        all
    }

    fn lifetimes() -> impl Strategy<Value = Vec<Lifetime>> {
        let one = (0..10_000_u64, prop::bool::weighted(0.8)).prop_map(|(ms, is_over)| Lifetime { ms, is_over });
        prop::collection::vec(one, 0..300).prop_map(sorted)
    }

    proptest! {
        #[test]
        fn a_quantile_is_in_its_interval(all in lifetimes(), of in 0.01..0.99_f64) {
            if let Some(found) = quantile(&all, of) {
                prop_assert!(found.low <= found.value && found.value <= found.high, "{found:?}");
                prop_assert!(all.iter().any(|one| one.is_over && one.ms as f64 == found.value));
            }
        }

        #[test]
        fn an_interval_narrows_with_the_number_of_durations(times in prop::collection::vec(0..10_000_u64, 20..100)) {
            let few = sorted(times.iter().copied().map(over).collect());
            let many = sorted(few.iter().flat_map(|one| [*one; 9]).collect());
            let few = quantile(&few, 0.5).unwrap();
            let many = quantile(&many, 0.5).unwrap();
            prop_assert_eq!(few.value, many.value);
            prop_assert!(many.low >= few.low && many.high <= few.high, "{few:?} {many:?}");
        }

        #[test]
        fn durations_that_are_not_over_never_shorten_a_quantile(all in lifetimes(), of in 0.01..0.99_f64) {
            let ended: Vec<Lifetime> = all.iter().copied().filter(|one| one.is_over).collect();
            if let (Some(without), Some(with)) = (quantile(&ended, of), quantile(&all, of)) {
                prop_assert!(with.value >= without.value, "{without:?} {with:?}");
            }
        }
    }

    /// The ranks of the binomial interval of the median: of 100 the 41st and the 60th (Conover, "Practical
    /// nonparametric statistics", 3.2).
    #[test]
    fn without_open_ones_the_bounds_are_order_statistics() {
        let all: Vec<Lifetime> = (1..=100).map(over).collect();
        assert_eq!(quantile(&all, 0.5), Some(Interval { low: 41.0, value: 50.0, high: 60.0 }));
        assert_eq!(quantile(&all, 0.95), Some(Interval { low: 91.0, value: 95.0, high: 100.0 }));
        assert_eq!(quantile(&all[..20], 0.95).unwrap().high, f64::INFINITY, "20 give no upper bound of p95");
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[Lifetime { ms: 5, is_over: false }], 0.5), None);
    }

    #[test]
    fn a_version_whose_sagas_hang_is_not_fast() {
        let mut all: Vec<Lifetime> = (1..=40).map(over).collect();
        all.extend([Lifetime { ms: 60_000, is_over: false }; 60]);
        assert_eq!(quantile(&all, 0.5), None, "most are not over");
        assert_eq!(quantile(&all, 0.3).unwrap().value, 30.0);
    }
}
