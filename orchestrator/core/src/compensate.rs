//! Backward recovery: aborts a saga and compensates every step that may have happened, each after all of its
//! successors.

use crate::definition::{EndingSpec, mask, ones};
use crate::history::{Subject, What, bounded};
use crate::message::Action;
use crate::saga::Ending;
use crate::status::StepStatus;
use crate::transition::{StepRef, Transition};

impl Transition<'_> {
    /// Aborts the saga because a step was refused, failed or timed out.
    pub(crate) fn abort_at(&mut self, step: StepRef) {
        let state = self.state(step);
        let spec = self.definition.ending_of(&state.name, state.status);
        let refusal = || (state.status == StepStatus::Refused).then(|| state.reason.clone())?;
        let default = || format!("{}_{}", state.name.replace('-', "_"), state.status);
        let ending = Ending {
            status: spec.status.clone(),
            reason: Some(spec.reason.clone().or_else(refusal).unwrap_or_else(default)),
            step: Some(state.name.clone()),
            cancelled: false,
        };
        self.start_compensation(ending);
    }

    /// Aborts the saga for an operator or the deadline.
    pub(crate) fn abort(&mut self, spec: Option<&EndingSpec>, default_reason: &str) {
        let spec = spec.unwrap_or(&self.definition.endings.default);
        let reason = spec.reason.clone().unwrap_or_else(|| bounded(default_reason.to_owned()));
        let ending = Ending { status: spec.status.clone(), reason: Some(reason), step: None, cancelled: true };
        self.start_compensation(ending);
    }

    /// Abandons the steps in flight, and skips those that have not begun.
    fn start_compensation(&mut self, ending: Ending) {
        if self.saga.ending.is_some() {
            return;
        }
        let subject = ending.step.clone().map_or(Subject::Saga, Subject::Step);
        let why = ending.reason.clone().unwrap_or_default();
        self.record(subject, What::CompensationStarted, why);
        self.saga.ending = Some(ending);
        self.saga.deadline = None;
        self.saga.callbacks.clear();
        self.cancel_progress();
        for step in (0..self.saga.steps.len()).map(StepRef::Step) {
            let state = self.state(step);
            let attempts = state.attempts;
            match state.status {
                StepStatus::Running | StepStatus::Retrying => {
                    self.record_attempt(step, attempts, What::Abandoned, "");
                    self.settle(step, StepStatus::Abandoned, None);
                }
                StepStatus::Waiting => self.state_mut(step).status = StepStatus::Skipped,
                StepStatus::Done
                | StepStatus::Refused
                | StepStatus::Failed
                | StepStatus::TimedOut
                | StepStatus::Abandoned
                | StepStatus::Compensating
                | StepStatus::Compensated
                | StepStatus::Stuck
                | StepStatus::Skipped => {}
            }
        }
    }

    /// Sends the compensation of every step whose successors are compensated, and concludes the saga when all steps
    /// are.
    pub(crate) fn compensate(&mut self) {
        let to_compensate = self.to_compensate();
        let open = to_compensate | self.compensating();
        let free = |step: &usize| self.definition.graph.descendants(*step) & open == 0;
        let mut next: Vec<usize> = ones(to_compensate).filter(free).collect();
        next.sort_by_key(|index| std::cmp::Reverse((self.state(StepRef::Step(*index)).ended, *index)));
        for index in next {
            self.send(StepRef::Step(index), Action::Compensate);
        }
        if open == 0 && self.saga.conclude.status == StepStatus::Waiting {
            self.send(StepRef::Conclude, Action::Execute);
        }
    }

    /// The steps whose compensation has not begun.
    pub(crate) fn to_compensate(&self) -> u64 {
        let steps = 0..self.saga.steps.len();
        steps
            .filter(|step| self.saga.is_aborted() && self.needs_compensation(StepRef::Step(*step)))
            .fold(0, |all, i| all | mask(i))
    }

    /// The steps whose compensation has begun and is not done.
    pub(crate) fn compensating(&self) -> u64 {
        let compensating = |status| matches!(status, StepStatus::Compensating | StepStatus::Stuck);
        let steps = self.saga.steps.iter().enumerate();
        steps.filter(|(_, step)| compensating(step.status)).fold(0, |all, (i, _)| all | mask(i))
    }

    /// Returns true if a step may have happened and has a compensation.
    fn needs_compensation(&self, step: StepRef) -> bool {
        let state = self.state(step);
        let may_have_happened = match state.status {
            StepStatus::Done | StepStatus::Failed | StepStatus::TimedOut | StepStatus::Abandoned => true,
            StepStatus::Refused => state.uncertain,
            StepStatus::Waiting
            | StepStatus::Running
            | StepStatus::Retrying
            | StepStatus::Compensating
            | StepStatus::Compensated
            | StepStatus::Stuck
            | StepStatus::Skipped => false,
        };
        may_have_happened && self.call(step, Action::Compensate).is_some()
    }
}
