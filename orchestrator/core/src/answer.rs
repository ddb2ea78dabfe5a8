//! Taking in what happened: a reply, a callback, the passing of time. Each changes the steps it concerns, or is ignored
//! with its reason; what follows from the change is decided elsewhere.

use std::time::Duration;

use serde_json::Value;

use crate::data::{OUTPUT_LIMIT, Path, weight};
use crate::decide::Run;
use crate::definition::{Receive, Rule, Work, mask, ones};
use crate::forward::says;
use crate::history::{What, bounded};
use crate::input::{Action, Callback, Outcome, command_id};
use crate::saga::TimerKind;
use crate::status::{Status, StepStatus};

/// The longest pause that a participant may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How an attempt went wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Failed,
    TimedOut,
    Refused,
}

impl<'d> Run<'d> {
    /// A participant answered.
    pub(crate) fn reply(&mut self, name: &str, attempt: u32, action: Action, outcome: Outcome) {
        let known = |i: &usize| self.at(*i).name == name;
        let Some(step) = (0..=self.concluding()).find(known) else {
            let name = bounded(name.to_owned());
            return self.ignore("", 0, format!("an answer to {name:?}, which is no step"));
        };
        let state = self.at(step);
        let (status, sent) = (state.status, if action == Action::Execute { state.attempts } else { state.undos });
        let awaited = match (action, status) {
            (Action::Execute, StepStatus::Running | StepStatus::Retrying) => true,
            (Action::Compensate, StepStatus::Compensating) => true,
            (_, StepStatus::Stuck) => state.is_stuck(action),
            (Action::Execute | Action::Compensate, _) => false,
        };
        if self.call(step, action).is_none() || attempt == 0 || attempt > sent {
            self.ignore(name, attempt, format!("an answer to {} attempt {attempt}, never sent", action.as_str()));
        } else if !awaited && action == Action::Execute && self.has_happened(step, &outcome) {
            self.undo_late(step, attempt);
        } else if !awaited {
            let what = short(&outcome);
            self.ignore(
                name,
                attempt,
                format!("late or repeated answer to {}: {what}; it is {status}", action.as_str()),
            );
        } else {
            self.answered(step, attempt, action, outcome, attempt == sent && self.at(step).timer_is_timeout());
        }
    }

    /// An answer that is waited for. A failure counts only for the attempt that is in flight.
    fn answered(&mut self, step: usize, attempt: u32, action: Action, outcome: Outcome, in_flight: bool) {
        let stuck = self.at(step).status == StepStatus::Stuck;
        match outcome {
            Outcome::Ok { data } => self.succeeded(step, attempt, action, data),
            Outcome::Refused { reason, detail } if !stuck => {
                let why = in_full(&reason, detail.as_deref());
                self.refused(step, attempt, action, reason, &why);
            }
            Outcome::Failed { error, retry_after_ms } if in_flight => {
                let pause = Duration::from_millis(retry_after_ms.unwrap_or(0)).min(LONGEST_PAUSE);
                self.failed(step, action, Trouble::Failed, error, pause);
            }
            Outcome::Refused { .. } | Outcome::Failed { .. } => {
                let (what, state) = (short(&outcome), self.at(step));
                let (name, status) = (state.name.clone(), state.status);
                let why = format!("late or repeated answer to {}: {what}; it is {status}", action.as_str());
                self.ignore(&name, attempt, why);
            }
        }
    }

    fn succeeded(&mut self, step: usize, attempt: u32, action: Action, data: Value) {
        match action {
            Action::Execute => {
                self.at_mut(step).happened = true;
                if self.output(step).is_some() && weight(&data, OUTPUT_LIMIT) > OUTPUT_LIMIT {
                    let error = format!("its answer is larger than {OUTPUT_LIMIT} bytes");
                    self.record_step(step, attempt, What::Failed, &error);
                    return self.give_up(step, Trouble::Failed, Some(error));
                }
                self.record_step(step, attempt, What::Done, "");
                self.store(step, data);
                self.settle(step, StepStatus::Done, None);
            }
            Action::Compensate => {
                self.record_step(step, attempt, What::Undone, "");
                self.undone(step);
            }
        }
    }

    /// A compensation is answered: the step is undone, or is to be undone once more.
    pub(crate) fn undone(&mut self, step: usize) {
        let state = self.at_mut(step);
        let (again, reason) = (std::mem::take(&mut state.again), state.reason.take());
        state.forgiven = state.undos;
        self.settle(step, if again { StepStatus::Abandoned } else { StepStatus::Compensated }, reason);
    }

    /// Whether an answer that nobody waits for says for the first time that a step happened which can be undone.
    fn has_happened(&self, step: usize, outcome: &Outcome) -> bool {
        let new = !self.at(step).happened && self.call(step, Action::Compensate).is_some();
        new && matches!(outcome, Outcome::Ok { .. }) && self.turned()
    }

