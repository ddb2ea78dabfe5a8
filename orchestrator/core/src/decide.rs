//! The decision: applies an input, then advances the saga as far as it can.

use serde_json::Value;
use uuid::Uuid;

use crate::data::Data;
use crate::decision::Decision;
use crate::definition::{CONCLUDE, Definition};
use crate::history::{Subject, What, bounded};
use crate::input::Input;
use crate::saga::{Saga, StepState};
use crate::status::{Status, StepStatus};
use crate::time::Timestamp;
use crate::transition::Transition;

/// Decides what follows from an input.
///
/// Pure and total: the same arguments give the same decision, and every combination of arguments has one. An input that
/// makes no sense (a reply to an attempt never sent, a callback for an ended saga, another definition than the saga's)
/// changes nothing but the history, and is reported in [`Decision::notes`]. Without a saga only [`Input::Start`] has an
/// effect.
///
/// `now` need not grow from call to call. A timer fires in the first [`Input::Timer`] at or after its time.
#[must_use]
pub fn decide(definition: &Definition, saga: Option<Saga>, input: Input, now: Timestamp) -> Decision {
    let Some(saga) = saga else {
        return match input {
            Input::Start { id, data, traceparent } => start(definition, id, data, traceparent, now),
            Input::Reply { .. } | Input::Callback(_) | Input::Timer | Input::Operator(_) => {
                unchanged(None, "there is no such saga".to_owned())
            }
        };
    };
    if !belongs_to(&saga, definition) {
        let note = format!(
            "the saga runs on {} version {}, not on {} version {}",
            saga.definition, saga.version, definition.name, definition.version
        );
        return unchanged(Some(saga), note);
    }
    let mut transition = Transition::new(definition, saga, now);
    match input {
        Input::Start { .. } => transition.ignore(Subject::Saga, "a repeated start".to_owned()),
        Input::Reply { step, attempt, action, outcome } => transition.reply(step, attempt, action, outcome),
        Input::Callback(callback) => transition.callback(callback),
        Input::Timer => transition.fire_timers(),
        Input::Operator(operation) => transition.operate(operation),
    }
    complete(transition)
}

fn start(definition: &Definition, id: Uuid, data: Data, traceparent: Option<String>, now: Timestamp) -> Decision {
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
    let mut transition = Transition::new(definition, saga, now);
    transition.record(Subject::Saga, What::Started, String::new());
    complete(transition)
}

fn complete(mut transition: Transition<'_>) -> Decision {
    transition.advance();
    transition.report_progress();
    transition.finish()
}

/// A string, or a number in decimal.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn unchanged(saga: Option<Saga>, note: String) -> Decision {
    Decision { saga, effects: Vec::new(), notes: vec![note], changed: false }
}

/// Returns true if the saga runs on this definition.
fn belongs_to(saga: &Saga, definition: &Definition) -> bool {
    saga.version == definition.version
        && saga.definition == definition.name
        && saga.steps.len() == definition.steps.len()
        && saga.steps.iter().zip(&definition.steps).all(|(state, step)| state.name == step.name)
}

impl Transition<'_> {
    /// Advances the saga as far as it can.
    fn advance(&mut self) {
        if self.has_stuck_step() {
            self.set_status(Status::Incident);
            return;
        }
        if self.saga.status == Status::Incident {
            self.record(Subject::Saga, What::Resumed, String::new());
            self.set_status(self.resumed_status());
        }
        if self.saga.status == Status::Running && !self.saga.is_aborted() {
            self.execute();
            // A kept callback or a rule may have left a step stuck.
            if self.has_stuck_step() {
                self.set_status(Status::Incident);
                return;
            }
        }
        if self.saga.status == Status::Running && self.saga.is_aborted() {
            self.set_status(Status::Compensating);
        }
        if self.saga.status == Status::Compensated && self.to_compensate() != 0 {
            self.set_status(Status::Compensating);
        }
        if self.saga.status == Status::Compensating {
            self.compensate();
            // A command that can't be sent leaves a step stuck.
            if self.has_stuck_step() {
                self.set_status(Status::Incident);
                return;
            }
        }
        if self.saga.conclude.status == StepStatus::Done && self.compensating() == 0 {
            let aborted = self.saga.is_aborted();
            self.set_status(if aborted { Status::Compensated } else { Status::Completed });
        }
    }

    fn has_stuck_step(&self) -> bool {
        self.saga.all_steps().any(|step| step.status == StepStatus::Stuck)
    }
}
