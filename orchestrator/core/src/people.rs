//! Tasks of people: opened when a step with `human` begins to wait, claimed, and completed with a form. The completion
//! sends the message that the step waits for, so a saga is answered in one way whoever answers it.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::decision::Effect;
use crate::definition::{Human, Work};
use crate::form::Answer;
use crate::message::answer_id;
use crate::status::StepStatus;
use crate::task::{Task, TaskMark};
use crate::time::Timestamp;
use crate::transition::{Room, StepRef, Transition};

/// The operator of an operation on a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    /// The operation's id.
    pub(crate) id: &'a str,
    pub(crate) by: &'a str,
    pub(crate) why: &'a str,
}

impl Author<'_> {
    fn mark(self, at: Timestamp) -> TaskMark {
        TaskMark { by: self.by.to_owned(), at }
    }
}

impl Transition<'_> {
    /// Opens the task of a step that begins to wait, if it has one.
    pub(crate) fn open_task(&mut self, step: StepRef) {
        let human = self.defined(step).and_then(|defined| defined.human.as_ref());
        let opened = self.now;
        let is_task = |human: &&Human| human.when.as_ref().is_none_or(|when| when.holds(&self.saga.data) == Some(true));
        let task = human.filter(is_task).map(|human| Task {
            opened,
            due: human.due.map(|due| opened.plus(due)),
            role: human.role.clone(),
            claim: None,
            completed: None,
        });
        if task.is_some() {
            self.state_mut(step).task = task;
        }
    }

    /// Drops the tasks of steps that wait no longer.
    pub(crate) fn end_tasks(&mut self) {
        for state in &mut self.saga.steps {
            if state.status != StepStatus::Running {
                state.task = None;
            }
        }
    }

    /// Postpones the due time of a task by a pause of the saga.
    pub(crate) fn postpone_task(&mut self, step: StepRef, pause: Duration) {
        if let Some(due) = self.state_mut(step).task.as_mut().and_then(|task| task.due.as_mut()) {
            *due = due.plus(pause);
        }
    }

    /// Claims a task, or takes it over.
    pub(crate) fn claim(&mut self, name: &str, take_over: bool, author: Author<'_>) -> Result<(), String> {
        let step = self.task_step(name)?;
        let now = self.now;
        if take_over {
            if author.why.trim().is_empty() {
                return Err("a take-over needs a reason".to_owned());
            }
            self.check_open(step)?;
        } else {
            self.check_free(step, author.by)?;
        }
        let Some(task) = self.state_mut(step).task.as_mut() else { return Ok(()) };
        // Claimed again by the same person, it keeps the time.
        if task.claim.as_ref().is_none_or(|claim| claim.by != author.by) {
            task.claim = Some(author.mark(now));
        }
        Ok(())
    }

    /// Gives up a claim.
    pub(crate) fn release(&mut self, name: &str, author: Author<'_>) -> Result<(), String> {
        let step = self.task_step(name)?;
        self.check_free(step, author.by)?;
        let Some(task) = self.state_mut(step).task.as_mut() else { return Ok(()) };
        match task.claim.take() {
            Some(_) => Ok(()),
            None => Err(format!("nobody has claimed the task {name}")),
        }
    }

    /// Completes a task: sends the message that its step waits for.
    pub(crate) fn complete(
        &mut self,
        name: &str,
        fields: &Map<String, Value>,
        author: Author<'_>,
    ) -> Result<(), String> {
        let step = self.task_step(name)?;
        self.check_free(step, author.by)?;
        let at = self.now;
        let defined = self.defined(step);
        let (Some(human), Some(Work::Receive(receive))) =
            (defined.and_then(|step| step.human.as_ref()), defined.map(|step| &step.work))
        else {
            return Err(no_task(name));
        };
        let answer = Answer { saga: self.saga.id, by: author.by, why: author.why, at, fields };
        let payload = answer.message(receive, human).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.problem)).collect();
            format!("the form is wrong: {}", all.join("; "))
        })?;
        match self.take_room(&payload) {
            Room::Now => {}
            Room::Later | Room::Never => return Err("the message of the form is too large".to_owned()),
        }
        let id = answer_id(self.saga.id, name, author.id);
        self.effects.push(Effect::SendAnswer { topic: receive.topic.clone(), id, payload });
        if let Some(task) = self.state_mut(step).task.as_mut() {
            task.completed = Some(author.mark(at));
        }
        Ok(())
    }

    /// The step with an open task.
    fn task_step(&self, name: &str) -> Result<StepRef, String> {
        self.find(name).filter(|step| self.state(*step).task.is_some()).ok_or_else(|| no_task(name))
    }

    /// Refuses a task that is completed.
    fn check_open(&self, step: StepRef) -> Result<(), String> {
        let state = self.state(step);
        match state.task.as_ref().and_then(|task| task.completed.as_ref()) {
            Some(done) => Err(format!("the task {} was completed by {} at {}", state.name, done.by, done.at)),
            None => Ok(()),
        }
    }

    /// Refuses a task that is completed, or that somebody else claimed.
    fn check_free(&self, step: StepRef, by: &str) -> Result<(), String> {
        self.check_open(step)?;
        let state = self.state(step);
        match state.task.as_ref().and_then(|task| task.claim.as_ref()).filter(|claim| claim.by != by) {
            Some(claim) => Err(format!("the task {} is claimed by {} since {}", state.name, claim.by, claim.at)),
            None => Ok(()),
        }
    }
}

fn no_task(name: &str) -> String {
    format!("{:?} is not an open task of the saga", crate::history::bounded(name.to_owned()))
}
