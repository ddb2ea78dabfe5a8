//! What a saga's state counts for: a pure function of it. Steps are stored by index, so that the facts of a saga take
//! few bytes in its row.

use saga::{Action, Saga, StepState, StepStatus, What as Event};
use serde::{Deserialize, Serialize};

use super::histogram::bucket;
use super::time::minute_of;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum What {
    /// A step or a saga started.
    Started = 0,
    /// A step was done.
    Done = 1,
    /// A step was refused.
    Refused = 2,
    /// A step failed after all retries.
    Failed = 3,
    /// A step timed out.
    TimedOut = 4,
    /// A step was abandoned because the saga started to compensate.
    Abandoned = 5,
    /// A step was retried.
    Retried = 6,
    /// A saga ended; its row has the status of the ending in place of the step.
    Ended = 7,
}

impl What {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Abandoned => "abandoned",
            Self::Retried => "retried",
            Self::Ended => "ended",
        }
    }
}

impl TryFrom<u8> for What {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Ok(match number {
            0 => Self::Started,
            1 => Self::Done,
            2 => Self::Refused,
            3 => Self::Failed,
            4 => Self::TimedOut,
            5 => Self::Abandoned,
            6 => Self::Retried,
            7 => Self::Ended,
            _ => return Err(format!("{number} is not counted")),
        })
    }
}

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The saga as a whole.
    Saga,
    /// The step at this index in the definition.
    Step(u8),
}

/// The number that stands for [`Subject::Saga`] in a row.
const WHOLE: u8 = u8::MAX;

/// A count in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FactRow", into = "FactRow")]
pub struct Fact {
    /// The saga or a step.
    pub subject: Subject,
    /// What is counted.
    pub what: What,
    /// The minute since 1970.
    pub minute: i64,
    /// The histogram bucket of the duration.
    pub bucket: u8,
    /// The count.
    pub count: u32,
}

/// A fact as stored: subject, what, minute, bucket, count.
type FactRow = (u8, u8, i64, u8, u32);

impl TryFrom<FactRow> for Fact {
    type Error = String;

    fn try_from((subject, what, minute, bucket, count): FactRow) -> Result<Self, String> {
        let subject = if subject == WHOLE { Subject::Saga } else { Subject::Step(subject) };
        Ok(Self { subject, what: What::try_from(what)?, minute, bucket, count })
    }
}

impl From<Fact> for FactRow {
    fn from(fact: Fact) -> Self {
        let subject = match fact.subject {
            Subject::Saga => WHOLE,
            Subject::Step(index) => index,
        };
        (subject, fact.what as u8, fact.minute, fact.bucket, fact.count)
    }
}

/// A step that a saga waits for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WaitRow", into = "WaitRow")]
pub struct Wait {
    /// The index of the step.
    pub step: u8,
    /// When the wait started, in milliseconds since 1970.
    pub since: i64,
    /// The status of the step.
    pub status: String,
    /// The reason for the status, without ids.
    pub reason: String,
    /// True if the step is compensated.
    pub undoing: bool,
    /// When the step reached its status, for a blocked one, in milliseconds since 1970; else `since`.
    pub reached: i64,
}

/// A wait as stored: step, since, status, reason, undoing, reached.
type WaitRow = (u8, i64, String, String, bool, i64);

impl From<WaitRow> for Wait {
    fn from((step, since, status, reason, undoing, reached): WaitRow) -> Self {
        Self { step, since, status, reason, undoing, reached }
    }
}

impl From<Wait> for WaitRow {
    fn from(wait: Wait) -> Self {
        (wait.step, wait.since, wait.status, wait.reason, wait.undoing, wait.reached)
    }
}

/// What a saga's state counts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The saga's status.
    #[serde(rename = "s")]
    pub status: String,
    /// The status of its ending, once it has ended.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
    /// The counts by minute.
    #[serde(rename = "f")]
    pub facts: Vec<Fact>,
    /// The steps it waits for.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// Milliseconds from its start to its end, once it has ended.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// The retries of its steps and compensations.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// True if it is or was in incident.
    #[serde(rename = "i", default, skip_serializing_if = "std::ops::Not::not")]
    pub had_incident: bool,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Facts {
    /// The facts of a saga's state.
    pub fn of(saga: &Saga) -> Self {
        let mut facts = vec![fact(Subject::Saga, What::Started, saga.started.0, 0, 1)];
        let mut waits = Vec::new();
        for (index, step) in (0..WHOLE).zip(saga.all_steps()) {
            of_step(index, step, &mut facts);
            if saga.is_open() && step.is_current() {
                let since = step.since().map_or(saga.updated.0, |at| at.0);
                let reason = kind_of(step.reason.as_deref().unwrap_or_default());
                waits.push(Wait {
                    step: index,
                    since,
                    status: step.status.as_str().to_owned(),
                    reason,
                    undoing: step.action() == Action::Compensate,
                    reached: step.ended.filter(|_| step.status == StepStatus::Stuck).map_or(since, |at| at.0),
                });
            }
        }
        let mut ending = None;
        if let (Some(ended), Some(reached)) = (saga.ended, &saga.ending) {
            let bucket = bucket(ended.since(saga.started));
            facts.push(fact(Subject::Saga, What::Ended, ended.0, bucket, 1));
            ending = Some(reached.status.clone());
        }
        Self {
            status: saga.status.as_str().to_owned(),
            ending,
            facts,
            waits,
            took: saga.ended.map(|ended| ended.since(saga.started)),
            retries: saga.all_steps().map(retries).fold(0, u32::saturating_add),
            had_incident: saga.history.iter().any(|entry| entry.what == Event::Incident),
        }
    }
}

