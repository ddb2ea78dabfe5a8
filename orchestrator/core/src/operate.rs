//! What operators may do to a saga, and where it makes no sense. Apart from what happens by itself: each act is a person's,
//! recorded with who and why, and done or refused as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{OUTPUT_LIMIT, weight};
use crate::decide::Run;
use crate::definition::{Step, Work};
use crate::history::{What, bounded};
use crate::input::Action;
use crate::saga::TimerKind;
use crate::status::{Status, StepStatus};
use crate::time::Timestamp;

/// How many acts of operators a saga remembers, to tell what became of them and to do none twice.
pub const OPERATIONS_LIMIT: usize = 16;

/// An operator's act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id: the same id is the same act, and done once.
    pub id: String,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What.
    pub what: Operate,
}

/// What an operator may do. As JSON `{"action":"skip","step":"ship","answer":{}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operate {
    /// Hold a saga that runs or compensates: answers are taken, nothing is begun, its timers and its deadline stand still.
    Pause,
    /// Let a paused one go on.
    Resume,
    /// Turn back from here and undo all; not once the pivot has begun, or all is done.
    Cancel {
        /// The reason of the ending, where the definition's `cancelled` says none; by default `cancelled_by_operator`.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Send the next attempt now, with all retries before it, also of what is out of retries.
    Retry {
        /// Which step; without one, every step for which it makes sense.
        #[serde(default)]
        step: Option<String>,
    },
    /// Take a step that is being done for done, with this answer.
    Skip {
        /// Which step.
        step: String,
        /// What its `output` keeps.
        #[serde(default)]
        answer: Value,
    },
    /// End an incident: what stands in the way was done (or undone) by hand.
    Resolve {
        /// Which step; needed where several stand in the way.
        #[serde(default)]
        step: Option<String>,
        /// False for a pivot of unknown outcome that did not happen: the saga turns back.
        #[serde(default = "yes")]
        happened: bool,
        /// What the `output` of a step keeps.
        #[serde(default)]
        answer: Value,
    },
}

const fn yes() -> bool {
    true
}

impl Operate {
    /// The name as in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel { .. } => "cancel",
            Self::Retry { .. } => "retry",
            Self::Skip { .. } => "skip",
            Self::Resolve { .. } => "resolve",
        }
    }

    /// The step it names.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Pause | Self::Resume | Self::Cancel { .. } => None,
            Self::Retry { step } | Self::Resolve { step, .. } => step.as_deref(),
            Self::Skip { step, .. } => Some(step),
        }
    }
}

