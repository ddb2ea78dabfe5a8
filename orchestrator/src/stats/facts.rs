//! What a saga's state counts for: a pure function of it. Steps are named by their place, so that what was counted for
//! a saga takes a few bytes in its row.

use saga::{Saga, StepState, StepStatus};
use serde::{Deserialize, Serialize};

use super::MINUTE;
use super::histogram::bucket;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum What {
    /// A step began; without a step, a saga did.
    Started = 0,
    /// It was done, and how long that took.
    Done = 1,
    /// It was refused.
    Refused = 2,
    /// It ran out of retries.
    Failed = 3,
    /// It ran out of time.
    TimedOut = 4,
    /// It was given up since the saga turned back.
    Abandoned = 5,
    /// It was tried again so many times.
    Retried = 6,
    /// A saga ended; the name of the ending stands where the step's does.
    Ended = 7,
}

/// So many of something in a minute: the step's place, what, the minute since 1970, the bucket of the time it took, how
/// many.
pub type Fact = (u8, u8, i64, u8, u32);
/// A step that is waited for now: its place, since when, its status, and why it is where it is.
pub type Wait = (u8, i64, String, String);

/// The place of what is about the saga as a whole.
pub const WHOLE: u8 = u8::MAX;

/// What a saga counts for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its status.
    #[serde(rename = "s")]
    pub status: String,
    /// How it ended.
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    pub ending: String,
    /// What is counted by the minute.
    #[serde(rename = "f")]
    pub facts: Vec<Fact>,
    /// What it waits for.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
}

impl Facts {
    /// Of a saga.
    pub fn of(saga: &Saga) -> Self {
        let mut facts = vec![(WHOLE, What::Started as u8, minute(saga.started.0), 0, 1)];
        let mut waits = Vec::new();
        for (place, step) in (0..WHOLE).zip(saga.all_steps()) {
            of_step(place, step, &mut facts);
            if saga.is_open() && step.is_current() {
                let since = step.since().map_or(saga.updated.0, |at| at.0);
                let reason = kind_of(step.reason.as_deref().unwrap_or_default());
                waits.push((place, since, step.status.as_str().to_owned(), reason));
            }
        }
        let mut ending = String::new();
        if let (Some(ended), Some(told)) = (saga.ended, &saga.ending) {
            let took = bucket(ended.since(saga.started));
            facts.push((WHOLE, What::Ended as u8, minute(ended.0), took, 1));
            ending.clone_from(&told.status);
        }
        Self { status: saga.status.as_str().to_owned(), ending, facts, waits }
    }
}

fn of_step(place: u8, step: &StepState, facts: &mut Vec<Fact>) {
    let Some(started) = step.started else { return };
    facts.push((place, What::Started as u8, minute(started.0), 0, 1));
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
    facts.push((place, what as u8, minute(at.0), bucket(at.since(started)), 1));
    if step.attempts > 1 {
        facts.push((place, What::Retried as u8, minute(at.0), 0, step.attempts - 1));
    }
}

/// A reason without what makes it one saga's own, such as ids and long numbers: those that are alike then are one
/// error.
fn kind_of(reason: &str) -> String {
    let own = |word: &str| {
        let (digits, length) = (word.bytes().filter(u8::is_ascii_digit).count(), word.len());
        let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        hex && digits > 0 && length >= 8 || digits == length && length >= 4
    };
    let (mut kind, mut rest) = (String::new(), reason);
    while !rest.is_empty() {
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        kind.push_str(if own(word) { "…" } else { word });
        let next = after.find(in_word).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        kind.push_str(between);
        rest = after;
    }
    kind
}

fn minute(at: i64) -> i64 {
    at.div_euclid(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_by_ids_and_numbers_are_one() {
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
