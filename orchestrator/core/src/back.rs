//! Back: undo every step that may have happened, each after all the steps that came after it, and tell the ending when
//! nothing is left to undo.

use crate::decide::Run;
use crate::definition::{mask, ones};
use crate::history::What;
use crate::input::Action;
use crate::saga::Ending;
use crate::status::StepStatus;

impl Run<'_> {
    /// A step stands in the way: from here the saga goes back. What is in flight is given up, what has not begun is left.
    pub(crate) fn turn_back(&mut self, step: usize) {
        if self.saga.ending.is_some() {
            return;
        }
        let state = self.at(step);
        let verdict = self.definition.ending_of(&state.name, state.status);
        let said =
            verdict.reason.clone().or_else(|| (state.status == StepStatus::Refused).then(|| state.reason.clone())?);
        let reason = said.unwrap_or_else(|| format!("{}_{}", state.name.replace('-', "_"), state.status));
        let (name, status) = (state.name.clone(), verdict.status.clone());
        self.record(&name, 0, What::TurnedBack, reason.clone(), 0);
        self.saga.ending = Some(Ending { status, reason: Some(reason), step: Some(name) });
        self.saga.callbacks.clear();
        for i in 0..self.saga.steps.len() {
            let (status, attempts) = (self.at(i).status, self.at(i).attempts);
            if matches!(status, StepStatus::Running | StepStatus::Retrying) {
                self.record_step(i, attempts, What::Abandoned, "");
                self.settle(i, StepStatus::Abandoned, None);
            } else if status == StepStatus::Waiting {
                self.at_mut(i).status = StepStatus::Skipped;
            }
        }
    }

    /// Sends every compensation whose time has come.
    pub(crate) fn back(&mut self) {
        let steps = 0..self.saga.steps.len();
        let to_undo = steps.clone().filter(|step| self.is_to_undo(*step)).fold(0, |all, i| all | mask(i));
        let undoing = steps
            .filter(|step| matches!(self.at(*step).status, StepStatus::Compensating | StepStatus::Stuck))
            .fold(0, |all, i| all | mask(i));
        let open = to_undo | undoing;
        let free = |step: &usize| self.definition.graph.descendants(*step) & open == 0;
        let mut next: Vec<usize> = ones(to_undo).filter(free).collect();
        next.sort_by_key(|step| std::cmp::Reverse((self.at(*step).ended, *step)));
        for step in next {
            self.send(step, Action::Compensate);
        }
        if open == 0 && self.saga.conclude.status == StepStatus::Waiting {
            self.send(self.concluding(), Action::Execute);
        }
    }

    /// Whether a step may have happened and can be undone.
    fn is_to_undo(&self, step: usize) -> bool {
        let state = self.at(step);
        let may_have_happened = match state.status {
            StepStatus::Done | StepStatus::Failed | StepStatus::TimedOut | StepStatus::Abandoned => true,
            StepStatus::Refused => state.doubt,
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
