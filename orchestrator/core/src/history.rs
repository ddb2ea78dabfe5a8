//! What a saga remembers of its way: one entry for each move, bounded. Apart, so that the bound is kept in one place.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many entries a history keeps. Beyond it the oldest is dropped and counted in [`crate::Saga::folded`].
pub const HISTORY_LIMIT: usize = 64;

/// How many bytes of a text from outside (a reason, an error) are kept.
pub const TEXT_LIMIT: usize = 300;

/// One entry of a saga's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The step it is about; empty: the saga itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// The attempt it is about, from 1; 0: none.
    #[serde(default, rename = "n", skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// What happened.
    pub what: What,
    /// Why: a reason, an error, what was ignored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Milliseconds between the sending of the command and this answer (or timeout); 0: not an answer.
    #[serde(default, rename = "ms", skip_serializing_if = "is_no_time")]
    pub waited: u64,
}

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The saga began.
    Started,
    /// A command was sent; or, for a receive step, the wait began.
    Sent,
    /// The step was answered ok.
    Done,
    /// The step was refused.
    Refused,
    /// An attempt failed.
    Failed,
    /// An attempt, or a wait, was not answered in time.
    TimedOut,
    /// The step was in flight and given up, because the saga turned back.
    Abandoned,
    /// The step's condition did not hold; `why` is the condition.
    Skipped,
    /// The saga turned back; `why` says what for.
    TurnedBack,
    /// A compensation was sent.
    Undoing,
    /// The step was undone.
    Undone,
    /// An attempt to undo failed.
    UndoFailed,
    /// An attempt to undo was not answered in time.
    UndoTimedOut,
    /// A compensation was refused.
    UndoRefused,
    /// The saga needs an operator; `why` says what for.
    Incident,
    /// What stood in the way was answered; the saga goes on.
    Resumed,
    /// A callback came before its step waits for it, and is kept.
    Kept,
    /// A late answer said that the step happened, after all: it is undone, once more if need be.
    Happened,
    /// An operator acted; `why` says who, what and why.
    Operated,
    /// An operator wanted to act and could not; `why` says who, what and why not.
    OperatorRefused,
    /// An input changed nothing; `why` says why.
    Ignored,
    /// The saga ended; `why` is the ending's status.
    Ended,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_no_time(n: &u64) -> bool {
    *n == 0
}

/// A text from outside, cut to [`TEXT_LIMIT`] bytes at a character's border.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        let end = (0..=TEXT_LIMIT).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
