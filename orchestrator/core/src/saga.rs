//! The state of one saga. It is written to the journal at each move, so its JSON is small: what is empty is left out.
//! Apart from what changes it, because others read it: the view, the dashboard, the tests.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data::Data;
use crate::history::{Entry, HISTORY_LIMIT};
use crate::input::{Action, Callback};
use crate::operate::Operated;
use crate::status::{Status, StepStatus};
use crate::time::Timestamp;

/// One saga, whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Saga {
    /// Its id; for an order's saga the order's id.
    pub id: Uuid,
    /// The name of its definition.
    pub definition: String,
    /// The version of its definition; a saga stays on it.
    pub version: u32,
    /// The canonical hash that the definition had when it began.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// Whose it is, where the definition says where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Where it is.
    pub status: Status,
    /// When it began.
    pub started: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it was completed or compensated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When it turns back if it is not done by then; gone once that can't be any more. While it is paused it stands still: it
    /// is later by the pause once that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Since when it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Timestamp>,
    /// What it knows: the starting event and the outputs of its steps.
    pub data: Data,
    /// Its steps, in the definition's order.
    pub steps: Vec<StepState>,
    /// The telling of the ending: like a step, named `conclude`.
    pub conclude: StepState,
    /// How it ends, known from the moment it turned back or all was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Callbacks that came before their step waits for them; at most one for each `receive` step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<Callback>,
    /// What happened, oldest first; at most [`HISTORY_LIMIT`] entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Entry>,
    /// What operators asked for last, oldest first; at most [`crate::OPERATIONS_LIMIT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operated>,
    /// How far it is, where its definition says whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Reached>,
    /// How many older entries the history has dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub folded: u32,
    /// W3C trace context, carried along unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// How far a saga is: the status of the step that was done last, of those that have one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reached {
    /// The status, such as `reserved`.
    pub status: String,
    /// When it is told; gone once it was, and once the saga's ending is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// How a saga ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ending {
    /// The status from the definition's endings, such as `confirmed`.
    pub status: String,
    /// Why, such as `out_of_stock`; `None` where all was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The step that turned the saga back; `None` where all was done, or where it was no step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// An operator or the deadline turned the saga back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called_off: bool,
}

/// One step of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StepState {
    /// Its name in the definition.
    pub name: String,
    /// Where it is.
    pub status: StepStatus,
    /// How many times it was attempted: the number of the last attempt sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// How many times its compensation was attempted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undos: u32,
    /// When its first command was sent, or its wait began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When its last command was sent, while an answer or a retry is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// When it came to the status it has, if that waits for nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What is to happen if nothing else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<(TimerKind, Timestamp)>,
    /// Some attempt failed or timed out, so that it may have happened whatever a later answer says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// An answer said that it happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub happened: bool,
    /// That answer came after the compensation was sent: it is to be undone once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// How many attempts were made before its retries began anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forgiven: u32,
    /// Why it is where it is: the reason of a refusal, the last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the callback that answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// What it was before it was undone. For people: nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Was>,
}

/// What a step was before it was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Was {
    /// How doing it had come out.
    pub status: StepStatus,
    /// When it had.
    pub at: Timestamp,
    /// When its first compensation was sent.
    pub until: Timestamp,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The answer is late.
    Timeout,
    /// Send the next attempt.
    Retry,
}

/// A timer of a saga. It names what it is for, and is part of that step's state: when the step moves on, it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer<'a> {
    /// The step.
    pub step: &'a str,
    /// Doing or undoing.
    pub action: Action,
    /// The attempt that is waited for, or that comes next.
    pub attempt: u32,
    /// What it is for.
    pub kind: TimerKind,
    /// When it is due.
    pub at: Timestamp,
}

impl Saga {
    /// Whether something may still happen. An incident is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// When to call [`crate::decide()`] with [`crate::Input::Timer`], if nothing else happens before: the earliest of its
    /// timers, in milliseconds since the epoch. A paused or ended saga has none.
    #[must_use]
    pub fn wake_at(&self) -> Option<i64> {
        let due = self.progress.as_ref().and_then(|progress| progress.due);
        let running = [self.deadline, due].into_iter().flatten().filter(|_| self.status == Status::Running);
        self.timers().map(|timer| timer.at).chain(running).map(|at| at.0).min()
    }

