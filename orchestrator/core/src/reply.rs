//! Replies of participants to commands.

use std::time::Duration;

use serde_json::Value;

use crate::history::{Subject, What, bounded};
use crate::message::{Action, Outcome};
use crate::outcome::FailureKind;
use crate::status::StepStatus;
use crate::transition::{StepRef, Transition};

/// The longest pause that a participant may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

impl Transition<'_> {
    /// Applies a reply.
    pub(crate) fn reply(&mut self, name: String, attempt: u32, action: Action, outcome: Outcome) {
        let Some(step) = self.find(&name) else {
            let name = bounded(name);
            return self.ignore(Subject::Saga, format!("a reply to {name:?}, which is not a step"));
        };
        let state = self.state(step);
        let status = state.status;
        let sent = state.sent_attempts(action);
        let awaited = match (action, status) {
            (Action::Execute, StepStatus::Running | StepStatus::Retrying) => true,
            (Action::Compensate, StepStatus::Compensating) => !state.is_superseded(action, attempt),
            (_, StepStatus::Stuck) => state.is_stuck(action) && !state.is_superseded(action, attempt),
            (Action::Execute | Action::Compensate, _) => false,
        };
        if self.call(step, action).is_none() || attempt == 0 || attempt > sent {
            let why = format!("a reply to {} attempt {attempt}, which was never sent", action.as_str());
            self.ignore(Subject::Attempt { step: name, attempt, waited: 0 }, why);
        } else if awaited {
            let in_flight = attempt == sent && self.state(step).awaits_answer();
            self.apply_outcome(step, attempt, action, outcome, in_flight);
        } else if action == Action::Execute && self.is_late_success(step, &outcome) {
            self.compensate_late_success(step, attempt);
        } else {
            self.ignore_outcome(step, attempt, action, &outcome);
        }
    }

    /// Applies an awaited outcome. A failure counts only for the attempt in flight.
    fn apply_outcome(&mut self, step: StepRef, attempt: u32, action: Action, outcome: Outcome, in_flight: bool) {
        let stuck = self.state(step).status == StepStatus::Stuck;
        match outcome {
            Outcome::Ok { data } => self.succeed(step, attempt, action, data),
            Outcome::Refused { reason, detail } if !stuck => {
                let why = with_detail(&reason, detail.as_deref());
                self.refuse(step, attempt, action, reason, &why);
            }
            Outcome::Failed { error, retry_after_ms } if in_flight => {
                let pause = Duration::from_millis(retry_after_ms.unwrap_or(0)).min(LONGEST_PAUSE);
                self.fail_attempt(step, action, FailureKind::Failed, error, pause);
            }
            Outcome::Refused { .. } | Outcome::Failed { .. } => self.ignore_outcome(step, attempt, action, &outcome),
        }
    }

    fn ignore_outcome(&mut self, step: StepRef, attempt: u32, action: Action, outcome: &Outcome) {
        let state = self.state(step);
        let summary = summary(outcome);
        let status = state.status;
        let why = if state.is_superseded(action, attempt) {
            format!("superseded reply to {}: {summary}; the step is {status}", action.as_str())
        } else {
            format!("late or repeated reply to {}: {summary}; the step is {status}", action.as_str())
        };
        let subject = Subject::Attempt { step: state.name.clone(), attempt, waited: 0 };
        self.ignore(subject, why);
    }

    fn succeed(&mut self, step: StepRef, attempt: u32, action: Action, data: Value) {
        match action {
            Action::Execute => {
                self.state_mut(step).happened = true;
                if let Some(fault) = self.output(step).and_then(|_| self.oversize(&data)) {
                    let error = format!("the data of the reply is {fault}");
                    self.record_attempt(step, attempt, What::Failed, &error);
                    return self.fail_step(step, FailureKind::Failed, Some(error));
                }
                self.record_attempt(step, attempt, What::Done, "");
                self.store(step, data);
                self.settle(step, StepStatus::Done, None);
            }
            Action::Compensate => {
                self.record_attempt(step, attempt, What::Compensated, "");
                self.finish_compensation(step);
            }
        }
    }

    /// Returns true if an unawaited reply is the first to report that a step happened which must be compensated.
    fn is_late_success(&self, step: StepRef, outcome: &Outcome) -> bool {
        !self.state(step).happened
            && self.call(step, Action::Compensate).is_some()
            && matches!(outcome, Outcome::Ok { .. })
            && self.saga.is_aborted()
    }

    /// Schedules another compensation: one that was sent before the success was known may have arrived before the
    /// command.
    fn compensate_late_success(&mut self, step: StepRef, attempt: u32) {
        self.record_attempt(step, attempt, What::Happened, "");
        let state = self.state_mut(step);
        state.happened = true;
        state.uncertain = true;
        match state.status {
            StepStatus::Compensating | StepStatus::Stuck => state.compensate_again = true,
            StepStatus::Compensated => state.supersede_compensations(),
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
}

/// The reason of a refusal with its detail.
pub(crate) fn with_detail(reason: &str, detail: Option<&str>) -> String {
    detail.map_or_else(|| reason.to_owned(), |detail| format!("{reason}: {detail}"))
}

/// An outcome in a few words, for the history.
fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok { .. } => "ok".to_owned(),
        Outcome::Refused { reason, .. } => format!("refused, {reason}"),
        Outcome::Failed { error, .. } => format!("failed, {error}"),
    }
}
