//! The round times on the axis of a timeline.

/// The distances between ticks, in milliseconds: those that are read easily.
const STEPS: [u64; 36] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
    20 * DAY,
    50 * DAY,
    100 * DAY,
    200 * DAY,
    500 * DAY,
    1_000 * DAY,
];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The round times from 0 to `span` milliseconds, at most `most` and 0.
pub(super) fn ticks(span: u64, most: u64) -> Vec<u64> {
    let fits = |step: &&u64| span / **step <= most;
    let step = STEPS.iter().find(fits).copied().unwrap_or_else(|| span.div_ceil(most.max(1)));
    (0..=span / step).map(|index| index * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (span, expected) in [
            (0, &[0][..]),
            (4, &[0, 1, 2, 3, 4]),
            (137, &[0, 50, 100]),
            (6_100, &[0, 2_000, 4_000, 6_000]),
            (61_000, &[0, 15_000, 30_000, 45_000, 60_000]),
            (900_123, &[0, 300_000, 600_000, 900_000]),
            (7 * DAY, &[0, 2 * DAY, 4 * DAY, 6 * DAY]),
        ] {
            assert_eq!(ticks(span, 4), expected, "{span}");
        }
        assert!(ticks(u64::MAX, 4).len() <= 5);
    }
}
