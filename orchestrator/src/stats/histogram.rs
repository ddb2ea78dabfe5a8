//! Durations in fixed buckets: half powers of two, from 1 ms to a month. The buckets are few enough to store for every
//! minute, and histograms can be added.

/// The number of buckets; longer durations are in the last.
pub const BUCKETS: u8 = 64;
/// The number of classes with an upper bound ([`Histogram::classes`]).
const CLASSES: i32 = 12;

/// The bucket of a duration in milliseconds: bucket 0 is 0 ms, bucket `i` starts at 2^((i-1)/2) ms.
pub fn bucket(ms: u64) -> u8 {
    if ms == 0 {
        return 0;
    }
    let power = ms.ilog2();
    // Whether ms >= 2^power * sqrt(2), in integers.
    let half = u128::from(ms).pow(2) >= 1_u128 << (2 * power + 1);
    let bucket = 2 * power + u32::from(half) + 1;
    u8::try_from(bucket).unwrap_or(u8::MAX).min(BUCKETS - 1)
}

/// The start of a bucket, in milliseconds.
fn start_of(bucket: u8) -> f64 {
    if bucket == 0 { 0.0 } else { 2_f64.powf((f64::from(bucket) - 1.0) / 2.0) }
}

/// The number of durations in each bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram(Vec<u64>);

impl Histogram {
    /// Adds durations to a bucket.
    pub fn add(&mut self, bucket: u8, count: u64) {
        let place = usize::from(bucket.min(BUCKETS - 1));
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(there) = self.0.get_mut(place) {
            *there += count;
        }
    }

    /// Adds the durations of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in (0_u8..).zip(&other.0) {
            self.add(bucket, *count);
        }
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The quantile `of` (0 to 1), in milliseconds: exact to a bucket, interpolated linearly within it. `None` if
    /// empty.
    pub fn quantile(&self, of: f64) -> Option<u64> {
        let wanted = self.count() as f64 * of;
        let mut seen = 0.0;
        for (place, count) in (0_u8..).zip(&self.0).filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if seen + count >= wanted {
                let from = start_of(place);
                let to = start_of(place + 1);
                let inside = if place == 0 { 0.0 } else { (wanted - seen) / count * (to - from) };
                return Some((from + inside).round() as u64);
            }
            seen += count;
        }
        None
    }

    /// The quantile `of` (0 to 1) of durations of which those in `open` are not over yet, in milliseconds: the estimate
    /// of Kaplan and Meier ("Nonparametric estimation from incomplete observations", 1958). `None` if too few are over.
    pub fn quantile_with_open(&self, open: &Self, of: f64) -> Option<u64> {
        let mut at_risk = (self.count() + open.count()) as f64;
        let mut surviving = 1.0;
        for place in 0..BUCKETS {
            let ended = self.in_bucket(place) as f64;
            if ended > 0.0 {
                let after = surviving * (1.0 - ended / at_risk);
                if after <= 1.0 - of + f64::EPSILON {
                    let from = start_of(place);
                    let to = start_of(place + 1);
                    let part = (surviving - (1.0 - of)) / (surviving - after);
                    let inside = if place == 0 { 0.0 } else { part };
                    return Some((from + inside * (to - from)).round() as u64);
                }
                surviving = after;
            }
            at_risk -= ended + open.in_bucket(place) as f64;
        }
        None
    }

    fn in_bucket(&self, place: u8) -> u64 {
        self.0.get(usize::from(place)).copied().unwrap_or(0)
    }

    /// The durations up to each power of four milliseconds, from 4 ms to some hours, and beyond: the upper bound in
    /// seconds, and the number of durations above the bound before it.
    pub fn classes(&self) -> Vec<(f64, u64)> {
        let mut classes: Vec<(f64, u64)> = (1..=CLASSES).map(|class| (4_f64.powi(class) / 1_000.0, 0)).collect();
        classes.push((f64::INFINITY, 0));
        let last = classes.len() - 1;
        for (bucket, count) in self.0.iter().enumerate() {
            // Four buckets are a power of four.
            let class = bucket.div_ceil(4).saturating_sub(1).min(last);
            if let Some(class) = classes.get_mut(class) {
                class.1 += count;
            }
        }
        classes
    }

    /// The approximate sum of all durations, in milliseconds.
    pub fn total(&self) -> f64 {
        let middle = |place: u8| if place == 0 { 0.0 } else { f64::midpoint(start_of(place), start_of(place + 1)) };
        (0_u8..).zip(&self.0).map(|(place, count)| middle(place) * *count as f64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_between_the_ends_of_its_bucket() {
        for ms in (1..5_000).chain((1..40).map(|i| 7_u64.pow(i % 22))).chain([u64::MAX]) {
            let bucket = bucket(ms);
            assert!(start_of(bucket) <= ms as f64 + 1e-6, "{ms} is in {bucket}");
            assert!(bucket == BUCKETS - 1 || (ms as f64) < start_of(bucket + 1), "{ms} is in {bucket}");
        }
        assert_eq!(bucket(0), 0);
    }

    #[test]
    fn each_duration_is_in_the_class_below_its_bound() {
        for (ms, bound) in
            [(0, 0.004), (3, 0.004), (4, 0.016), (1_000, 1.024), (1_025, 4.096), (u64::MAX, f64::INFINITY)]
        {
            let mut histogram = Histogram::default();
            histogram.add(bucket(ms), 1);
            let filled: Vec<(f64, u64)> = histogram.classes().into_iter().filter(|class| class.1 > 0).collect();
            assert_eq!(filled, [(bound, 1)], "{ms} ms");
        }
    }

    #[test]
    fn quantiles_are_right_to_a_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for ms in 1..=1_000 {
            histogram.add(bucket(ms), 1);
        }
        for (of, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = histogram.quantile(of).unwrap() as f64;
            assert!(found > exact / 1.42 && found < exact * 1.42, "{of}: {found}");
        }
        assert!((histogram.total() / 500_500.0 - 1.0).abs() < 0.1, "{}", histogram.total());
    }

    #[test]
    fn durations_that_are_not_over_raise_the_quantiles() {
        let mut ended = Histogram::default();
        ended.add(bucket(50), 90);
        ended.add(bucket(4_000), 10);
        let mut open = Histogram::default();
        for of in [0.5, 0.9, 0.95, 0.99] {
            assert_eq!(ended.quantile_with_open(&open, of), ended.quantile(of), "without open ones: {of}");
        }
        open.add(bucket(5), 900);
        let alone = ended.quantile(0.95);
        assert_eq!(ended.quantile_with_open(&open, 0.95), alone, "waits that have just begun change nothing");
        open.add(bucket(600_000), 8);
        assert!((45..60).contains(&ended.quantile_with_open(&open, 0.5).unwrap()));
        assert_eq!(ended.quantile_with_open(&open, 0.95), None, "7 % wait for longer than any that ended");
        assert_eq!(Histogram::default().quantile_with_open(&open, 0.5), None);
    }
}
