//! Timers: retries, timeouts and the deadline.

use std::time::Duration;

use crate::history::What;
use crate::message::Action;
use crate::outcome::FailureKind;
use crate::saga::TimerKind;
use crate::status::{Status, StepStatus};
use crate::transition::{StepRef, Transition};

/// The reason of an attempt that was not answered in time.
pub const NOT_ANSWERED: &str = "not answered in time";

/// The reason of a passed deadline, unless the definition has one.
pub const DEADLINE_EXCEEDED: &str = "deadline_exceeded";

impl Transition<'_> {
    /// Fires every timer that is due, once.
    pub(crate) fn fire_timers(&mut self) {
        if !matches!(self.saga.status, Status::Running | Status::Compensating | Status::Incident) {
            return;
        }
        for step in self.step_refs() {
            if let Some((kind, _)) = self.state(step).timer.filter(|(_, at)| *at <= self.now) {
                self.fire_timer(step, kind);
            }
        }
        if self.saga.status == Status::Running && self.saga.deadline.is_some_and(|at| at <= self.now) {
            self.abort(self.definition.endings.deadline.as_ref(), DEADLINE_EXCEEDED);
        }
    }

    fn fire_timer(&mut self, step: StepRef, kind: TimerKind) {
        let action = match self.state(step).status {
            StepStatus::Running | StepStatus::Retrying => Action::Execute,
            StepStatus::Compensating => Action::Compensate,
            StepStatus::Waiting
            | StepStatus::Done
            | StepStatus::Refused
            | StepStatus::Failed
            | StepStatus::TimedOut
            | StepStatus::Abandoned
            | StepStatus::Compensated
            | StepStatus::Stuck
            | StepStatus::Skipped => {
                self.state_mut(step).timer = None;
                return;
            }
        };
        if self.call(step, action).is_none() {
            self.record_attempt(step, 1, What::TimedOut, "");
            return self.fail_step(step, FailureKind::TimedOut, None);
        }
        match kind {
            TimerKind::Retry => self.send(step, action),
            TimerKind::Timeout => {
                let error = NOT_ANSWERED.to_owned();
                self.fail_attempt(step, action, FailureKind::TimedOut, error, Duration::ZERO);
            }
        }
    }
}
