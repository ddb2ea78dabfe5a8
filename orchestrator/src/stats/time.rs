//! Minutes, the resolution of the statistics.

/// Milliseconds of a minute.
pub const MINUTE: i64 = 60_000;
/// Minutes for which statistics are stored: 7 days.
pub(super) const RETENTION: i64 = 7 * 24 * 60;

/// The minute since 1970 of a time in milliseconds.
pub(super) const fn minute_of(ms: i64) -> i64 {
    ms.div_euclid(MINUTE)
}

/// The start of a minute since 1970, in milliseconds.
pub(super) const fn start_of(minute: i64) -> i64 {
    minute.saturating_mul(MINUTE)
}