    /// Its timers, in the order of its steps.
    pub fn timers(&self) -> impl Iterator<Item = Timer<'_>> {
        let runs = matches!(self.status, Status::Running | Status::Compensating | Status::Incident);
        self.all_steps().filter(move |_| runs).filter_map(|step| {
            let (kind, at) = step.timer?;
            let undoing = step.status == StepStatus::Compensating;
            let (action, sent) =
                if undoing { (Action::Compensate, step.undos) } else { (Action::Execute, step.attempts) };
            let attempt = if kind == TimerKind::Retry { sent.saturating_add(1) } else { sent };
            Some(Timer { step: &step.name, action, attempt, kind, at })
        })
    }

    /// A step by its name; `conclude` is one too.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepState> {
        self.all_steps().find(|step| step.name == name)
    }

    /// Since when it waits, for people: "how long is that?". Of several steps, the one that began first.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.current().filter_map(StepState::since).min()
    }

    /// The names of the steps that something is waited for, for people: "where is it?".
    pub fn current_steps(&self) -> impl Iterator<Item = &str> {
        self.current().map(|step| step.name.as_str())
    }

    /// The steps that something is waited for.
    pub fn current(&self) -> impl Iterator<Item = &StepState> {
        self.all_steps().filter(|step| step.is_current())
    }

    /// Its steps, and the telling of the ending last.
    pub fn all_steps(&self) -> impl Iterator<Item = &StepState> {
        self.steps.iter().chain(std::iter::once(&self.conclude))
    }

    /// Whether something stood in the way, so that the saga goes (or went) back.
    #[must_use]
    pub fn turned(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.step.is_some() || ending.called_off)
    }

    /// Adds to the history, and drops the oldest entries beyond the limit.
    pub(crate) fn record(&mut self, entry: Entry) {
        if self.history.len() >= HISTORY_LIMIT {
            let beyond = self.history.len() + 1 - HISTORY_LIMIT;
            self.history.drain(..beyond);
            self.folded = self.folded.saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
        }
        self.history.push(entry);
    }
}

impl StepState {
    /// How doing it came out, and when, whatever became of it afterwards; `None` while that is open, and for a step that was
    /// never begun. It never changes once it is there.
    #[must_use]
    pub fn outcome(&self) -> Option<(StepStatus, Timestamp)> {
        if let Some(was) = self.was {
            return Some((was.status, was.at));
        }
        match self.status {
            StepStatus::Done
            | StepStatus::Refused
            | StepStatus::Failed
            | StepStatus::TimedOut
            | StepStatus::Abandoned => Some((self.status, self.ended?)),
            StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Retrying
            | StepStatus::Compensating
            | StepStatus::Compensated
            | StepStatus::Stuck
            | StepStatus::Skipped => None,
        }
    }

    /// Whether something is waited for: an answer, the next attempt, or an operator.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        match self.status {
            StepStatus::Running | StepStatus::Retrying | StepStatus::Compensating | StepStatus::Stuck => true,
            StepStatus::Waiting
            | StepStatus::Done
            | StepStatus::Refused
            | StepStatus::Failed
            | StepStatus::TimedOut
            | StepStatus::Abandoned
            | StepStatus::Compensated
            | StepStatus::Skipped => false,
        }
    }

    /// Since when something is waited for: its answer, with all attempts, or that it is undone.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.was.map(|was| was.until).or(self.started)
    }

    /// Whether an answer is waited for, and not the time of the next attempt.
    pub(crate) fn timer_is_timeout(&self) -> bool {
        self.timer.is_some_and(|(kind, _)| kind == TimerKind::Timeout)
    }

    /// What was sent last: once it is being undone, it is never done again.
    pub(crate) const fn action(&self) -> Action {
        if self.undos == 0 { Action::Execute } else { Action::Compensate }
    }

    /// Whether it stands in the way until an operator decides, or a late answer comes, to this.
    pub(crate) fn is_stuck(&self, action: Action) -> bool {
        self.status == StepStatus::Stuck && self.action() == action
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
