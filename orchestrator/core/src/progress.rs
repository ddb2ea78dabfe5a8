//! Progress messages of a saga that runs, and of one that is cancelled.

use crate::decision::Effect;
use crate::message::progress_id;
use crate::payload::Payload;
use crate::saga::ProgressState;
use crate::status::Status;
use crate::transition::{Room, Transition};

impl Transition<'_> {
    /// Makes the message due that the saga is cancelled, if the definition has a status for it.
    pub(crate) fn report_cancelling(&mut self) {
        let Some(status) = self.definition.progress.as_ref().and_then(|progress| progress.cancelling.clone()) else {
            return;
        };
        self.saga.progress = Some(ProgressState { status, due: Some(self.now) });
    }

    /// Sends the progress message that is due, unless the saga is paused, or in an incident that is not about its
    /// compensation. Of an aborted saga only the message that it is cancelled is due.
    pub(crate) fn report_progress(&mut self) {
        let reports = match self.saga.status {
            Status::Running => true,
            Status::Compensating | Status::Incident => self.saga.is_aborted(),
            Status::Completed | Status::Compensated | Status::Paused => false,
        };
        let Some(state) = &mut self.saga.progress else { return };
        if !reports || state.due.is_none_or(|due| due > self.now) {
            return;
        }
        state.due = None;
        self.changed = true;
        let id = progress_id(self.saga.id, &state.status);
        let Some(progress) = &self.definition.progress else { return };
        let Some(participant) = self.definition.participants.get(&progress.participant) else { return };
        let payload = Payload::new(self.definition, &self.saga);
        let value = payload.value(&progress.input);
        let key = payload.key(&participant.key);
        // No decision depends on it: one that is too large is not sent.
        if self.take_room(&value) != Room::Now {
            return self.note("the progress message is too large to be sent".to_owned());
        }
        self.effects.push(Effect::SendProgress {
            topic: participant.topic.clone(),
            key,
            command: progress.command.clone(),
            id,
            payload: value,
        });
    }
}
