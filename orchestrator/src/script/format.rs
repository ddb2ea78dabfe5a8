//! The format of a script (docs/sagas.md) and its errors.

use std::collections::BTreeMap;
use std::ops::Range;

use saga::{Operate, Status};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;

use super::answer::{Answers, Pause};
use super::json::JsonObject;

/// A script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// The payload of the starting event, for all cases.
    #[serde(default)]
    pub(super) start: JsonObject,
    #[serde(rename = "case")]
    pub(super) cases: Vec<Spanned<Case>>,
}

/// A case: what the external systems do, and the expected ending.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// Fields of the starting event's payload, in place of those of the script.
    #[serde(default)]
    pub(super) start: JsonObject,
    /// The answers to the steps' commands, and the messages that steps wait for. Other steps succeed at once.
    #[serde(default)]
    pub(super) answers: BTreeMap<String, Spanned<Answers>>,
    /// The answers to the compensations. Others succeed at once.
    #[serde(default)]
    pub(super) compensations: BTreeMap<String, Spanned<Answers>>,
    /// Messages from outside at fixed times.
    #[serde(default)]
    pub(super) callbacks: Vec<Spanned<TimedMessage>>,
    /// The customer's cancellation.
    pub(super) cancel: Option<Spanned<TimedCancel>>,
    /// Operators' operations.
    #[serde(default)]
    pub(super) operations: Vec<Spanned<TimedOperation>>,
    pub(super) expect: Spanned<Expect>,
}

/// A message on a topic, `at` after the start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimedMessage {
    pub(super) at: Pause,
    pub(super) topic: String,
    pub(super) value: JsonObject,
}

/// The cancelling event of the definition, `at` after the start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimedCancel {
    pub(super) at: Pause,
    #[serde(default)]
    pub(super) why: String,
}

/// An operation of an operator, `at` after the start.
#[derive(Debug)]
pub(super) struct TimedOperation {
    pub(super) at: Pause,
    pub(super) why: String,
    pub(super) what: Operate,
}

/// The expected end of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// The status of the ending, such as `confirmed`.
    pub(super) status: Option<String>,
    /// The reason of the ending; without it the ending must have none.
    pub(super) reason: Option<String>,
    /// The compensated steps, in order.
    #[serde(default)]
    pub(super) compensated: Vec<Spanned<String>>,
    /// The status of the saga; by default completed or compensated.
    pub(super) saga: Option<Status>,
}

/// `{ at = "1h", why = "...", action = "retry", step = "..." }`: the keys of an operation beside `at` and `why`.
impl<'de> Deserialize<'de> for TimedOperation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonObject(mut fields) = JsonObject::deserialize(deserializer)?;
        let at = fields.remove("at").ok_or_else(|| D::Error::missing_field("at"))?;
        let at = Pause::deserialize(at).map_err(|error| D::Error::custom(format!("at: {error}")))?;
        let why = fields.remove("why").map_or_else(|| Ok("scripted".to_owned()), String::deserialize);
        let why = why.map_err(|error| D::Error::custom(format!("why: {error}")))?;
        let what = Operate::deserialize(serde_json::Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { at, why, what })
    }
}

impl Script {
    /// Parses a script.
    ///
    /// # Errors
    /// The first error, with its line and key.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Vec<String>> {
        let document = toml::Deserializer::parse(text).map_err(|error| vec![located(file, text, "", &error)])?;
        let script: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            vec![located(file, text, &path, error.inner())]
        })?;
        if script.cases.is_empty() {
            return Err(vec![format!("{file}: there is no case; write a table [[case]] with name and expect")]);
        }
        Ok(script)
    }
}

/// `FILE:LINE: KEY: PROBLEM`.
fn located(file: &str, text: &str, path: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or_else(String::new, |span| format!(":{}", line_of(text, &span)));
    let path = path.replace("$__serde_spanned_private_value", "").replace("..", ".");
    let path = path.trim_matches('.');
    let key = if path.is_empty() { String::new() } else { format!("{path}: ") };
    format!("{file}{line}: {key}{}", error.message().replace('\n', " "))
}

/// The line of a span, from 1.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
}
