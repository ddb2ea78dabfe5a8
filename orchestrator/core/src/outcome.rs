//! The consequences of an attempt's outcome: retry, failure of the step, abort of the saga, or a stuck step.

use std::time::Duration;

use serde_json::Value;

use crate::data::{DATA_LIMIT, OUTPUT_LIMIT, Path, weight};
use crate::history::{What, bounded};
use crate::message::{Action, command_id};
use crate::saga::TimerKind;
use crate::status::StepStatus;
use crate::transition::{StepRef, Transition};

/// The kind of an unsuccessful attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Failed,
    TimedOut,
    Refused,
}

impl<'d> Transition<'d> {
    /// The path of a step's output.
    pub(crate) fn output(&self, step: StepRef) -> Option<&'d Path> {
        self.defined(step)?.output.as_ref()
    }

    /// Why this output can't be stored, if it is too large for the saga.
    pub(crate) fn oversize(&self, output: &Value) -> Option<String> {
        let size = weight(output, OUTPUT_LIMIT);
        if size > OUTPUT_LIMIT {
            return Some(format!("larger than {OUTPUT_LIMIT} bytes"));
        }
        let kept = self.saga.callbacks.iter().map(|kept| weight(&kept.payload, OUTPUT_LIMIT)).sum::<usize>();
        let all = self.saga.data.weight() + kept + size;
        (all > DATA_LIMIT).then(|| format!("too large: the saga's data would have {all} bytes, at most {DATA_LIMIT}"))
    }

    /// Stores the output of a step in the saga's data.
    pub(crate) fn store(&mut self, step: StepRef, data: Value) {
        if let Some(output) = self.output(step) {
            self.saga.data.put(output, data);
        }
    }

    /// Ends a compensation, unless the step must be compensated once more.
    pub(crate) fn finish_compensation(&mut self, step: StepRef) {
        let state = self.state_mut(step);
        let again = std::mem::take(&mut state.compensate_again);
        let reason = state.reason.take();
        state.attempts_before_reset = state.compensations;
        self.settle(step, StepStatus::Compensated, reason);
        if again {
            self.state_mut(step).supersede_compensations();
        }
    }

    /// Applies a refusal: the saga aborts, or the step is stuck if the saga cannot abort here.
    pub(crate) fn refuse(&mut self, step: StepRef, attempt: u32, action: Action, reason: String, why: &str) {
        let what = if action == Action::Execute { What::Refused } else { What::CompensationRefused };
        self.record_attempt(step, attempt, what, why);
        if action == Action::Compensate || step == StepRef::Conclude || self.past_pivot() {
            self.mark_stuck(step, FailureKind::Refused, why);
        } else {
            self.fail_step(step, FailureKind::Refused, Some(reason));
        }
    }

    /// Fails a step for good: the saga aborts, or the step is stuck if the saga cannot abort here.
    pub(crate) fn fail_step(&mut self, step: StepRef, kind: FailureKind, reason: Option<String>) {
        let irreversible = self.defined(step).is_some_and(|step| step.pivot && step.compensate.is_none());
        if self.past_pivot() || irreversible && kind != FailureKind::Refused {
            return self.mark_stuck(step, kind, &reason.unwrap_or_default());
        }
        let status = match kind {
            FailureKind::Failed => StepStatus::Failed,
            FailureKind::TimedOut => StepStatus::TimedOut,
            FailureKind::Refused => StepStatus::Refused,
        };
        self.settle(step, status, reason);
        self.abort_at(step);
    }

    /// Records a failed or timed out attempt, and schedules the next one if any retries are left.
    pub(crate) fn fail_attempt(
        &mut self,
        step: StepRef,
        action: Action,
        kind: FailureKind,
        error: String,
        min_pause: Duration,
    ) {
        let Some(call) = self.call(step, action) else { return };
        let what = match (action, kind) {
            (Action::Execute, FailureKind::TimedOut) => What::TimedOut,
            (Action::Execute, FailureKind::Failed | FailureKind::Refused) => What::Failed,
            (Action::Compensate, FailureKind::TimedOut) => What::CompensationTimedOut,
            (Action::Compensate, FailureKind::Failed | FailureKind::Refused) => What::CompensationFailed,
        };
        let sent = self.state(step).sent_attempts(action);
        self.record_attempt(step, sent, what, &error);
        let attempt = sent.saturating_sub(self.state(step).attempts_before_reset);
        if action == Action::Execute {
            self.state_mut(step).uncertain = true;
        }
        if !call.retry.is_last(attempt) {
            let id = command_id(self.saga.id, &self.state(step).name, sent, action);
            let at = self.timer_base().plus(call.retry.pause(attempt, id).max(min_pause));
            let state = self.state_mut(step);
            state.timer = Some((TimerKind::Retry, at));
            if action == Action::Execute {
                state.status = StepStatus::Retrying;
                state.reason = Some(bounded(error));
            }
        } else if action == Action::Compensate || step == StepRef::Conclude {
            self.mark_stuck(step, kind, &error);
        } else {
            self.fail_step(step, kind, Some(error));
        }
    }

    /// Applies an operator's statement that a step of unknown outcome did not happen.
    pub(crate) fn resolve_as_not_happened(&mut self, step: StepRef) {
        let reason = self.state(step).reason.clone();
        self.fail_step(step, FailureKind::Refused, reason);
    }

    /// Marks a step stuck: a compensation, a step after the pivot, or the conclusion, none of which can be given up.
    fn mark_stuck(&mut self, step: StepRef, kind: FailureKind, why: &str) {
        let reason = match kind {
            FailureKind::Failed => format!("out of retries: {why}"),
            FailureKind::TimedOut => "out of retries: not answered in time".to_owned(),
            FailureKind::Refused => format!("refused: {why}"),
        };
        self.settle(step, StepStatus::Stuck, Some(reason));
    }
}