/// What became of an operator's act.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operated {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What, such as `pause`.
    pub action: String,
    /// Why it was not done; `None`: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Run<'_> {
    /// An operator acts, or is told why not.
    pub(crate) fn operate(&mut self, operation: Operation) {
        let Operation { id, by, why, what } = operation;
        let (id, by, why) = (bounded(id), bounded(by), bounded(why));
        if self.saga.operations.iter().any(|done| done.id == id) {
            return self.ignore("", 0, format!("repeated {} by {by}", what.as_str()));
        }
        let refused = self.act(&what).err();
        let (step, action) = (bounded(what.step().unwrap_or_default().to_owned()), what.as_str());
        match &refused {
            None => self.record(&step, 0, What::Operated, format!("{action} by {by}: {why}"), 0),
            Some(not) => {
                self.record(&step, 0, What::OperatorRefused, format!("{action} by {by}: {not}"), 0);
                self.note(format!("{action} by {by}: {not}"));
            }
        }
        if self.saga.operations.len() >= OPERATIONS_LIMIT {
            self.saga.operations.remove(0);
        }
        let at = self.now;
        let goes_on = refused.is_none() && matches!(what, Operate::Resume | Operate::Cancel { .. });
        self.saga.operations.push(Operated { id, at, by, why, action: action.to_owned(), refused });
        if goes_on && self.saga.status == Status::Paused {
            // Told after what was done, so that the history reads in order.
            self.unpause();
        }
    }

    fn act(&mut self, what: &Operate) -> Result<(), String> {
        match what {
            Operate::Pause => self.pause(),
            Operate::Resume if self.saga.status == Status::Paused => Ok(()),
            Operate::Resume => Err(format!("the saga is {}: only a paused one can be resumed", self.saga.status)),
            Operate::Cancel { reason } => self.cancel(reason.as_deref().unwrap_or("cancelled_by_operator")),
            Operate::Retry { step } => self.retry_now(step.as_deref()),
            Operate::Skip { step, answer } => self.skip(step, answer),
            Operate::Resolve { step, happened, answer } => self.resolve(step.as_deref(), *happened, answer),
        }
    }

    fn pause(&mut self) -> Result<(), String> {
        if !matches!(self.saga.status, Status::Running | Status::Compensating) {
            return Err(format!("the saga is {}: only one that runs or compensates can be paused", self.saga.status));
        }
        self.saga.paused = Some(self.now);
        self.go(Status::Paused);
        Ok(())
    }

    /// Timers, and the deadline, go on with the time that was left to them.
    fn unpause(&mut self) {
        let Some(since) = self.saga.paused.take() else { return };
        let stood = std::time::Duration::from_millis(self.now.since(since));
        for step in 0..=self.concluding() {
            if let Some((_, at)) = &mut self.at_mut(step).timer {
                *at = at.plus(stood);
            }
        }
        let due = self.saga.progress.as_mut().and_then(|progress| progress.due.as_mut());
        for at in self.saga.deadline.as_mut().into_iter().chain(due) {
            *at = at.plus(stood);
        }
        self.go(self.onwards());
    }

    fn cancel(&mut self, reason: &str) -> Result<(), String> {
        let saga = &self.saga;
        if !matches!(saga.status, Status::Running | Status::Paused | Status::Incident) {
            return Err(format!("the saga is {} already", saga.status));
        }
        if let Some(ending) = &saga.ending {
            let state = if saga.turned() { "it is being undone already" } else { "all steps are done" };
            return Err(format!("{state}: the ending is {}", ending.status));
        }
        if self.pivot_has_begun() {
            return Err("the pivot has begun: from there on only forward".to_owned());
        }
        self.call_off(self.definition.endings.cancelled.as_ref(), reason);
        Ok(())
    }

    fn retry_now(&mut self, name: Option<&str>) -> Result<(), String> {
        if self.saga.status == Status::Paused {
            return Err("the saga is paused: resume it first".to_owned());
        }
        let all = 0..=self.concluding();
        let steps = match name {
            Some(name) => vec![self.named(name)?],
            None => all.filter(|step| self.is_retriable(*step)).collect(),
        };
        if steps.is_empty() {
            return Err("no step waits for its next attempt or is out of retries".to_owned());
        }
        if let Some(not) = steps.iter().find(|step| self.is_check(**step) && self.at(**step).is_stuck(Action::Execute))
        {
            let name = &self.at(*not).name;
            return Err(format!("{name} asks nobody: its rules would say the same again"));
        }
        if let Some(not) = steps.iter().find(|step| !self.is_retriable(**step)) {
            let state = self.at(*not);
            let why = if state.timer_is_timeout() { ", and an attempt of it is under way" } else { "" };
            return Err(format!("{} is {}{why}: there is nothing to retry", state.name, state.status));
        }
        for step in steps {
            let state = self.at_mut(step);
            let action = state.action();
            state.forgiven = if action == Action::Execute { state.attempts } else { state.undos };
            match self.definition.steps.get(step).map(|step| &step.work) {
                Some(Work::Receive(receive)) if action == Action::Execute => self.wait(step, receive),
                Some(Work::Receive(_) | Work::Execute(_) | Work::Check(_)) | None => self.send(step, action),
            }
        }
        Ok(())
    }

    fn is_retriable(&self, step: usize) -> bool {
        let state = self.at(step);
        let waits = state.status == StepStatus::Stuck || state.timer.is_some_and(|(kind, _)| kind == TimerKind::Retry);
        waits && !self.is_check(step)
    }

    fn is_check(&self, step: usize) -> bool {
        self.definition.steps.get(step).is_some_and(Step::is_of_rules)
    }

    fn skip(&mut self, name: &str, answer: &Value) -> Result<(), String> {
        let step = self.named(name)?;
        let status = self.at(step).status;
        if step == self.concluding() || !matches!(status, StepStatus::Running | StepStatus::Retrying) {
            return Err(format!("{name} is {status}: only a step that is being done can be skipped"));
        }
        self.by_hand(step, answer)
    }

    fn resolve(&mut self, name: Option<&str>, happened: bool, answer: &Value) -> Result<(), String> {
        let all = 0..=self.concluding();
        let stuck: Vec<usize> = all.filter(|step| self.at(*step).status == StepStatus::Stuck).collect();
        let names = || stuck.iter().map(|step| self.at(*step).name.clone()).collect::<Vec<_>>().join(", ");
        let step = match (name, stuck.as_slice()) {
            (_, []) => return Err(format!("the saga is {}: nothing stands in its way", self.saga.status)),
            (None, [step]) => *step,
            (None, _) => return Err(format!("several steps stand in its way, name one: {}", names())),
            (Some(name), _) => self.named(name)?,
        };
        if !stuck.contains(&step) {
            let state = self.at(step);
            return Err(format!("{} is {}; what stands in the way is {}", state.name, state.status, names()));
        }
        let pivot = self.definition.pivot() == Some(step);
        match self.at(step).action() {
            Action::Execute if happened => self.by_hand(step, answer)?,
            Action::Execute if pivot => self.not_happened(step),
            Action::Compensate if happened => self.undone(step),
            Action::Execute | Action::Compensate => {
                let name = &self.at(step).name;
                return Err(format!("{name} has to happen: only a pivot may turn out not to have happened"));
            }
        }
        Ok(())
    }

    /// A step counts as done, with an operator's answer.
    fn by_hand(&mut self, step: usize, answer: &Value) -> Result<(), String> {
        if weight(answer, OUTPUT_LIMIT) > OUTPUT_LIMIT {
            return Err(format!("the answer is larger than {OUTPUT_LIMIT} bytes"));
        }
        self.at_mut(step).happened = true;
        self.store(step, answer.clone());
        self.settle(step, StepStatus::Done, None);
        Ok(())
    }

    fn named(&self, name: &str) -> Result<usize, String> {
        let found = (0..=self.concluding()).find(|step| self.at(*step).name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.saga.all_steps().map(|step| step.name.as_str()).collect();
            format!("there is no step {:?}, only {}", bounded(name.to_owned()), names.join(", "))
        })
    }
}
