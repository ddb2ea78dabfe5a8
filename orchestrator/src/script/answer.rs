//! The scripted answers to a command: `"ok"`, `{ refused = "out_of_stock", after = "2s" }`, or a list of them.

use std::fmt;
use std::time::Duration;

use saga::Outcome;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::json::{Json, JsonObject};

const ALLOWED: &str = "\"ok\", \"failed\", \"none\", { ok = {...} }, { refused = \"REASON\" }, { failed = \"ERROR\" }, \
                       { result = {...} }, or a list of these";

/// The answers to the attempts of a step: the first to the first attempt, the last also to all further ones. The
/// messages to a step that waits: all of them.
#[derive(Debug, Clone)]
pub(super) struct Answers(pub(super) Vec<Answer>);

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) kind: AnswerKind,
    /// The time from the command, or from the beginning of the wait, to the answer.
    pub(super) after: Duration,
}

/// The content of an answer.
#[derive(Debug, Clone)]
pub(super) enum AnswerKind {
    /// No answer: the attempt or the wait times out.
    NoAnswer,
    /// The reply of a participant.
    Reply(Outcome),
    /// The message that a step waits for.
    Result(Map<String, Value>),
}

/// A duration such as `"1s"`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pause(pub(super) Duration);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerTable {
    ok: Option<Json>,
    refused: Option<String>,
    detail: Option<String>,
    failed: Option<String>,
    retry_after: Option<Pause>,
    none: Option<bool>,
    result: Option<JsonObject>,
    #[serde(default)]
    after: Pause,
}

impl Answers {
    /// A success, without data.
    pub(super) fn ok() -> Self {
        let kind = AnswerKind::Reply(Outcome::Ok { data: Value::Object(Map::new()) });
        Self(vec![Answer { kind, after: Duration::ZERO }])
    }

    /// The answer to an attempt, numbered from 1.
    pub(super) fn to(&self, attempt: u32) -> Option<&Answer> {
        let index = usize::try_from(attempt).unwrap_or(usize::MAX).saturating_sub(1);
        self.0.get(index).or(self.0.last())
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let longest = Duration::from_secs(100 * 366 * 24 * 3600);
        let text = String::deserialize(deserializer)?;
        let pause = humantime::parse_duration(&text).ok().filter(|pause| *pause <= longest);
        let problem = || D::Error::custom(format!("{text:?} is not a duration; write \"200ms\", \"10s\" or \"15m\""));
        pause.map(Self).ok_or_else(problem)
    }
}

impl<'de> Deserialize<'de> for Answers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnswersVisitor)
    }
}

struct AnswersVisitor;

impl<'de> Visitor<'de> for AnswersVisitor {
    type Value = Answers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALLOWED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Answers, E> {
        AnswerVisitor.visit_str(text).map(|answer| Answers(vec![answer]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answers, A::Error> {
        AnswerVisitor.visit_map(map).map(|answer| Answers(vec![answer]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Answers, A::Error> {
        let mut answers = Vec::new();
        while let Some(answer) = list.next_element()? {
            answers.push(answer);
        }
        if answers.is_empty() {
            return Err(A::Error::custom(format!("the list is empty; write {ALLOWED}")));
        }
        Ok(Answers(answers))
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnswerVisitor)
    }
}

struct AnswerVisitor;

impl<'de> Visitor<'de> for AnswerVisitor {
    type Value = Answer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALLOWED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Answer, E> {
        let kind = match text {
            "ok" => AnswerKind::Reply(Outcome::Ok { data: Value::Object(Map::new()) }),
            "failed" => AnswerKind::Reply(Outcome::Failed { error: "failed".to_owned(), retry_after_ms: None }),
            "none" => AnswerKind::NoAnswer,
            other => return Err(E::custom(format!("{other:?} is not an answer; write {ALLOWED}"))),
        };
        Ok(Answer { kind, after: Duration::ZERO })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Answer, A::Error> {
        let table = AnswerTable::deserialize(MapAccessDeserializer::new(map))?;
        let after = table.after.0;
        kind(table).map(|kind| Answer { kind, after }).map_err(A::Error::custom)
    }
}

fn kind(table: AnswerTable) -> Result<AnswerKind, String> {
    let AnswerTable { ok, refused, detail, failed, retry_after, none, result, after: _ } = table;
    if detail.is_some() && refused.is_none() {
        return Err("detail belongs to refused; write { refused = \"REASON\", detail = \"...\" }".to_owned());
    }
    if retry_after.is_some() && failed.is_none() {
        return Err("retry_after belongs to failed; write { failed = \"ERROR\", retry_after = \"1s\" }".to_owned());
    }
    let pause = retry_after.map(|pause| u64::try_from(pause.0.as_millis()).unwrap_or(u64::MAX));
    match (ok, refused, failed, none, result) {
        (Some(Json(data)), None, None, None, None) => Ok(AnswerKind::Reply(Outcome::Ok { data })),
        (None, Some(reason), None, None, None) => Ok(AnswerKind::Reply(Outcome::Refused { reason, detail })),
        (None, None, Some(error), None, None) => {
            Ok(AnswerKind::Reply(Outcome::Failed { error, retry_after_ms: pause }))
        }
        (None, None, None, Some(true), None) => Ok(AnswerKind::NoAnswer),
        (None, None, None, None, Some(JsonObject(fields))) => Ok(AnswerKind::Result(fields)),
        _ => Err("an answer has one of ok, refused, failed, none = true and result; write one of them".to_owned()),
    }
}
