//! Callbacks: messages from external systems for steps that wait for them.

use serde_json::{Map, Value};
use vocabulary::fields::merge;

use crate::definition::{CallbackVerdict, Work, mask, ones};
use crate::history::{Subject, What, bounded};
use crate::message::Callback;
use crate::outcome::FailureKind;
use crate::status::StepStatus;
use crate::transition::{StepRef, Transition};

impl Transition<'_> {
    /// Applies a callback to the step that waits for it, or keeps it for a step that will.
    pub(crate) fn callback(&mut self, callback: Callback) {
        let Callback { source, id, status, payload } = callback;
        let callback = Callback { source: bounded(source), id: bounded(id), status: bounded(status), payload };
        let kept = self.saga.callbacks.iter().any(|kept| kept.id == callback.id);
        if kept || self.saga.steps.iter().any(|step| step.callback.as_ref() == Some(&callback.id)) {
            let why = format!("repeated callback {} {:?}", callback.source, callback.status);
            return self.ignore(Subject::Saga, why);
        }
        let accepted = |(_, verdict): &(usize, CallbackVerdict)| *verdict == CallbackVerdict::Yes;
        let stuck = self.receivers(&callback, StepStatus::Stuck).find(accepted);
        let receiver = self.receivers(&callback, StepStatus::Running).next().or(stuck);
        if let Some((index, verdict)) = receiver {
            self.accept_callback(StepRef::Step(index), callback, verdict);
        } else if self.may_keep(&callback) {
            let why = format!("{} {:?}", callback.source, callback.status);
            self.record(Subject::Saga, What::CallbackStored, why);
            let payload = self.kept_early(&callback);
            self.saga.callbacks.push(Callback { payload, ..callback });
        } else {
            let why = format!("callback {} {:?} that no step waits for", callback.source, callback.status);
            self.ignore(Subject::Saga, why);
        }
    }

    /// Returns true if more steps will wait for the callback than callbacks are kept for them.
    fn may_keep(&self, callback: &Callback) -> bool {
        let receivers = |callback: &Callback| {
            self.receivers(callback, StepStatus::Waiting).fold(0, |all, (index, _)| all | mask(index))
        };
        let waiting = receivers(callback);
        // A callback kept for another step of the same topic with other statuses does not count.
        let kept = self.saga.callbacks.iter().filter(|kept| receivers(kept) & waiting != 0).count();
        ones(waiting).count() > kept && !self.saga.is_aborted()
    }

    /// The part of a callback that is kept for the steps that will wait for it: the fields that any of them names.
    fn kept_early(&self, callback: &Callback) -> Value {
        let receivers = self.receivers(callback, StepStatus::Waiting).map(|(index, _)| &self.definition.steps[index]);
        let receives = receivers.filter_map(|step| match &step.work {
            Work::Receive(receive) => Some(receive),
            Work::Execute(_) | Work::Check(_) => None,
        });
        let mut kept = Map::new();
        for receive in receives {
            match receive.kept(callback.payload.clone()) {
                Value::Object(fields) => merge(&mut kept, fields),
                whole @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                    return self.limited(whole);
                }
            }
        }
        self.limited(Value::Object(kept))
    }

    /// The steps of a status for which the callback has a meaning, with that meaning.
    fn receivers(&self, callback: &Callback, status: StepStatus) -> impl Iterator<Item = (usize, CallbackVerdict)> {
        let steps = self.saga.steps.iter().zip(&self.definition.steps).enumerate();
        steps.filter(move |(_, (state, _))| state.status == status).filter_map(move |(i, (_, step))| match &step.work {
            Work::Receive(receive) if receive.topic == callback.source => {
                Some((i, receive.verdict_of(&callback.status)?))
            }
            Work::Receive(_) | Work::Execute(_) | Work::Check(_) => None,
        })
    }

    /// Ends the wait of a step with a callback.
    pub(crate) fn accept_callback(&mut self, step: StepRef, callback: Callback, verdict: CallbackVerdict) {
        let Callback { id, status, payload, .. } = callback;
        let payload = match self.defined(step).map(|step| &step.work) {
            Some(Work::Receive(receive)) => self.limited(receive.kept(payload)),
            Some(Work::Execute(_) | Work::Check(_)) | None => self.limited(payload),
        };
        self.state_mut(step).callback = Some(id);
        match verdict {
            CallbackVerdict::Yes => {
                self.record_attempt(step, 1, What::Done, &status);
                self.store(step, payload);
                self.settle(step, StepStatus::Done, None);
            }
            CallbackVerdict::No => {
                let reason = payload.get("reason").and_then(Value::as_str).map_or(status, str::to_owned);
                self.record_attempt(step, 1, What::Refused, &reason);
                self.fail_step(step, FailureKind::Refused, Some(reason));
            }
        }
    }

    /// The payload, or null if it is too large.
    fn limited(&self, payload: Value) -> Value {
        if self.oversize(&payload).is_some() { Value::Null } else { payload }
    }
}
