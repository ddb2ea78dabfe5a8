//! A transition of one saga: the state being changed, its effects so far, and the primitives that every rule uses.

use std::time::Duration;

use serde_json::Value;

use crate::data::{SENT_LIMIT, weight};
use crate::decision::{Decision, Effect};
use crate::definition::{Call, Definition, Step, Work};
use crate::history::{Entry, Subject, What, bounded};
use crate::message::{Action, command_id};
use crate::payload::Payload;
use crate::saga::{ProgressState, Saga, StepOutcome, StepState, TimerKind};
use crate::status::{Status, StepStatus};
use crate::time::Timestamp;

/// The reason of a step whose command can't be sent.
const TOO_LARGE: &str = "command_too_large";

/// A step of a saga, or its conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepRef {
    /// The step at this index of the definition.
    Step(usize),
    /// The command that reports the ending.
    Conclude,
}

impl StepRef {
    /// All steps of a saga with this many, the conclusion last.
    pub(crate) fn all(steps: usize) -> impl Iterator<Item = Self> {
        (0..steps).map(Self::Step).chain(std::iter::once(Self::Conclude))
    }
}

/// Where a payload goes that a decision wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Into this decision.
    Now,
    /// Into the next one: it is too large after the others of this decision.
    Later,
    /// Nowhere: it is too large for any decision.
    Never,
}

/// A transition in progress.
pub(crate) struct Transition<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) saga: Saga,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    /// The size of the effects, at most [`SENT_LIMIT`].
    sent: usize,
    notes: Vec<String>,
    pub(crate) changed: bool,
}

impl<'d> Transition<'d> {
    pub(crate) fn new(definition: &'d Definition, saga: Saga, now: Timestamp) -> Self {
        Self { definition, saga, now, effects: Vec::new(), sent: 0, notes: Vec::new(), changed: false }
    }

    pub(crate) fn finish(mut self) -> Decision {
        self.end_tasks();
        if self.changed {
            self.saga.updated = self.now;
        }
        Decision { saga: Some(self.saga), effects: self.effects, notes: self.notes, changed: self.changed }
    }

    /// The time by which timers are set. It stands still while the saga is paused.
    pub(crate) fn timer_base(&self) -> Timestamp {
        self.saga.paused.unwrap_or(self.now)
    }

    /// All steps, the conclusion last.
    pub(crate) fn step_refs(&self) -> impl Iterator<Item = StepRef> + use<> {
        StepRef::all(self.saga.steps.len())
    }

    /// The step with this name.
    pub(crate) fn find(&self, name: &str) -> Option<StepRef> {
        self.step_refs().find(|step| self.state(*step).name == name)
    }

    pub(crate) fn state(&self, step: StepRef) -> &StepState {
        match step {
            StepRef::Step(index) => &self.saga.steps[index],
            StepRef::Conclude => &self.saga.conclude,
        }
    }

    pub(crate) fn state_mut(&mut self, step: StepRef) -> &mut StepState {
        self.changed = true;
        match step {
            StepRef::Step(index) => &mut self.saga.steps[index],
            StepRef::Conclude => &mut self.saga.conclude,
        }
    }

