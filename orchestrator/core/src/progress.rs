//! How far the saga is: which status its steps have brought it to, and when that is told. Apart, because nothing else is
//! decided by it.

use crate::decide::Run;
use crate::input::{Effect, progress_id};
use crate::saga::Reached;
use crate::status::Status;

impl Run<'_> {
    /// A step is done, and with it the saga may have come to another status.
    pub(crate) fn reached(&mut self, step: usize) {
        let Some(progress) = &self.definition.progress else { return };
        let Some(status) = self.definition.steps.get(step).and_then(|step| step.status.as_ref()) else { return };
        if self.saga.ending.is_some() {
            return;
        }
        let due = self.clock().plus(progress.after);
        self.changed = true;
        self.saga.progress = Some(Reached { status: status.clone(), due: Some(due) });
    }

    /// The saga's ending is known, and will be told instead.
    pub(crate) fn tell_no_more(&mut self) {
        if let Some(progress) = &mut self.saga.progress {
            progress.due = None;
        }
    }

    /// The end of a decision: tells the saga's status if its time has come; not while it is paused, or something stands in its way.
    pub(crate) fn tell_what_is_due(&mut self) {
        let Some(reached) = &mut self.saga.progress else { return };
        if self.saga.status != Status::Running || reached.due.is_none_or(|due| due > self.now) {
            return;
        }
        reached.due = None;
        self.changed = true;
        let Some(progress) = &self.definition.progress else { return };
        let Some(participant) = self.definition.participants.get(&progress.participant) else { return };
        let id = progress_id(self.saga.id, &reached.status);
        self.effects.push(Effect::Tell {
            topic: participant.topic.clone(),
            key: self.key(&participant.key),
            command: progress.command.clone(),
            id,
            payload: self.payload(&progress.input),
        });
    }
}
