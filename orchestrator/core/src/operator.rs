//! Operators' interventions: each is applied or refused as a whole, and recorded with its operator and reason.

use std::time::Duration;

use serde_json::Value;

use crate::definition::{Step, Work};
use crate::history::{Subject, What, bounded};
use crate::message::Action;
use crate::operation::{OPERATIONS_LIMIT, Operate, Operation, OperationRecord};
use crate::people::Author;
use crate::saga::TimerKind;
use crate::status::{Status, StepStatus};
use crate::transition::{StepRef, Transition};

/// The reason of a cancellation, unless the operator or the definition has one.
pub const CANCELLED_BY_OPERATOR: &str = "cancelled_by_operator";

impl Transition<'_> {
    /// Applies an operation, or records why it is refused.
    pub(crate) fn operate(&mut self, operation: Operation) {
        let Operation { id, by, why, from, what } = operation;
        let id = bounded(id);
        let by = bounded(by);
        let why = bounded(why);
        let from = from.map(bounded);
        let action = what.as_str();
        if self.saga.operations.iter().any(|done| done.id == id) {
            return self.ignore(Subject::Saga, format!("repeated {action} by {by}"));
        }
        let refused = self.apply(&what, Author { id: &id, by: &by, why: &why }).err();
        let step = what.step().filter(|step| !step.is_empty());
        let subject = step.map_or(Subject::Saga, |step| Subject::Step(bounded(step.to_owned())));
        match &refused {
            None if why.is_empty() => self.record(subject, What::OperatorAction, format!("{action} by {by}")),
            None => self.record(subject, What::OperatorAction, format!("{action} by {by}: {why}")),
            Some(refusal) => {
                let text = format!("{action} by {by}: {refusal}");
                self.record(subject, What::OperatorRefused, text.clone());
                self.note(text);
            }
        }
        if self.saga.operations.len() >= OPERATIONS_LIMIT {
            self.saga.operations.remove(0);
        }
        let at = self.now;
        let resumes = refused.is_none() && matches!(what, Operate::Resume | Operate::Cancel { .. });
        self.saga.operations.push(OperationRecord { id, at, by, why, from, action: action.to_owned(), refused });
        if resumes && self.saga.status == Status::Paused {
            // After the operation is recorded, so that the history reads in order.
            self.unpause();
        }
    }

    fn apply(&mut self, what: &Operate, author: Author<'_>) -> Result<(), String> {
        match what {
            Operate::Pause => self.pause(),
            Operate::Resume if self.saga.status == Status::Paused => Ok(()),
            Operate::Resume => Err(format!("the saga is {}: only a paused saga can be resumed", self.saga.status)),
            Operate::Cancel { reason } => self.cancel(reason.as_deref().unwrap_or(CANCELLED_BY_OPERATOR)),
            Operate::Retry { step } => self.retry_now(step.as_deref()),
            Operate::Skip { step, answer } => self.skip(step, answer),
            Operate::Resolve { step, happened, answer } => self.resolve(step.as_deref(), *happened, answer),
            Operate::Claim { step, take_over } => self.claim(step, *take_over, author),
            Operate::Release { step } => self.release(step, author),
            Operate::Complete { step, fields } => self.complete(step, fields, author),
        }
    }

    fn pause(&mut self) -> Result<(), String> {
        if !matches!(self.saga.status, Status::Running | Status::Compensating) {
            let status = self.saga.status;
            return Err(format!("the saga is {status}: only a running or compensating saga can be paused"));
        }
        self.saga.paused = Some(self.now);
        self.set_status(Status::Paused);
        Ok(())
    }

    /// Ends a pause: timers and the deadline keep the time that was left.
    fn unpause(&mut self) {
        let Some(since) = self.saga.paused.take() else { return };
        let pause = Duration::from_millis(self.now.since(since));
        for step in self.step_refs() {
            if let Some((_, at)) = &mut self.state_mut(step).timer {
                *at = at.plus(pause);
            }
            self.postpone_task(step, pause);
        }
        let due = self.saga.progress.as_mut().and_then(|progress| progress.due.as_mut());
        for at in self.saga.deadline.as_mut().into_iter().chain(due) {
            *at = at.plus(pause);
        }
        self.set_status(self.resumed_status());
    }

    fn cancel(&mut self, reason: &str) -> Result<(), String> {
        let saga = &self.saga;
        if !matches!(saga.status, Status::Running | Status::Paused | Status::Incident) {
            return Err(format!("the saga is {} already", saga.status));
        }
        if let Some(ending) = &saga.ending {
            let state = if saga.is_aborted() { "it is being compensated already" } else { "all steps are done" };
            return Err(format!("{state}: the ending is {}", ending.status));
        }
        if self.pivot_has_begun() {
            return Err("the pivot has begun: the saga can no longer be cancelled".to_owned());
        }
        self.abort(self.definition.endings.cancelled.as_ref(), reason);
        self.report_cancelling();
        Ok(())
    }

    fn retry_now(&mut self, name: Option<&str>) -> Result<(), String> {
        if self.saga.status == Status::Paused {
            return Err("the saga is paused: resume it first".to_owned());
        }
        let steps = match name {
            Some(name) => vec![self.find_or_refuse(name)?],
            None => self.step_refs().filter(|step| self.is_retriable(*step)).collect(),
        };
        if steps.is_empty() {
            return Err("no step waits for its next attempt or is out of retries".to_owned());
        }
        steps.iter().try_for_each(|step| self.check_retriable(*step))?;
        for step in steps {
            self.restart_attempts(step);
        }
        Ok(())
    }

    fn check_retriable(&self, step: StepRef) -> Result<(), String> {
        if self.is_retriable(step) {
            return Ok(());
        }
        let state = self.state(step);
        if self.is_check(step) && state.is_stuck(Action::Execute) {
            return Err(format!("{} sends no command: its rules would refuse it again", state.name));
        }
        let in_flight = if state.awaits_answer() { ", with an attempt in flight" } else { "" };
        Err(format!("{} is {}{in_flight}: there is nothing to retry", state.name, state.status))
    }

    /// Sends the next attempt of a step at once, with all of its retries before it.
    fn restart_attempts(&mut self, step: StepRef) {
        let state = self.state_mut(step);
        let action = state.action();
        state.attempts_before_reset = state.sent_attempts(action);
        match self.defined(step).map(|step| &step.work) {
            Some(Work::Receive(receive)) if action == Action::Execute => self.await_callback(step, receive),
            Some(Work::Receive(_) | Work::Execute(_) | Work::Check(_)) | None => self.send(step, action),
        }
    }

    fn is_retriable(&self, step: StepRef) -> bool {
        let state = self.state(step);
        let waits = state.status == StepStatus::Stuck || state.timer.is_some_and(|(kind, _)| kind == TimerKind::Retry);
        waits && !self.is_check(step)
    }

    fn is_check(&self, step: StepRef) -> bool {
        self.defined(step).is_some_and(Step::is_check)
    }

    fn skip(&mut self, name: &str, answer: &Value) -> Result<(), String> {
        let step = self.find_or_refuse(name)?;
        let status = self.state(step).status;
        if step == StepRef::Conclude || !matches!(status, StepStatus::Running | StepStatus::Retrying) {
            return Err(format!("{name} is {status}: only a running or retrying step can be skipped"));
        }
        self.complete_manually(step, answer)
    }

    fn resolve(&mut self, name: Option<&str>, happened: bool, answer: &Value) -> Result<(), String> {
        let step = self.stuck_step(name)?;
        let pivot = self.definition.pivot().map(StepRef::Step) == Some(step);
        match self.state(step).action() {
            Action::Execute if happened => self.complete_manually(step, answer)?,
            Action::Execute if pivot => self.resolve_as_not_happened(step),
            Action::Compensate if happened => self.finish_compensation(step),
            Action::Execute | Action::Compensate => {
                let name = &self.state(step).name;
                return Err(format!("{name} must be done: only a pivot can be resolved as not happened"));
            }
        }
        Ok(())
    }

    /// The stuck step with this name; without a name, the only one.
    fn stuck_step(&self, name: Option<&str>) -> Result<StepRef, String> {
        let is_stuck = |step: &StepRef| self.state(*step).status == StepStatus::Stuck;
        let stuck: Vec<StepRef> = self.step_refs().filter(is_stuck).collect();
        let names = || stuck.iter().map(|step| self.state(*step).name.as_str()).collect::<Vec<_>>().join(", ");
        let step = match (name, stuck.as_slice()) {
            (_, []) => return Err(format!("the saga is {}: no step is stuck", self.saga.status)),
            (None, [step]) => *step,
            (None, _) => return Err(format!("several steps are stuck, name one of: {}", names())),
            (Some(name), _) => self.find_or_refuse(name)?,
        };
        if stuck.contains(&step) {
            return Ok(step);
        }
        let state = self.state(step);
        Err(format!("{} is {}, not stuck; stuck: {}", state.name, state.status, names()))
    }

    /// Completes a step with an operator's answer. A reply may still report that the participant executed it too.
    fn complete_manually(&mut self, step: StepRef, answer: &Value) -> Result<(), String> {
        if let Some(fault) = self.oversize(answer) {
            return Err(format!("the answer is {fault}"));
        }
        self.store(step, answer.clone());
        self.settle(step, StepStatus::Done, None);
        Ok(())
    }

    fn find_or_refuse(&self, name: &str) -> Result<StepRef, String> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.saga.all_steps().map(|step| step.name.as_str()).collect();
            format!("there is no step {:?}, only {}", bounded(name.to_owned()), names.join(", "))
        })
    }
}