    /// The definition of a step; `None` for the conclusion.
    pub(crate) fn defined(&self, step: StepRef) -> Option<&'d Step> {
        match step {
            StepRef::Step(index) => self.definition.steps.get(index),
            StepRef::Conclude => None,
        }
    }

    /// The command of a step; `None` for a step that waits for a callback or checks rules.
    pub(crate) fn call(&self, step: StepRef, action: Action) -> Option<&'d Call> {
        call_of(self.definition, step, action)
    }

    /// Returns true if the pivot is done or skipped, so that nothing is compensated any more.
    pub(crate) fn past_pivot(&self) -> bool {
        let passed =
            |pivot: usize| matches!(self.state(StepRef::Step(pivot)).status, StepStatus::Done | StepStatus::Skipped);
        !self.saga.is_aborted() && self.definition.pivot().is_some_and(passed)
    }

    /// Returns true if the pivot is done or may be.
    pub(crate) fn pivot_has_begun(&self) -> bool {
        let begun = |pivot: usize| self.state(StepRef::Step(pivot)).status != StepStatus::Waiting;
        self.definition.pivot().is_some_and(begun)
    }

    /// Adds an entry to the history.
    pub(crate) fn record(&mut self, subject: Subject, what: What, why: String) {
        self.changed = true;
        self.saga.record(Entry::new(self.now, subject, what, why));
    }

    /// Adds an entry about an attempt of a step to the history, with the time since its command was sent.
    pub(crate) fn record_attempt(&mut self, step: StepRef, attempt: u32, what: What, why: &str) {
        let state = self.state(step);
        let waited = state.sent.map_or(0, |sent| self.now.since(sent));
        let subject = Subject::Attempt { step: state.name.clone(), attempt, waited };
        self.record(subject, what, why.to_owned());
    }

    /// Records an input that changes nothing, in the history and for the log.
    pub(crate) fn ignore(&mut self, subject: Subject, why: String) {
        self.notes.push(match &subject {
            Subject::Saga => why.clone(),
            Subject::Step(step) | Subject::Attempt { step, .. } => format!("{step}: {why}"),
        });
        self.record(subject, What::Ignored, why);
    }

    /// Adds a note for the log.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Brings a step to a status without a timer.
    pub(crate) fn settle(&mut self, step: StepRef, status: StepStatus, reason: Option<String>) {
        let now = self.now;
        let state = self.state_mut(step);
        state.status = status;
        state.ended = Some(now);
        state.timer = None;
        state.sent = None;
        state.reason = reason.map(bounded);
        if status == StepStatus::Done {
            self.update_progress(step);
        }
    }

    /// Sets the progress of the saga to the status of a step that is done.
    fn update_progress(&mut self, step: StepRef) {
        let Some(progress) = &self.definition.progress else { return };
        let Some(status) = self.defined(step).and_then(|step| step.status.as_ref()) else { return };
        if self.saga.ending.is_some() {
            return;
        }
        let due = self.timer_base().plus(progress.after);
        self.changed = true;
        self.saga.progress = Some(ProgressState { status: status.clone(), due: Some(due) });
    }

    /// Cancels a progress message that is due: the ending is reported instead.
    pub(crate) fn cancel_progress(&mut self) {
        if let Some(progress) = &mut self.saga.progress {
            progress.due = None;
        }
    }

    /// Counts a payload that can still be sent by this decision.
    pub(crate) fn take_room(&mut self, payload: &Value) -> Room {
        let size = weight(payload, SENT_LIMIT);
        if size > SENT_LIMIT {
            return Room::Never;
        }
        let all = self.sent + size;
        if all > SENT_LIMIT {
            return Room::Later;
        }
        self.sent = all;
        Room::Now
    }

    /// Sends the next attempt of a step or of its compensation. A command that is too large is refused, one that is too
    /// large after the others of this decision is sent by the next one.
    pub(crate) fn send(&mut self, step: StepRef, action: Action) {
        let Some(call) = self.call(step, action) else { return };
        let payload = Payload::new(self.definition, &self.saga).value(&call.input);
        if action == Action::Compensate {
            self.begin_compensation(step);
        }
        match self.take_room(&payload) {
            Room::Never => self.refuse_too_large(step, action),
            Room::Later => self.postpone(step, action),
            Room::Now => {
                let attempt = self.begin_attempt(step, action, call);
                let effect = self.command(call, step, attempt, action, payload);
                self.effects.extend(effect);
            }
        }
    }

    /// Records the outcome before a compensation, once.
    fn begin_compensation(&mut self, step: StepRef) {
        let now = self.now;
        let state = self.state_mut(step);
        if state.compensations == 0 && state.status != StepStatus::Compensating {
            state.attempts_before_reset = 0;
            let at = state.ended.unwrap_or(now);
            state.before_compensation = Some(StepOutcome { status: state.status, at, until: now });
        }
    }

    fn refuse_too_large(&mut self, step: StepRef, action: Action) {
        let now = self.now;
        let state = self.state_mut(step);
        state.started.get_or_insert(now);
        match action {
            Action::Execute => state.attempts = state.attempts.saturating_add(1),
            Action::Compensate => state.compensations = state.compensations.saturating_add(1),
        }
        let attempt = state.sent_attempts(action);
        let why = format!("{TOO_LARGE}: its command has more than {SENT_LIMIT} bytes");
        self.refuse(step, attempt, action, TOO_LARGE.to_owned(), &why);
    }

    /// Leaves an attempt to the next decision, which follows at once.
    fn postpone(&mut self, step: StepRef, action: Action) {
        let now = self.now;
        let state = self.state_mut(step);
        state.timer = Some((TimerKind::Retry, now.plus(Duration::from_millis(1))));
        match action {
            Action::Execute => {
                state.status = StepStatus::Retrying;
                state.started.get_or_insert(now);
            }
            Action::Compensate => state.status = StepStatus::Compensating,
        }
    }

    /// Brings a step to the status of its next attempt, and returns the attempt's number.
    fn begin_attempt(&mut self, step: StepRef, action: Action, call: &Call) -> u32 {
        let now = self.now;
        let timeout = call.timeout;
        let state = self.state_mut(step);
        state.sent = None;
        state.timer = Some((TimerKind::Timeout, now.plus(timeout)));
        let (attempt, what) = match action {
            Action::Execute => {
                state.status = StepStatus::Running;
                state.started.get_or_insert(now);
                state.attempts = state.attempts.saturating_add(1);
                (state.attempts, What::Sent)
            }
            Action::Compensate => {
                state.status = StepStatus::Compensating;
                state.compensations = state.compensations.saturating_add(1);
                (state.compensations, What::CompensationSent)
            }
        };
        self.record_attempt(step, attempt, what, "");
        self.state_mut(step).sent = Some(now);
        attempt
    }

    fn command(&self, call: &Call, step: StepRef, attempt: u32, action: Action, payload: Value) -> Option<Effect> {
        let participant = self.definition.participants.get(&call.participant)?;
        let name = self.state(step).name.clone();
        let key = Payload::new(self.definition, &self.saga).key(&participant.key);
        Some(Effect::SendCommand {
            topic: participant.topic.clone(),
            key,
            command: call.command.clone(),
            id: command_id(self.saga.id, &name, attempt, action),
            step: name,
            attempt,
            action,
            payload,
        })
    }

    /// The status in which a saga continues after a pause or an incident.
    pub(crate) fn resumed_status(&self) -> Status {
        if self.saga.is_aborted() { Status::Compensating } else { Status::Running }
    }

    /// Changes the status of the saga if [`Status::can_move`] allows it; otherwise it stays.
    pub(crate) fn set_status(&mut self, to: Status) {
        if !Status::can_move(self.saga.status, to) {
            return;
        }
        self.changed = true;
        self.saga.status = to;
        self.saga.ended = None;
        if to == Status::Incident {
            let stuck = self.saga.all_steps().find(|step| step.status == StepStatus::Stuck);
            let (subject, why) = match stuck {
                Some(step) => (Subject::Step(step.name.clone()), step.reason.clone().unwrap_or_default()),
                None => (Subject::Saga, String::new()),
            };
            self.record(subject, What::Incident, why);
        }
        if !to.is_open() {
            self.saga.ended = Some(self.now);
            let status = self.saga.ending.as_ref().map(|ending| ending.status.clone()).unwrap_or_default();
            self.record(Subject::Saga, What::Ended, status);
        }
    }
}

/// The command of a step; `None` for a step that waits for a callback or checks rules, and for a step without
/// compensation.
pub(crate) fn call_of(definition: &Definition, step: StepRef, action: Action) -> Option<&Call> {
    let defined = match step {
        StepRef::Step(index) => definition.steps.get(index)?,
        StepRef::Conclude => return (action == Action::Execute).then_some(&definition.conclude),
    };
    match (action, &defined.work) {
        (Action::Execute, Work::Execute(call)) => Some(call),
        (Action::Execute, Work::Receive(_) | Work::Check(_)) => None,
        (Action::Compensate, Work::Execute(_) | Work::Receive(_) | Work::Check(_)) => defined.compensate.as_ref(),
    }
}