/// The attempts of a step and of its compensation after their first ones.
fn retries(step: &StepState) -> u32 {
    step.attempts.saturating_sub(1).saturating_add(step.compensations.saturating_sub(1))
}

fn of_step(index: u8, step: &StepState, facts: &mut Vec<Fact>) {
    let Some(started) = step.started else { return };
    let subject = Subject::Step(index);
    facts.push(fact(subject, What::Started, started.0, 0, 1));
    let Some((status, at)) = step.outcome() else { return };
    let what = match status {
        StepStatus::Done => What::Done,
        StepStatus::Refused => What::Refused,
        StepStatus::Failed => What::Failed,
        StepStatus::TimedOut => What::TimedOut,
        StepStatus::Abandoned => What::Abandoned,
        StepStatus::Waiting
        | StepStatus::Running
        | StepStatus::Retrying
        | StepStatus::Compensating
        | StepStatus::Compensated
        | StepStatus::Stuck
        | StepStatus::Skipped => return,
    };
    facts.push(fact(subject, what, at.0, bucket(at.since(started)), 1));
    if step.attempts > 1 {
        facts.push(fact(subject, What::Retried, at.0, 0, step.attempts - 1));
    }
}

fn fact(subject: Subject, what: What, at: i64, bucket: u8, count: u32) -> Fact {
    Fact { subject, what, minute: minute_of(at), bucket, count }
}

/// A reason without ids and long numbers, so that the same error of several sagas is one group.
fn kind_of(reason: &str) -> String {
    let is_specific = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let length = word.len();
        let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        hex && digits > 0 && length >= 8 || digits == length && length >= 4
    };
    let mut kind = String::new();
    let mut rest = reason;
    while !rest.is_empty() {
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        kind.push_str(if is_specific(word) { "…" } else { word });
        let next = after.find(in_word).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        kind.push_str(between);
        rest = after;
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_stored_as_rows() {
        let facts = r#"{"s":"compensated","e":"rejected","f":[[255,7,29,30,1],[2,6,29,0,3]],"#;
        let text = &format!("{facts}{}", r#""w":[[2,1700,"stuck","no",true,1900]]}"#);
        let facts: Facts = serde_json::from_str(text).unwrap();
        assert_eq!(facts.facts[0].subject, Subject::Saga);
        assert_eq!(facts.facts[1], fact(Subject::Step(2), What::Retried, 29 * 60_000, 0, 3));
        assert_eq!(serde_json::to_string(&facts).unwrap(), *text);
        let open: Facts = serde_json::from_str(r#"{"s":"running","f":[]}"#).unwrap();
        assert_eq!((open.ending, open.took, open.retries, open.had_incident), (None, None, 0, false));
        let ended = r#"{"s":"completed","e":"confirmed","f":[],"t":1234,"r":2,"i":true}"#;
        let facts: Facts = serde_json::from_str(ended).unwrap();
        assert_eq!((facts.took, facts.retries, facts.had_incident), (Some(1234), 2, true));
        assert_eq!(serde_json::to_string(&facts).unwrap(), ended);
    }

    #[test]
    fn errors_that_differ_only_by_ids_and_numbers_are_one_group() {
        for (reason, kind) in [
            (
                "refused: unknown_order: there is no order 229b6af7-250d-4e93-aec3-d1424c480c22",
                "refused: unknown_order: there is no order …",
            ),
            ("out of retries: not answered in time", "out of retries: not answered in time"),
            ("HTTP 503 from 10.0.0.7:18080, trace 64e187c8d33c4be4", "HTTP 503 from 10.0.0.7:…, trace …"),
            ("não há estoque — é o fim", "não há estoque — é o fim"),
            ("", ""),
        ] {
            assert_eq!(kind_of(reason), kind);
        }
    }
}
