//! Onwards: begin every step whose time has come, and tell the ending when all are done.

use crate::decide::Run;
use crate::definition::{Receive, Rule, Work, mask, ones};
use crate::history::What;
use crate::input::{Action, Callback};
use crate::saga::{Ending, TimerKind};
use crate::status::StepStatus;

impl Run<'_> {
    /// Begins the steps whose time has come, until nothing more can begin or a step stands in the way.
    pub(crate) fn forward(&mut self) {
        // A step that waits may find its answer already there, which may begin others: at most once for each step.
        for _ in 0..self.saga.steps.len() {
            let ready = self.ready();
            if ready == 0 {
                break;
            }
            // Rules are looked at first: what they refuse need not be begun.
            let rules = ready & self.definition.graph.rules();
            for step in ones(if rules == 0 { ready } else { rules }) {
                if !self.turned() {
                    self.begin_step(step);
                }
            }
        }
        let satisfied = |status| matches!(status, StepStatus::Done | StepStatus::Skipped);
        if !self.turned() && self.saga.steps.iter().all(|step| satisfied(step.status)) {
            self.complete();
        }
    }

    fn ready(&self) -> u64 {
        let set = |wanted: &[StepStatus]| {
            let steps = self.saga.steps.iter().enumerate();
            steps.filter(|(_, step)| wanted.contains(&step.status)).fold(0, |all, (i, _)| all | mask(i))
        };
        let satisfied = set(&[StepStatus::Done, StepStatus::Skipped]);
        let free = |step: &usize| self.definition.graph.before(*step) & !satisfied == 0;
        ones(set(&[StepStatus::Waiting])).filter(free).fold(0, |all, i| all | mask(i))
    }

    fn begin_step(&mut self, step: usize) {
        let Some(defined) = self.definition.steps.get(step) else { return };
        if defined.pivot {
            // What it decides can't be called off, also where it is not to be done.
            self.saga.deadline = None;
        }
        if let Some(condition) = defined.when.as_ref().filter(|when| when.holds(&self.saga.data) != Some(true)) {
            self.record(&defined.name, 0, What::Skipped, condition.to_string(), 0);
            self.at_mut(step).status = StepStatus::Skipped;
            return;
        }
        match &defined.work {
            Work::Execute(_) => self.send(step, Action::Execute),
            Work::Receive(receive) => self.wait(step, receive),
            Work::Check(rules) => self.check(step, rules),
        }
    }

    /// Holds the saga's data against rules: done at once, or refused by the first that does not hold.
    fn check(&mut self, step: usize, rules: &[Rule]) {
        let now = self.now;
        let state = self.at_mut(step);
        (state.attempts, state.started) = (1, Some(now));
        match rules.iter().find(|rule| rule.must.holds(&self.saga.data) != Some(true)) {
            Some(rule) => self.refused_by(step, rule),
            None => {
                self.record_step(step, 1, What::Done, "");
                self.settle(step, StepStatus::Done, None);
            }
        }
    }

    /// Begins to wait for a callback, which may have come before.
    pub(crate) fn wait(&mut self, step: usize, receive: &Receive) {
        let now = self.now;
        let state = self.at_mut(step);
        (state.status, state.attempts) = (StepStatus::Running, 1);
        (state.started, state.sent, state.ended) = (state.started.or(Some(now)), None, None);
        state.timer = Some((TimerKind::Timeout, now.plus(receive.timeout)));
        self.record_step(step, 1, What::Sent, "");
        self.at_mut(step).sent = Some(now);
        let kept = |callback: &Callback| callback.source == receive.topic && says(receive, &callback.status).is_some();
        if let Some(place) = self.saga.callbacks.iter().position(kept) {
            let callback = self.saga.callbacks.remove(place);
            let yes = says(receive, &callback.status) == Some(true);
            self.called_back(step, callback, yes);
        }
    }

    fn complete(&mut self) {
        if self.saga.ending.is_none() {
            let verdict = &self.definition.endings.completed;
            let (status, reason) = (verdict.status.clone(), verdict.reason.clone());
            self.saga.ending = Some(Ending { status, reason, step: None, called_off: false });
            self.saga.deadline = None;
            self.tell_no_more();
        }
        if self.saga.conclude.status == StepStatus::Waiting {
            self.send(self.concluding(), Action::Execute);
        }
    }
}

/// What a callback's status means to a step: yes, no, or nothing.
pub(crate) fn says(receive: &Receive, status: &str) -> Option<bool> {
    let among = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(status));
    if among(&receive.yes) {
        Some(true)
    } else if among(&receive.no) {
        Some(false)
    } else {
        None
    }
}
