//! The state of one saga. The journal records it at each transition, so empty fields are left out of its JSON.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::data::Data;
use crate::history::{self, Entry, bounded};
use crate::message::{Action, Callback};
use crate::operation::OperationRecord;
use crate::status::{Status, StepStatus};
use crate::task::Task;
use crate::time::Timestamp;

/// The state of one saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Saga {
    /// The saga's id; for an order's saga, the order's id.
    pub id: Uuid,
    /// The name of the definition.
    pub definition: String,
    /// The version of the definition. A saga never changes its version.
    pub version: u32,
    /// The canonical hash of the definition when the saga started.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// The customer, if the definition names the path of its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The saga's status.
    pub status: Status,
    /// When the saga started.
    pub started: Timestamp,
    /// When the saga last changed.
    pub updated: Timestamp,
    /// When the saga was completed or compensated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When the saga aborts unless its steps are done; `None` once the pivot has begun or the ending is known. A pause
    /// postpones the deadline by its duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When the current pause began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Timestamp>,
    /// The starting event and the outputs of the steps.
    pub data: Data,
    /// The steps, in the definition's order.
    pub steps: Vec<StepState>,
    /// The command that reports the ending: like a step, named `conclude`.
    pub conclude: StepState,
    /// The ending; known once the saga aborts or all steps are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Callbacks that arrived before their step began to wait; at most one for each `receive` step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<Callback>,
    /// The history, oldest entry first; at most [`crate::HISTORY_LIMIT`] entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Entry>,
    /// The last operations of operators, oldest first; at most [`crate::OPERATIONS_LIMIT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationRecord>,
    /// The progress, if the definition has a `[progress]` table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressState>,
    /// The number of entries dropped from the history.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub folded: u32,
    /// W3C trace context of the starting event, passed on unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The progress of a saga: the status of the last done step that has one, or that of a cancelled saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProgressState {
    /// The status, such as `reserved`.
    pub status: String,
    /// When the progress message is due; `None` once it was sent, or the ending is known and reported instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// The ending of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ending {
    /// The status from the definition's endings, such as `confirmed`.
    pub status: String,
    /// The reason, such as `out_of_stock`; `None` for a completed saga without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The step at which the saga aborted; `None` if it completed, or if an operator or the deadline aborted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Set if an operator, the cancelling event or the deadline aborted the saga.
    #[serde(rename = "called_off", default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// The state of one step of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StepState {
    /// The step's name in the definition.
    pub name: String,
    /// The step's status.
    pub status: StepStatus,
    /// The number of the last attempt sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The number of the last attempt of its compensation.
    #[serde(rename = "undos", default, skip_serializing_if = "is_zero")]
    pub compensations: u32,
    /// When the first command was sent, the wait began or the rules were checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the last command was sent; `None` unless a reply, a callback or a retry is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// When the step reached its status, if nothing is pending in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The pending timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<(TimerKind, Timestamp)>,
    /// Set once an attempt failed or timed out: the step may have happened even if a later attempt is refused.
    #[serde(rename = "doubt", default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
    /// Set once a reply reported that the step happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub happened: bool,
    /// Set if that reply arrived after the compensation was sent: the step must be compensated once more.
    #[serde(rename = "again", default, skip_serializing_if = "std::ops::Not::not")]
    pub compensate_again: bool,
    /// The number of compensations sent before a late success made another one necessary. Replies to them no longer
    /// count: they may have arrived before the command.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub superseded_compensations: u32,
    /// The number of attempts made before an operator reset the retries.
    #[serde(rename = "forgiven", default, skip_serializing_if = "is_zero")]
    pub attempts_before_reset: u32,
    /// The reason of the status: of a refusal, or the last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the callback that ended the wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// The task of the people who answer the step, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The outcome before the compensation began. Only for display: no decision depends on it.
    #[serde(rename = "was", default, skip_serializing_if = "Option::is_none")]
    pub before_compensation: Option<StepOutcome>,
}

/// The outcome of a step before its compensation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The status when the compensation began.
    pub status: StepStatus,
    /// When the step reached that status.
    pub at: Timestamp,
    /// When the first compensation was sent.
    pub until: Timestamp,
}

/// The kind of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The reply or callback is late.
    Timeout,
    /// Send the next attempt.
    Retry,
}

/// A timer of a saga. It belongs to the state of its step, and ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer<'a> {
    /// The step.
    pub step: &'a str,
    /// Execution or compensation.
    pub action: Action,
    /// The attempt in flight, or the next one.
    pub attempt: u32,
    /// The kind of the timer.
    pub kind: TimerKind,
    /// When the timer is due.
    pub at: Timestamp,
}

