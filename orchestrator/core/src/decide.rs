//! The decision: an input is taken in (`answer`), then the saga goes as far as it can, onwards (`forward`) or back
//! (`back`), and tells how far it is (`progress`). Here is what these share: the state being changed, its history, and every change of the saga's status.

use serde_json::Value;
use uuid::Uuid;

use crate::data::Data;
use crate::definition::{CONCLUDE, Call, Definition, Work};
use crate::history::{Entry, What, bounded};
use crate::input::{Action, Decision, Effect, Input, command_id};
use crate::saga::{Saga, StepState, TimerKind, Was};
use crate::status::{Status, StepStatus};
use crate::time::Timestamp;

/// Decides what follows from an input.
///
/// Pure and total: the same arguments give the same decision, and there is one for all of them. What makes no sense (an
/// answer to an attempt that was never sent, a callback for an ended saga, another definition than the saga's) changes
/// nothing but the history, and is told in [`Decision::notes`]. Without a saga only [`Input::Start`] does anything.
///
/// `now` need not grow from call to call. A timer fires in the first [`Input::Timer`] at or after its time.
#[must_use]
pub fn decide(definition: &Definition, saga: Option<Saga>, input: Input, now: Timestamp) -> Decision {
    let Some(saga) = saga else {
        return match input {
            Input::Start { id, data, traceparent } => begin(definition, id, data, traceparent, now),
            Input::Reply { .. } | Input::Callback(_) | Input::Timer | Input::Operator(_) => {
                nothing(None, "there is no such saga".to_owned())
            }
        };
    };
    if !fits(definition, &saga) {
        let note = format!(
            "the saga runs on {} version {}, which {} version {} is not",
            saga.definition, saga.version, definition.name, definition.version
        );
        return nothing(Some(saga), note);
    }
    let mut run = Run::new(definition, saga, now);
    match input {
        Input::Start { .. } => run.ignore("", 0, "a repeated start".to_owned()),
        Input::Reply { step, attempt, action, outcome } => run.reply(&step, attempt, action, outcome),
        Input::Callback(callback) => run.callback(callback),
        Input::Timer => run.timer(),
        Input::Operator(operation) => run.operate(operation),
    }
    run.advance();
    run.finish()
}

fn begin(definition: &Definition, id: Uuid, data: Data, traceparent: Option<String>, now: Timestamp) -> Decision {
    let waiting = |name: &str| StepState { name: name.to_owned(), ..StepState::default() };
    let saga = Saga {
        id,
        definition: definition.name.clone(),
        version: definition.version,
        hash: definition.hash().to_owned(),
        customer: definition.customer.as_ref().and_then(|path| data.get(path)).and_then(text_of).map(bounded),
        status: Status::Running,
        started: now,
        updated: now,
        ended: None,
        deadline: definition.deadline.map(|time| now.plus(time)),
        paused: None,
        data,
        steps: definition.steps.iter().map(|step| waiting(&step.name)).collect(),
        conclude: waiting(CONCLUDE),
        ending: None,
        callbacks: Vec::new(),
        history: Vec::new(),
        operations: Vec::new(),
        folded: 0,
        progress: None,
        traceparent,
    };
    let mut run = Run::new(definition, saga, now);
    run.record("", 0, What::Started, String::new(), 0);
    run.advance();
    run.finish()
}

/// A text, or a number as one.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn nothing(saga: Option<Saga>, note: String) -> Decision {
    Decision { saga, effects: Vec::new(), notes: vec![note], changed: false }
}

/// Whether the saga is one of this definition.
fn fits(definition: &Definition, saga: &Saga) -> bool {
    saga.version == definition.version
        && saga.definition == definition.name
        && saga.steps.len() == definition.steps.len()
        && saga.steps.iter().zip(&definition.steps).all(|(state, step)| state.name == step.name)
}

/// A decision being made.
pub(crate) struct Run<'d> {
    pub(crate) definition: &'d Definition,
    pub(crate) saga: Saga,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    notes: Vec<String>,
    pub(crate) changed: bool,
}