    /// A step that was given up did happen. A compensation that was sent before that was known may have come too early.
    fn undo_late(&mut self, step: usize, attempt: u32) {
        self.record_step(step, attempt, What::Happened, "");
        let state = self.at_mut(step);
        (state.happened, state.doubt) = (true, true);
        match state.status {
            StepStatus::Compensating | StepStatus::Stuck => state.again = true,
            StepStatus::Compensated => state.status = StepStatus::Abandoned,
            StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Retrying
            | StepStatus::Done
            | StepStatus::Refused
            | StepStatus::Failed
            | StepStatus::TimedOut
            | StepStatus::Abandoned
            | StepStatus::Skipped => {}
        }
    }

    fn output(&self, step: usize) -> Option<&'d Path> {
        self.definition.steps.get(step)?.output.as_ref()
    }

    pub(crate) fn store(&mut self, step: usize, data: Value) {
        if let Some(output) = self.output(step) {
            self.saga.data.put(output, data);
        }
    }

    fn refused(&mut self, step: usize, attempt: u32, action: Action, reason: String, why: &str) {
        let what = if action == Action::Execute { What::Refused } else { What::UndoRefused };
        self.record_step(step, attempt, what, why);
        if action == Action::Compensate || step == self.concluding() || self.past_pivot() {
            self.stop(step, Trouble::Refused, why);
        } else {
            self.give_up(step, Trouble::Refused, Some(reason));
        }
    }

    /// A rule of a step does not hold.
    pub(crate) fn refused_by(&mut self, step: usize, rule: &Rule) {
        let why = in_full(&rule.reason, rule.detail.as_deref());
        self.refused(step, 1, Action::Execute, rule.reason.clone(), &why);
    }

    /// A step stands in the way: the saga turns back, or, where that can't be any more, it stops.
    fn give_up(&mut self, step: usize, trouble: Trouble, reason: Option<String>) {
        let final_word = self.definition.steps.get(step).is_some_and(|step| step.pivot && step.compensate.is_none());
        if self.past_pivot() || final_word && trouble != Trouble::Refused {
            return self.stop(step, trouble, &reason.unwrap_or_default());
        }
        let status = match trouble {
            Trouble::Failed => StepStatus::Failed,
            Trouble::TimedOut => StepStatus::TimedOut,
            Trouble::Refused => StepStatus::Refused,
        };
        self.settle(step, status, reason);
        self.turn_back(step);
    }

    /// An attempt failed or timed out: it is tried again after a pause, or it was the last.
    fn failed(&mut self, step: usize, action: Action, trouble: Trouble, error: String, at_least: Duration) {
        let Some(call) = self.call(step, action) else { return };
        let (what, sent) = match (action, trouble) {
            (Action::Execute, Trouble::TimedOut) => (What::TimedOut, self.at(step).attempts),
            (Action::Execute, Trouble::Failed | Trouble::Refused) => (What::Failed, self.at(step).attempts),
            (Action::Compensate, Trouble::TimedOut) => (What::UndoTimedOut, self.at(step).undos),
            (Action::Compensate, Trouble::Failed | Trouble::Refused) => (What::UndoFailed, self.at(step).undos),
        };
        self.record_step(step, sent, what, &error);
        let since = sent.saturating_sub(self.at(step).forgiven);
        let last = call.retry.is_last(since);
        if action == Action::Execute {
            self.at_mut(step).doubt = true;
        }
        if !last {
            let id = command_id(self.saga.id, &self.at(step).name, sent, action);
            let at = self.clock().plus(call.retry.pause(since, id).max(at_least));
            let state = self.at_mut(step);
            state.timer = Some((TimerKind::Retry, at));
            if action == Action::Execute {
                state.status = StepStatus::Retrying;
                state.reason = Some(bounded(error));
            }
        } else if action == Action::Compensate || step == self.concluding() {
            self.stop(step, trouble, &error);
        } else {
            self.give_up(step, trouble, Some(error));
        }
    }

    /// An operator knows that a step of unknown outcome did not happen.
    pub(crate) fn not_happened(&mut self, step: usize) {
        let reason = self.at(step).reason.clone();
        self.give_up(step, Trouble::Refused, reason);
    }

    /// A compensation, a step behind the pivot, or the telling of the ending cannot go on by itself.
    fn stop(&mut self, step: usize, trouble: Trouble, why: &str) {
        let reason = match trouble {
            Trouble::Failed => format!("out of retries: {why}"),
            Trouble::TimedOut => "out of retries: not answered in time".to_owned(),
            Trouble::Refused => format!("refused: {why}"),
        };
        self.settle(step, StepStatus::Stuck, Some(reason));
    }

    /// A message came from outside: for the step that waits for it, or to be kept for the one that will.
    pub(crate) fn callback(&mut self, callback: Callback) {
        let Callback { source, id, status, payload } = callback;
        let callback = Callback { source: bounded(source), id: bounded(id), status: bounded(status), payload };
        let answered = |id: &Option<String>| id.as_ref() == Some(&callback.id);
        let kept = self.saga.callbacks.iter().any(|kept| kept.id == callback.id);
        if kept || self.saga.steps.iter().any(|step| answered(&step.callback)) {
            return self.ignore("", 0, format!("repeated callback {} {:?}", callback.source, callback.status));
        }
        let late = self.receivers(&callback, StepStatus::Stuck).find(|(_, yes)| *yes);
        let running = self.receivers(&callback, StepStatus::Running).next().or(late);
        if let Some((step, yes)) = running {
            return self.called_back(step, callback, yes);
        }
        let waiting = self.receivers(&callback, StepStatus::Waiting).fold(0, |all, (step, _)| all | mask(step));
        // What is kept for another step, which listens to other words on the same topic, takes no place from this one.
        let same =
            |kept: &&Callback| self.receivers(kept, StepStatus::Waiting).any(|(step, _)| waiting & mask(step) != 0);
        let kept = self.saga.callbacks.iter().filter(same).count();
        if ones(waiting).count() > kept && !self.turned() {
            self.record("", 0, What::Kept, format!("{} {:?}", callback.source, callback.status), 0);
            let payload =
                if weight(&callback.payload, OUTPUT_LIMIT) > OUTPUT_LIMIT { Value::Null } else { callback.payload };
            self.saga.callbacks.push(Callback { payload, ..callback });
        } else {
            let why = format!("callback {} {:?} that no step waits for", callback.source, callback.status);
            self.ignore("", 0, why);
        }
    }

    /// The steps of a status to which the callback says something, and whether that is yes.
    fn receivers(&self, callback: &Callback, status: StepStatus) -> impl Iterator<Item = (usize, bool)> {
        let steps = self.saga.steps.iter().zip(&self.definition.steps).enumerate();
        steps.filter(move |(_, (state, _))| state.status == status).filter_map(move |(i, (_, step))| match &step.work {
            Work::Receive(receive @ Receive { topic, .. }) if topic == &callback.source => {
                Some((i, says(receive, &callback.status)?))
            }
            Work::Receive(_) | Work::Execute(_) | Work::Check(_) => None,
        })
    }

    /// The callback that a step waits for.
    pub(crate) fn called_back(&mut self, step: usize, callback: Callback, yes: bool) {
        let Callback { id, status, payload, .. } = callback;
        let payload = if weight(&payload, OUTPUT_LIMIT) > OUTPUT_LIMIT { Value::Null } else { payload };
        self.at_mut(step).callback = Some(id);
        if yes {
            self.record_step(step, 1, What::Done, &status);
            self.store(step, payload);
            self.settle(step, StepStatus::Done, None);
        } else {
            let reason = payload.get("reason").and_then(Value::as_str).map_or(status, str::to_owned);
            self.record_step(step, 1, What::Refused, &reason);
            self.give_up(step, Trouble::Refused, Some(reason));
        }
    }

    /// Time has passed: every timer that is due does what it is for, once.
    pub(crate) fn timer(&mut self) {
        if !matches!(self.saga.status, Status::Running | Status::Compensating | Status::Incident) {
            return;
        }
        for step in 0..=self.concluding() {
            let Some((kind, _)) = self.at(step).timer.filter(|(_, at)| *at <= self.now) else { continue };
            let action = match self.at(step).status {
                StepStatus::Running | StepStatus::Retrying => Some(Action::Execute),
                StepStatus::Compensating => Some(Action::Compensate),
                StepStatus::Waiting
                | StepStatus::Done
                | StepStatus::Refused
                | StepStatus::Failed
                | StepStatus::TimedOut
                | StepStatus::Abandoned
                | StepStatus::Compensated
                | StepStatus::Stuck
                | StepStatus::Skipped => None,
            };
            let Some(action) = action else {
                self.at_mut(step).timer = None;
                continue;
            };
            match kind {
                TimerKind::Retry if self.call(step, action).is_some() => self.send(step, action),
                TimerKind::Timeout if self.call(step, action).is_some() => {
                    let error = "not answered in time".to_owned();
                    self.failed(step, action, Trouble::TimedOut, error, Duration::ZERO);
                }
                TimerKind::Retry | TimerKind::Timeout => self.not_called_back(step),
            }
        }
        if self.saga.status == Status::Running && self.saga.deadline.is_some_and(|at| at <= self.now) {
            self.call_off(self.definition.endings.deadline.as_ref(), "deadline_exceeded");
        }
    }

    /// The callback that a step waits for did not come in time.
    fn not_called_back(&mut self, step: usize) {
        self.record_step(step, 1, What::TimedOut, "");
        self.give_up(step, Trouble::TimedOut, None);
    }
}

/// A refusal's reason, and what is said about it.
fn in_full(reason: &str, detail: Option<&str>) -> String {
    detail.map_or_else(|| reason.to_owned(), |detail| format!("{reason}: {detail}"))
}

/// An answer in a few words.
fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok { .. } => "ok".to_owned(),
        Outcome::Refused { reason, .. } => format!("refused, {reason}"),
        Outcome::Failed { error, .. } => format!("failed, {error}"),
    }
}
