//! Responses of other services: their bodies, bounded in size, and the pause that they ask for.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Error, Response};
use vocabulary::time::Timestamp;

/// The body of a response; `None` if it is longer than `limit` bytes, of which the rest is not read.
///
/// # Errors
/// The connection breaks off.
pub async fn body_within(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// The pause that `Retry-After` asks for, in seconds or until a date (RFC 9110, section 10.2.3). `None` if the header
/// is missing or neither of the two. A date that has passed is no pause.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    Some(date.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_pause_is_given_in_seconds_or_until_a_date() {
        // 2026-01-31T11:59:30.500Z
        let now = Timestamp(1_769_860_770_500);
        let pause = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            retry_after(&headers, now).map(|pause| pause.as_millis())
        };
        assert_eq!(pause("120"), Some(120_000));
        assert_eq!(pause(" 0 "), Some(0));
        assert_eq!(pause("Sat, 31 Jan 2026 12:00:00 GMT"), Some(29_500));
        assert_eq!(pause("Saturday, 31-Jan-26 12:00:00 GMT"), Some(29_500), "RFC 850");
        assert_eq!(pause("Fri, 30 Jan 2026 12:00:00 GMT"), Some(0), "passed");
        for text in ["", "-1", "1.5", "soon", "2026-01-31T12:00:00Z", "99999999999999999999999"] {
            assert_eq!(pause(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