impl<'d> Run<'d> {
    fn new(definition: &'d Definition, saga: Saga, now: Timestamp) -> Self {
        Self { definition, saga, now, effects: Vec::new(), notes: Vec::new(), changed: false }
    }

    /// For looking at a saga: nothing is decided.
    pub(crate) fn of(definition: &'d Definition, saga: Saga) -> Self {
        let now = saga.updated;
        Self::new(definition, saga, now)
    }

    /// The time by which timers are set: of a paused saga it stands still.
    pub(crate) fn clock(&self) -> Timestamp {
        self.saga.paused.unwrap_or(self.now)
    }

    fn finish(mut self) -> Decision {
        self.tell_what_is_due();
        if self.changed {
            self.saga.updated = self.now;
        }
        Decision { saga: Some(self.saga), effects: self.effects, notes: self.notes, changed: self.changed }
    }

    /// The number of steps, and the number by which the telling of the ending is known among them.
    pub(crate) fn concluding(&self) -> usize {
        self.saga.steps.len()
    }

    pub(crate) fn at(&self, step: usize) -> &StepState {
        self.saga.steps.get(step).unwrap_or(&self.saga.conclude)
    }

    pub(crate) fn at_mut(&mut self, step: usize) -> &mut StepState {
        self.changed = true;
        self.saga.steps.get_mut(step).unwrap_or(&mut self.saga.conclude)
    }