impl Saga {
    /// Records that an operator started the saga, which is new. Texts are cut to [`crate::TEXT_LIMIT`] bytes.
    pub fn record_start(&mut self, start: OperationRecord) {
        let OperationRecord { id, at, by, why, from, action, refused } = start;
        let by = bounded(by);
        let why = bounded(why);
        if let Some(first) = self.history.first_mut() {
            first.why = bounded(format!("by {by}: {why}"));
        }
        let id = bounded(id);
        let from = from.map(bounded);
        self.operations.push(OperationRecord { id, at, by, why, from, action, refused });
    }

    /// Returns true unless the saga is completed or compensated.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// When to call [`crate::decide()`] with [`crate::Input::Timer`] at the latest: the earliest of the timers, in
    /// milliseconds since the epoch. `None` for a paused or ended saga.
    #[must_use]
    pub fn wake_at(&self) -> Option<i64> {
        let due = self.progress.as_ref().and_then(|progress| progress.due);
        let running = [self.deadline, due].into_iter().flatten().filter(|_| self.status == Status::Running);
        self.timers().map(|timer| timer.at).chain(running).map(|at| at.0).min()
    }

    /// The timers, in the order of the steps.
    pub fn timers(&self) -> impl Iterator<Item = Timer<'_>> {
        let runs = matches!(self.status, Status::Running | Status::Compensating | Status::Incident);
        self.all_steps().filter(move |_| runs).filter_map(|step| {
            let (kind, at) = step.timer?;
            let compensating = step.status == StepStatus::Compensating;
            let action = if compensating { Action::Compensate } else { Action::Execute };
            let sent = step.sent_attempts(action);
            let attempt = if kind == TimerKind::Retry { sent.saturating_add(1) } else { sent };
            Some(Timer { step: &step.name, action, attempt, kind, at })
        })
    }

    /// The step with this name; `conclude` counts as a step.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepState> {
        self.all_steps().find(|step| step.name == name)
    }

    /// When the oldest pending step became pending, for display.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.current().filter_map(StepState::since).min()
    }

    /// The names of the pending steps, for display.
    pub fn current_steps(&self) -> impl Iterator<Item = &str> {
        self.current().map(|step| step.name.as_str())
    }

    /// The pending steps: see [`StepState::is_current`].
    pub fn current(&self) -> impl Iterator<Item = &StepState> {
        self.all_steps().filter(|step| step.is_current())
    }

    /// The steps that are open tasks of people.
    pub fn tasks(&self) -> impl Iterator<Item = (&StepState, &Task)> {
        self.steps.iter().filter_map(|step| Some((step, step.task.as_ref()?)))
    }

    /// The steps, then `conclude`.
    pub fn all_steps(&self) -> impl Iterator<Item = &StepState> {
        self.steps.iter().chain(std::iter::once(&self.conclude))
    }

    /// Returns true if the saga was aborted: its steps are being compensated, or have been.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.step.is_some() || ending.cancelled)
    }

    /// Adds an entry to the history, which stays within its limit.
    pub(crate) fn record(&mut self, entry: Entry) {
        self.folded = self.folded.saturating_add(history::add(&mut self.history, entry));
    }
}

impl StepState {
    /// The outcome of the execution and its time, also after a compensation; `None` while it is open, and for a step
    /// that never began. An outcome never changes.
    #[must_use]
    pub fn outcome(&self) -> Option<(StepStatus, Timestamp)> {
        if let Some(outcome) = self.before_compensation {
            return Some((outcome.status, outcome.at));
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

    /// Returns true if the step is pending: it waits for a reply, a callback, its next attempt or an operator.
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

    /// When the execution, or the compensation if it has begun, was first sent.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.before_compensation.map(|outcome| outcome.until).or(self.started)
    }

    /// Returns true if an attempt is in flight, rather than the pause before the next one.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.timer.is_some_and(|(kind, _)| kind == TimerKind::Timeout)
    }

    /// The action sent last. A step is never executed again once its compensation has begun.
    #[must_use]
    pub const fn action(&self) -> Action {
        if self.compensations == 0 { Action::Execute } else { Action::Compensate }
    }

    /// The number of the last attempt of an action.
    #[must_use]
    pub const fn sent_attempts(&self, action: Action) -> u32 {
        match action {
            Action::Execute => self.attempts,
            Action::Compensate => self.compensations,
        }
    }

    /// Returns true if this attempt may have preceded the step's execution, which requires a later compensation.
    pub(crate) fn is_superseded(&self, action: Action, attempt: u32) -> bool {
        action == Action::Compensate && attempt <= self.superseded_compensations
    }

    /// Schedules another compensation, which replies to earlier ones do not end.
    pub(crate) const fn supersede_compensations(&mut self) {
        self.superseded_compensations = self.compensations;
        self.status = StepStatus::Abandoned;
    }

    /// Returns true if the step is stuck in this action, until an operator intervenes or a late reply arrives.
    pub(crate) fn is_stuck(&self, action: Action) -> bool {
        self.status == StepStatus::Stuck && self.action() == action
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
