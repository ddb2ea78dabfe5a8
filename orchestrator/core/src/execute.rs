//! Forward execution: begins every step whose predecessors are done, and concludes the saga when all steps are.

use crate::definition::{CallbackVerdict, Receive, Rule, Work, mask, ones};
use crate::history::{Subject, What};
use crate::message::{Action, Callback};
use crate::reply::with_detail;
use crate::saga::{Ending, TimerKind};
use crate::status::StepStatus;
use crate::transition::{StepRef, Transition};

impl Transition<'_> {
    /// Begins steps until no more are ready or the saga aborts.
    pub(crate) fn execute(&mut self) {
        // A step that is done at once may make others ready: at most once for each step.
        for _ in 0..self.saga.steps.len() {
            let ready = self.ready();
            if ready == 0 {
                break;
            }
            // Rules are checked first: if they refuse, no step beside them is begun.
            let rules = ready & self.definition.graph.rules();
            for index in ones(if rules == 0 { ready } else { rules }) {
                if !self.saga.is_aborted() {
                    self.begin_step(index);
                }
            }
        }
        let satisfied = |status| matches!(status, StepStatus::Done | StepStatus::Skipped);
        if !self.saga.is_aborted() && self.saga.steps.iter().all(|step| satisfied(step.status)) {
            self.conclude_completed();
        }
    }

    /// The waiting steps whose predecessors are done or skipped.
    fn ready(&self) -> u64 {
        let set = |wanted: &[StepStatus]| {
            let steps = self.saga.steps.iter().enumerate();
            steps.filter(|(_, step)| wanted.contains(&step.status)).fold(0, |all, (i, _)| all | mask(i))
        };
        let satisfied = set(&[StepStatus::Done, StepStatus::Skipped]);
        let free = |step: &usize| self.definition.graph.before(*step) & !satisfied == 0;
        ones(set(&[StepStatus::Waiting])).filter(free).fold(0, |all, i| all | mask(i))
    }

    fn begin_step(&mut self, index: usize) {
        let Some(defined) = self.definition.steps.get(index) else { return };
        let step = StepRef::Step(index);
        if defined.pivot {
            // The deadline ends when the pivot begins, also if the pivot is skipped.
            self.saga.deadline = None;
        }
        if let Some(condition) = defined.when.as_ref().filter(|when| when.holds(&self.saga.data) != Some(true)) {
            self.record(Subject::Step(defined.name.clone()), What::Skipped, condition.to_string());
            self.state_mut(step).status = StepStatus::Skipped;
            return;
        }
        match &defined.work {
            Work::Execute(_) => self.send(step, Action::Execute),
            Work::Receive(receive) => self.await_callback(step, receive),
            Work::Check(rules) => self.check(step, rules),
        }
    }

    /// Checks rules against the saga's data: the step is done at once, or refused by the first rule that does not hold.
    fn check(&mut self, step: StepRef, rules: &[Rule]) {
        let now = self.now;
        let state = self.state_mut(step);
        state.attempts = 1;
        state.started = Some(now);
        match rules.iter().find(|rule| rule.must.holds(&self.saga.data) != Some(true)) {
            Some(rule) => {
                let why = with_detail(&rule.reason, rule.detail.as_deref());
                self.refuse(step, 1, Action::Execute, rule.reason.clone(), &why);
            }
            None => {
                self.record_attempt(step, 1, What::Done, "");
                self.settle(step, StepStatus::Done, None);
            }
        }
    }

    /// Begins to wait for a callback, which may already be kept.
    pub(crate) fn await_callback(&mut self, step: StepRef, receive: &Receive) {
        let now = self.now;
        let state = self.state_mut(step);
        state.status = StepStatus::Running;
        state.attempts = 1;
        state.started.get_or_insert(now);
        state.sent = None;
        state.ended = None;
        state.timer = Some((TimerKind::Timeout, now.plus(receive.timeout)));
        self.record_attempt(step, 1, What::Sent, "");
        self.state_mut(step).sent = Some(now);
        self.open_task(step);
        if let Some((callback, verdict)) = self.take_kept_callback(receive) {
            self.accept_callback(step, callback, verdict);
        }
    }

    fn take_kept_callback(&mut self, receive: &Receive) -> Option<(Callback, CallbackVerdict)> {
        let verdict_of = |callback: &Callback| {
            if callback.source == receive.topic { receive.verdict_of(&callback.status) } else { None }
        };
        let mut kept = self.saga.callbacks.iter().enumerate();
        let (index, verdict) = kept.find_map(|(index, callback)| Some((index, verdict_of(callback)?)))?;
        Some((self.saga.callbacks.remove(index), verdict))
    }

    fn conclude_completed(&mut self) {
        if self.saga.ending.is_none() {
            let completed = &self.definition.endings.completed;
            self.saga.ending = Some(Ending {
                status: completed.status.clone(),
                reason: completed.reason.clone(),
                step: None,
                cancelled: false,
            });
            self.saga.deadline = None;
            self.cancel_progress();
        }
        if self.saga.conclude.status == StepStatus::Waiting {
            self.send(StepRef::Conclude, Action::Execute);
        }
    }
}