    /// The command of a step; a step that waits for a callback or keeps rules has none.
    pub(crate) fn call(&self, step: usize, action: Action) -> Option<&'d Call> {
        let Some(defined) = self.definition.steps.get(step) else {
            return (action == Action::Execute).then_some(&self.definition.conclude);
        };
        match (action, &defined.work) {
            (Action::Execute, Work::Execute(call)) => Some(call),
            (Action::Execute, Work::Receive(_) | Work::Check(_)) => None,
            (Action::Compensate, Work::Execute(_) | Work::Receive(_) | Work::Check(_)) => defined.compensate.as_ref(),
        }
    }

    /// Whether something stood in the way, so that the saga goes (or went) back.
    pub(crate) fn turned(&self) -> bool {
        self.saga.turned()
    }

    /// Whether the pivot is done (or was skipped), so that nothing is undone any more.
    pub(crate) fn past_pivot(&self) -> bool {
        let pivot = self.definition.pivot();
        !self.turned()
            && pivot.is_some_and(|pivot| matches!(self.at(pivot).status, StepStatus::Done | StepStatus::Skipped))
    }

    /// Whether the pivot is done or may be.
    pub(crate) fn pivot_has_begun(&self) -> bool {
        self.definition.pivot().is_some_and(|pivot| self.at(pivot).status != StepStatus::Waiting)
    }

    /// Adds to the history.
    pub(crate) fn record(&mut self, step: &str, attempt: u32, what: What, why: String, waited: u64) {
        self.changed = true;
        let (at, step) = (self.now, step.to_owned());
        self.saga.record(Entry { at, step, attempt, what, why: bounded(why), waited });
    }

    /// Adds to the history what happened to a step, with the time it was waited for.
    pub(crate) fn record_step(&mut self, step: usize, attempt: u32, what: What, why: &str) {
        let state = self.at(step);
        let (name, waited) = (state.name.clone(), state.sent.map_or(0, |sent| self.now.since(sent)));
        self.record(&name, attempt, what, why.to_owned(), waited);
    }

    /// Notes an input that changes nothing.
    pub(crate) fn ignore(&mut self, step: &str, attempt: u32, why: String) {
        self.notes.push(if step.is_empty() { why.clone() } else { format!("{step}: {why}") });
        self.record(step, attempt, What::Ignored, why, 0);
    }

    /// Says something for the log alone.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Brings a step to a status that waits for nothing more by itself.
    pub(crate) fn settle(&mut self, step: usize, status: StepStatus, reason: Option<String>) {
        let now = self.now;
        let state = self.at_mut(step);
        (state.status, state.ended, state.timer, state.sent) = (status, Some(now), None, None);
        state.reason = reason.map(bounded);
        if status == StepStatus::Done {
            self.reached(step);
        }
    }

    /// Sends a step's next attempt.
    pub(crate) fn send(&mut self, step: usize, action: Action) {
        let now = self.now;
        let timeout = self.call(step, action).map(|call| call.timeout).unwrap_or_default();
        let state = self.at_mut(step);
        if action == Action::Compensate && state.undos == 0 {
            state.forgiven = 0;
            let at = state.ended.unwrap_or(now);
            state.was = Some(Was { status: state.status, at, until: now });
        }
        (state.sent, state.timer) = (None, Some((TimerKind::Timeout, now.plus(timeout))));
        let (attempt, what) = match action {
            Action::Execute => {
                state.status = StepStatus::Running;
                state.started.get_or_insert(now);
                state.attempts = state.attempts.saturating_add(1);
                (state.attempts, What::Sent)
            }
            Action::Compensate => {
                state.status = StepStatus::Compensating;
                state.undos = state.undos.saturating_add(1);
                (state.undos, What::Undoing)
            }
        };
        self.record_step(step, attempt, what, "");
        self.at_mut(step).sent = Some(now);
        let effect = self.command(step, attempt, action);
        self.effects.extend(effect);
    }

    fn command(&self, step: usize, attempt: u32, action: Action) -> Option<Effect> {
        let call = self.call(step, action)?;
        let participant = self.definition.participants.get(&call.participant)?;
        let name = self.at(step).name.clone();
        Some(Effect::SendCommand {
            topic: participant.topic.clone(),
            key: self.key(&participant.key),
            command: call.command.clone(),
            id: command_id(self.saga.id, &name, attempt, action),
            step: name,
            attempt,
            action,
            payload: self.payload(&call.input),
        })
    }

    /// Lets the saga go as far as it can. Every change of its status is made here.
    fn advance(&mut self) {
        if self.stops() {
            return;
        }
        if self.saga.status == Status::Incident {
            self.record("", 0, What::Resumed, String::new(), 0);
            self.go(self.onwards());
        }
        if self.saga.status == Status::Running && !self.turned() {
            self.forward();
            // An answer that came early may stand in the way.
            if self.stops() {
                return;
            }
        }
        if self.saga.status == Status::Running && self.turned() {
            self.go(Status::Compensating);
        }
        if self.saga.status == Status::Compensated && self.to_undo() != 0 {
            self.go(Status::Compensating);
        }
        if self.saga.status == Status::Compensating {
            self.back();
        }
        if self.saga.conclude.status == StepStatus::Done && self.undoing() == 0 {
            self.go(if self.turned() { Status::Compensated } else { Status::Completed });
        }
    }

    /// Whether something stands in the way that it can't get over by itself.
    fn stops(&mut self) -> bool {
        let stuck = self.saga.all_steps().any(|step| step.status == StepStatus::Stuck);
        if stuck {
            self.go(Status::Incident);
        }
        stuck
    }

    /// Where a saga goes that stood still.
    pub(crate) fn onwards(&self) -> Status {
        if self.turned() { Status::Compensating } else { Status::Running }
    }

    /// Changes the saga's status, where that is a legal move; otherwise it stays.
    pub(crate) fn go(&mut self, to: Status) {
        if !Status::can_move(self.saga.status, to) {
            return;
        }
        self.changed = true;
        (self.saga.status, self.saga.ended) = (to, None);
        if to == Status::Incident {
            let stuck = self.saga.all_steps().find(|step| step.status == StepStatus::Stuck);
            let (name, why) = stuck.map(|step| (step.name.clone(), step.reason.clone())).unwrap_or_default();
            self.record(&name, 0, What::Incident, why.unwrap_or_default(), 0);
        }
        if !to.is_open() {
            self.saga.ended = Some(self.now);
            let status = self.saga.ending.as_ref().map(|ending| ending.status.clone()).unwrap_or_default();
            self.record("", 0, What::Ended, status, 0);
        }
    }
}
