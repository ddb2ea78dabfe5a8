//! Time limits and retries of OSOP, in the spellings of its schema (`timeout_sec`, `retry_policy.max_retries`), of its
//! specification (`timeout`, `retry.max_attempts`) and of older documents (`timeout_minutes`,
//! `retry_policy.max_attempts`).

use std::time::Duration;

use crate::import::draft::{DraftAttempts, DraftRetry};
use crate::import::report::Report;
use crate::import::yaml::Yaml;

/// The longest time limit.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// The most attempts that are taken over.
const MOST_ATTEMPTS: f64 = 1_000_000.0;

/// The time limit among the settings of a node or of the file.
pub(super) fn timeout<'y>(setting: &dyn Fn(&str) -> Option<&'y Yaml>, report: &Report<'_>) -> Option<Duration> {
    let units = [("timeout_sec", 1.0), ("timeout_seconds", 1.0), ("timeout_minutes", 60.0), ("timeout_hours", 3600.0)];
    for (key, unit) in units {
        if let Some(value) = setting(key) {
            return seconds(value, key, unit, report);
        }
    }
    let value = setting("timeout")?;
    span(value, "timeout", report)
}

fn seconds(value: &Yaml, key: &str, unit: f64, report: &Report<'_>) -> Option<Duration> {
    let number = value.text().and_then(|text| text.parse::<f64>().ok());
    let time = number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok());
    let time = time.map(|time| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let good = time.filter(|time| !time.is_zero() && *time <= LONGEST);
    if good.is_none() {
        let problem = format!("{key} is {}", value.display_text());
        report.error(Some(value.line), problem, "write a number above zero, at most a year");
    }
    good
}

/// A duration such as `10m`, or a number of seconds.
fn span(value: &Yaml, key: &str, report: &Report<'_>) -> Option<Duration> {
    let text = value.text().unwrap_or_default();
    if text.parse::<f64>().is_ok() {
        return seconds(value, key, 1.0, report);
    }
    let time = humantime::parse_duration(text).ok().filter(|time| !time.is_zero() && *time <= LONGEST);
    if time.is_none() {
        let problem = format!("{key} is {}", value.display_text());
        report.error(Some(value.line), problem, "write a duration such as \"30s\" or \"10m\", at most a year");
    }
    time
}

/// The retries among the settings of a node or of the file.
pub(super) fn retry<'y>(setting: &dyn Fn(&str) -> Option<&'y Yaml>, report: &Report<'_>) -> Option<DraftRetry> {
    let policy = setting("retry_policy").or_else(|| setting("retry"))?;
    let attempts = if policy.get("x-attempts").and_then(Yaml::text) == Some("unlimited") {
        DraftAttempts::Unlimited
    } else if let Some(attempts) = policy.get("max_attempts") {
        count(attempts, "max_attempts", 1.0, report)?
    } else if let Some(retries) = policy.get("max_retries") {
        count(retries, "max_retries", 0.0, report)?
    } else {
        DraftAttempts::Default
    };
    let mut retry = DraftRetry { attempts, first: None, factor: None, max: None };
    let backoff = policy.get("backoff");
    let kind = policy.get("strategy").or_else(|| backoff?.get("type").or(backoff)).and_then(Yaml::text);
    if matches!(kind, Some("fixed" | "constant" | "linear")) {
        retry.factor = Some(1.0);
    }
    let number = |value: &Yaml| value.text()?.parse::<f64>().ok().filter(|factor| (1.0..=100.0).contains(factor));
    retry.factor = backoff.and_then(|backoff| number(backoff.get("multiplier")?)).or(retry.factor);
    let of_backoff = |key: &str| backoff.and_then(|backoff| span(backoff.get(key)?, key, report));
    retry.first =
        policy.get("backoff_sec").and_then(|value| pause(value, report)).or_else(|| of_backoff("initial_delay"));
    retry.max = of_backoff("max_delay");
    if let Some(first) = retry.first {
        let longest = retry.max.unwrap_or(Duration::from_secs(10));
        retry.max = Some(longest.max(first));
    }
    Some(retry)
}

/// `backoff_sec`, where zero is the default pause.
fn pause(value: &Yaml, report: &Report<'_>) -> Option<Duration> {
    let is_zero = value.text().and_then(|text| text.parse::<f64>().ok()) == Some(0.0);
    if is_zero { None } else { seconds(value, "backoff_sec", 1.0, report) }
}

/// A number of attempts (`least` is 1) or of retries after the first attempt (`least` is 0).
fn count(value: &Yaml, key: &str, least: f64, report: &Report<'_>) -> Option<DraftAttempts> {
    let number = value.text().and_then(|text| text.parse::<f64>().ok());
    let good = number.filter(|number| (least..=MOST_ATTEMPTS).contains(number) && number.fract() == 0.0);
    let attempts = good.and_then(|number| format!("{:.0}", number + 1.0 - least).parse().ok());
    if attempts.is_none() {
        let problem = format!("{key} is {}", value.display_text());
        report.error(Some(value.line), problem, format!("write a whole number from {least} to {MOST_ATTEMPTS}"));
    }
    attempts.map(DraftAttempts::AtMost)
}
