//! Confidence intervals of 95 %: of a share, of the difference of two numbers, and of their ratio. Pure.

use serde::Serialize;

/// The two-sided 95 % quantile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// An estimate with its interval. A bound that the data do not give is infinite, which is `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The estimate.
    pub value: f64,
    /// The upper bound.
    pub high: f64,
}

/// Where an interval is, relative to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Wholly below it.
    Below,
    /// It contains the value.
    Around,
    /// Wholly above it.
    Above,
}

impl Interval {
    /// The share of `count` in `of`: the score interval of Wilson ("Probable inference, the law of succession, and
    /// statistical inference", 1927). From 0 to 1 if `of` is 0.
    pub fn share(count: u64, of: u64) -> Self {
        if of == 0 {
            return Self { low: 0.0, value: 0.0, high: 1.0 };
        }
        let n = of as f64;
        let value = count.min(of) as f64 / n;
        let scale = 1.0 + Z * Z / n;
        let center = (value + Z * Z / (2.0 * n)) / scale;
        let half = Z / scale * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self { low: (center - half).clamp(0.0, value), value, high: (center + half).clamp(value, 1.0) }
    }

    /// This number minus another one: method 10 of Newcombe ("Interval estimation for the difference between
    /// independent proportions", 1998), which needs no more than the two intervals (Zou and Donner, "Construction of
    /// confidence limits about effect measures", 2008).
    pub fn minus(self, other: Self) -> Self {
        let value = self.value - other.value;
        Self {
            low: value - (self.value - self.low).hypot(other.high - other.value),
            value,
            high: value + (self.high - self.value).hypot(other.value - other.low),
        }
    }

    /// This duration divided by another one: [`Self::minus`] of their logarithms. Durations below 1 ms count as 1 ms.
    pub fn ratio(self, other: Self) -> Self {
        let difference = self.map(|x| x.max(1.0).ln()).minus(other.map(|x| x.max(1.0).ln()));
        difference.map(f64::exp)
    }

    /// Applies an increasing function.
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { low: f(self.low), value: f(self.value), high: f(self.high) }
    }

    /// Where it is, relative to a value.
    pub fn side(self, of: f64) -> Side {
        if self.high < of {
            Side::Below
        } else if self.low > of {
            Side::Above
        } else {
            Side::Around
        }
    }

    /// Returns true if it lies between two values.
    pub fn is_within(self, low: f64, high: f64) -> bool {
        self.low >= low && self.high <= high
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    /// A count and what it is of.
    fn shares() -> impl Strategy<Value = (u64, u64)> {
        (1..5_000_u64).prop_flat_map(|of| (0..=of, Just(of)))
    }

    proptest! {
        #[test]
        fn a_share_is_in_its_interval_which_is_symmetric_and_narrows((count, of) in shares()) {
            let share = Interval::share(count, of);
            prop_assert!(0.0 <= share.low && share.low <= share.value, "{share:?}");
            prop_assert!(share.value <= share.high && share.high <= 1.0, "{share:?}");
            let rest = Interval::share(of - count, of);
            prop_assert!(is_near(share.low, 1.0 - rest.high), "{share:?} {rest:?}");
            prop_assert!(is_near(share.high, 1.0 - rest.low), "{share:?} {rest:?}");
            let more = Interval::share(count * 4, of * 4);
            prop_assert!(more.high - more.low < share.high - share.low, "{share:?} {more:?}");
        }

        #[test]
        fn a_difference_is_in_its_interval_and_changes_its_sign((a, m) in shares(), (b, n) in shares()) {
            let first = Interval::share(a, m);
            let second = Interval::share(b, n);
            let difference = first.minus(second);
            prop_assert!(difference.low <= difference.value && difference.value <= difference.high);
            prop_assert!(difference.low >= -1.0 - 1e-9 && difference.high <= 1.0 + 1e-9, "{difference:?}");
            let reverse = second.minus(first);
            prop_assert!(is_near(difference.low, -reverse.high) && is_near(difference.high, -reverse.low));
            let more = Interval::share(a * 4, m * 4).minus(Interval::share(b * 4, n * 4));
            prop_assert!(more.high - more.low < difference.high - difference.low);
            prop_assert_eq!(first.minus(first).side(0.0), Side::Around);
        }

        #[test]
        fn the_ratio_of_durations_is_the_inverse_of_the_reverse_one(
            a in 1.0..1e6_f64, b in 1.0..1e6_f64, wide in 1.01..3.0_f64,
        ) {
            let of = |value: f64| Interval { low: value / wide, value, high: value * wide };
            let ratio = of(a).ratio(of(b));
            let reverse = of(b).ratio(of(a));
            prop_assert!(ratio.low <= ratio.value && ratio.value <= ratio.high);
            prop_assert!((ratio.low * reverse.high - 1.0).abs() < 1e-6, "{ratio:?} {reverse:?}");
            prop_assert!((ratio.high * reverse.low - 1.0).abs() < 1e-6, "{ratio:?} {reverse:?}");
        }
    }

    /// The first example of Newcombe's tables II (1998): 56 of 70 against 48 of 80, method 10.
    #[test]
    fn published_intervals_are_reproduced() {
        let difference = Interval::share(56, 70).minus(Interval::share(48, 80));
        assert!((difference.low - 0.0524).abs() < 5e-5 && (difference.high - 0.3339).abs() < 5e-5, "{difference:?}");
        let share = Interval::share(81, 263);
        assert!((share.low - 0.2553).abs() < 5e-5 && (share.high - 0.3662).abs() < 5e-5, "{share:?}");
        let none = Interval::share(0, 20);
        assert!(none.low < 1e-12 && (none.high - 0.1611).abs() < 5e-5, "{none:?}");
        assert_eq!(Interval::share(0, 0), Interval { low: 0.0, value: 0.0, high: 1.0 });
    }

    #[test]
    fn an_infinite_bound_tells_nothing() {
        let open = Interval { low: 100.0, value: 200.0, high: f64::INFINITY };
        let known = Interval { low: 900.0, value: 1_000.0, high: 1_100.0 };
        let ratio = open.ratio(known);
        assert_eq!(ratio.side(1.0), Side::Around);
        assert!(ratio.high.is_infinite() && ratio.low > 0.0, "{ratio:?}");
        assert_eq!(serde_json::to_value(ratio).unwrap()["high"], serde_json::Value::Null);
        assert!(!ratio.is_within(0.8, 1.25));
    }
}
