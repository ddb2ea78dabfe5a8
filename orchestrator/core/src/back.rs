//! Back: undo every step that may have happened, each after all the steps that came after it, and tell the ending when
//! nothing is left to undo.

use crate::decide::Run;
use crate::definition::{Verdict, mask, ones};
use crate::history::What;
use crate::input::Action;
use crate::saga::Ending;
use crate::status::StepStatus;

impl Run<'_> {
    /// A step stands in the way: from here the saga goes back.
    pub(crate) fn turn_back(&mut self, step: usize) {
        let state = self.at(step);
        let verdict = self.definition.ending_of(&state.name, state.status);
        let said =
            verdict.reason.clone().or_else(|| (state.status == StepStatus::Refused).then(|| state.reason.clone())?);
        let reason = said.unwrap_or_else(|| format!("{}_{}", state.name.replace('-', "_"), state.status));
        let (step, status) = (Some(state.name.clone()), verdict.status.clone());
        self.go_back(Ending { status, reason: Some(reason), step, called_off: false });
    }

    /// Not a step, but an operator or the deadline turns the saga back.
    pub(crate) fn call_off(&mut self, verdict: Option<&Verdict>, reason: &str) {
        let verdict = verdict.unwrap_or(&self.definition.endings.default);
        let reason = Some(verdict.reason.clone().unwrap_or_else(|| reason.to_owned()));
        self.go_back(Ending { status: verdict.status.clone(), reason, step: None, called_off: true });
    }

    /// What is in flight is given up, what has not begun is left.
    fn go_back(&mut self, ending: Ending) {
        if self.saga.ending.is_some() {
            return;
        }
        let (step, why) = (ending.step.clone().unwrap_or_default(), ending.reason.clone().unwrap_or_default());
        self.record(&step, 0, What::TurnedBack, why, 0);
        (self.saga.ending, self.saga.deadline) = (Some(ending), None);
        self.saga.callbacks.clear();
        self.tell_no_more();
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
        let to_undo = self.to_undo();
        let open = to_undo | self.undoing();
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

    /// The steps that are to be undone, once what came after them is.
    pub(crate) fn to_undo(&self) -> u64 {
        let steps = 0..self.saga.steps.len();
        steps.filter(|step| self.turned() && self.is_to_undo(*step)).fold(0, |all, i| all | mask(i))
    }

    /// The steps that are being undone.
    pub(crate) fn undoing(&self) -> u64 {
        let undoing = |status| matches!(status, StepStatus::Compensating | StepStatus::Stuck);
        let steps = self.saga.steps.iter().enumerate();
        steps.filter(|(_, step)| undoing(step.status)).fold(0, |all, (i, _)| all | mask(i))
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
