//! The period of a query: a window that ends now, or the minutes between two times.

use crate::error::ApiError;
use crate::filter::{check_order, parse_time};
use crate::stats::{MINUTE, Period, Window};

/// The period of a query at `now`, in milliseconds since 1970. `from` without `to` ends now; `to` without `from` begins
/// an hour before.
pub(crate) fn period_of(window: Window, from: Option<&str>, to: Option<&str>, now: i64) -> Result<Period, ApiError> {
    let from = from.map(|text| parse_time("from", text)).transpose()?;
    let to = to.map(|text| parse_time("to", text)).transpose()?;
    check_order(from, to)?;
    let hour = Window::Hour.minutes() * MINUTE;
    Ok(match (from, to) {
        (None, None) => Period::Last(window),
        (Some(from), to) => Period::between(from, to.unwrap_or(now), now),
        (None, Some(to)) => Period::between(to.saturating_sub(hour), to, now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_window_or_lies_between_two_times() {
        let now = 1_769_860_800_000;
        let of = |from, to| period_of(Window::Day, from, to, now);
        assert_eq!(of(None, None).unwrap(), Period::Last(Window::Day));
        let hour = Period::between(now - 3_600_000, now, now);
        assert_eq!(of(Some("2026-01-31T11:00:00Z"), None).unwrap(), hour);
        assert_eq!(of(None, Some("2026-01-31T12:00")).unwrap(), hour);
        assert!(of(Some("2026-01-31"), Some("2026-01-30")).is_err() && of(Some("x"), None).is_err());
    }
}
