//! The bounded history of a saga: one entry for each event.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The number of entries a history keeps. Entries beyond it are dropped, the least important first, and counted in
/// [`crate::Saga::folded`].
pub const HISTORY_LIMIT: usize = 64;

/// The number of bytes kept of a text from a message (a reason, an error).
pub const TEXT_LIMIT: usize = 300;

/// One entry of a saga's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// When the event happened.
    pub at: Timestamp,
    /// The step concerned; empty if the event concerns the whole saga.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// The attempt concerned, from 1; 0 if the event concerns no attempt.
    #[serde(default, rename = "n", skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// The kind of event.
    pub what: What,
    /// The details: a reason, an error, an ignored input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Milliseconds from the command to this reply or timeout; 0 for other events.
    #[serde(default, rename = "ms", skip_serializing_if = "is_no_time")]
    pub waited: u64,
    /// How many more times the same happened.
    #[serde(default, rename = "more", skip_serializing_if = "is_zero")]
    pub repeats: u32,
    /// When it happened last, if more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// The subject of an [`Entry`].
pub(crate) enum Subject {
    /// The whole saga.
    Saga,
    /// A step.
    Step(String),
    /// An attempt of a step.
    Attempt {
        /// The step's name.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Milliseconds since the attempt was sent.
        waited: u64,
    },
}

impl Entry {
    pub(crate) fn new(at: Timestamp, subject: Subject, what: What, why: String) -> Self {
        let why = bounded(why);
        let (step, attempt, waited) = match subject {
            Subject::Saga => (String::new(), 0, 0),
            Subject::Step(step) => (step, 0, 0),
            Subject::Attempt { step, attempt, waited } => (step, attempt, waited),
        };
        Self { at, step, attempt, what, why, waited, repeats: 0, last: None }
    }

    /// Returns true if the other entry records that the same happened again.
    fn is_repeated_by(&self, other: &Self) -> bool {
        self.what == other.what && self.step == other.step && self.attempt == other.attempt && self.why == other.why
    }
}

/// Adds an entry to a history. A repetition of an input that changes nothing is counted in the entry of the first one.
/// Returns the number of entries dropped: of the least important ones the least repeated, of these the oldest. The
/// first entry stays.
pub(crate) fn add(history: &mut Vec<Entry>, entry: Entry) -> u32 {
    let counts = matches!(entry.what, What::Ignored | What::OperatorRefused);
    if counts && let Some(first) = history.iter_mut().find(|first| first.is_repeated_by(&entry)) {
        first.repeats = first.repeats.saturating_add(1);
        first.last = Some(entry.at);
        return 0;
    }
    let mut dropped = 0;
    while history.len() >= HISTORY_LIMIT {
        let importance = |index: &usize| history.get(*index).map(|entry| (entry.what.importance(), entry.repeats));
        let least = (1..history.len()).min_by_key(importance);
        dropped += 1;
        match least.filter(|index| importance(index) <= Some((entry.what.importance(), u32::MAX))) {
            Some(index) => _ = history.remove(index),
            None => return dropped,
        }
    }
    history.push(entry);
    dropped
}

/// How long an entry stays in a full history. Operators can act without limit, so their actions and the incidents that
/// follow never displace a decision, of which a saga makes few.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Importance {
    /// An input that changed nothing.
    Noise,
    /// One of several attempts.
    Attempt,
    /// An operator's action that was refused.
    Refusal,
    /// An operator's action, or the begin or end of an incident.
    Intervention,
    /// A decision.
    Decision,
}

/// The kind of event of an [`Entry`]. Some names in journals differ: they are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The saga started.
    Started,
    /// A command was sent, or the wait of a `receive` step began.
    Sent,
    /// The step succeeded.
    Done,
    /// The step was refused.
    Refused,
    /// An attempt failed.
    Failed,
    /// An attempt or a wait timed out.
    TimedOut,
    /// The step was in flight when the saga was aborted.
    Abandoned,
    /// The step's condition did not hold; `why` is the condition.
    Skipped,
    /// The saga was aborted; `why` is the reason of the ending.
    #[serde(rename = "turned_back")]
    CompensationStarted,
    /// A compensation was sent.
    #[serde(rename = "undoing")]
    CompensationSent,
    /// The step was compensated.
    #[serde(rename = "undone")]
    Compensated,
    /// A compensation failed.
    #[serde(rename = "undo_failed")]
    CompensationFailed,
    /// A compensation timed out.
    #[serde(rename = "undo_timed_out")]
    CompensationTimedOut,
    /// A compensation was refused.
    #[serde(rename = "undo_refused")]
    CompensationRefused,
    /// The saga needs an operator; `why` is the reason of the stuck step.
    Incident,
    /// The incident ended.
    Resumed,
    /// A callback arrived before its step began to wait, and is stored.
    #[serde(rename = "kept")]
    CallbackStored,
    /// A late reply reported that the step happened: it is compensated, once more if necessary.
    Happened,
    /// An operation was applied; `why` names it, the operator and the reason.
    #[serde(rename = "operated")]
    OperatorAction,
    /// An operation was refused; `why` names it, the operator and the reason of the refusal.
    OperatorRefused,
    /// An input was ignored; `why` describes it.
    Ignored,
    /// The saga ended; `why` is the status of the ending.
    Ended,
}

impl What {
    const fn importance(self) -> Importance {
        match self {
            Self::Ignored => Importance::Noise,
            Self::Sent
            | Self::Failed
            | Self::TimedOut
            | Self::CompensationSent
            | Self::CompensationFailed
            | Self::CompensationTimedOut => Importance::Attempt,
            Self::OperatorRefused => Importance::Refusal,
            Self::OperatorAction | Self::Incident | Self::Resumed => Importance::Intervention,
            Self::Started
            | Self::Done
            | Self::Refused
            | Self::Abandoned
            | Self::Skipped
            | Self::CompensationStarted
            | Self::Compensated
            | Self::CompensationRefused
            | Self::CallbackStored
            | Self::Happened
            | Self::Ended => Importance::Decision,
        }
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_no_time(n: &u64) -> bool {
    *n == 0
}

/// Truncates a text to [`TEXT_LIMIT`] bytes at a character boundary.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        let end = (0..=TEXT_LIMIT).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
