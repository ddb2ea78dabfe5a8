//! Events for external systems: the changes of a decision, as the difference between two states of a saga. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

use common::events::reason_code;
use common::ids;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use saga::{
    CANCELLED_BY_OPERATOR, DEADLINE_EXCEEDED, Definition, Ending, Endings, Saga, Status, StepState, StepStatus,
};

use crate::messages::events::{SagaChanged, SagaEvent};

/// The parts of a saga on which events depend; `None` before it begins.
pub struct Milestones(Option<Known>);

struct Known {
    status: Status,
    is_aborted: bool,
    steps: Vec<StepMilestones>,
}

/// The parts of a step on which events depend.
#[derive(Clone, Copy, PartialEq, Eq)]
struct StepMilestones {
    has_outcome: bool,
    is_compensated: bool,
}

impl StepMilestones {
    const NONE: Self = Self { has_outcome: false, is_compensated: false };

    fn of(step: &StepState) -> Self {
        Self { has_outcome: step.outcome().is_some(), is_compensated: step.status == StepStatus::Compensated }
    }
}

/// The decision that makes the changes.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'c> {
    /// The definition of the saga.
    pub definition: &'c Definition,
    /// The id of the message or the timer.
    pub id: &'c str,
    /// The time of the decision.
    pub now: Timestamp,
}

impl Milestones {
    /// Those of a saga.
    pub fn of(saga: Option<&Saga>) -> Self {
        Self(saga.map(|saga| Known {
            status: saga.status,
            is_aborted: saga.is_aborted(),
            steps: saga.all_steps().map(StepMilestones::of).collect(),
        }))
    }

    /// The events of the changes since then, in order.
    pub fn changes(&self, saga: &Saga, cause: Cause<'_>) -> Vec<Outgoing> {
        let mut all = Vec::new();
        let mut add = |event: SagaEvent, about: About<'_>| all.push(message(event, saga, about, cause));
        let known = self.0.as_ref();
        if known.is_none() {
            add(SagaEvent::Began, About::default());
        }
        let status = known.map_or(Status::Running, |known| known.status);
        if status == Status::Paused && saga.status != Status::Paused {
            add(SagaEvent::Resumed, About::default());
        }
        if status == Status::Incident && saga.status != Status::Incident {
            add(SagaEvent::IncidentResolved, About::default());
        }
        for (index, step) in saga.all_steps().enumerate() {
            let before = known.and_then(|known| known.steps.get(index)).copied().unwrap_or(StepMilestones::NONE);
            if let Some((outcome, _)) = step.outcome().filter(|_| !before.has_outcome) {
                add(ended(outcome), About::step(step, (outcome != StepStatus::Done).then_some(outcome)));
            }
            if step.status == StepStatus::Compensated && !before.is_compensated {
                add(SagaEvent::StepCompensated, About::step(step, None));
            }
        }
        let is_reopened = status == Status::Compensated && saga.status != Status::Compensated;
        if is_reopened || saga.is_aborted() && !known.is_some_and(|known| known.is_aborted) {
            add(SagaEvent::Compensating, About::ending(saga, cause.definition));
        }
        if saga.status != status {
            match saga.status {
                Status::Incident => {
                    let stuck = saga.all_steps().find(|step| step.status == StepStatus::Stuck);
                    add(SagaEvent::IncidentOpened, stuck.map_or_else(About::default, |step| About::step(step, None)));
                }
                Status::Paused => add(SagaEvent::Paused, About::default()),
                Status::Completed | Status::Compensated => add(SagaEvent::Ended, About::ending(saga, cause.definition)),
                Status::Running | Status::Compensating => {}
            }
        }
        all
    }
}

fn ended(outcome: StepStatus) -> SagaEvent {
    match outcome {
        StepStatus::Done => SagaEvent::StepDone,
        StepStatus::Refused
        | StepStatus::Failed
        | StepStatus::TimedOut
        | StepStatus::Abandoned
        | StepStatus::Waiting
        | StepStatus::Running
        | StepStatus::Retrying
        | StepStatus::Compensating
        | StepStatus::Compensated
        | StepStatus::Stuck
        | StepStatus::Skipped => SagaEvent::StepFailed,
    }
}

/// What an event is about, besides the saga.
#[derive(Default)]
struct About<'s> {
    step: Option<&'s str>,
    outcome: Option<&'s str>,
    reason: Option<&'s str>,
}

impl<'s> About<'s> {
    fn step(step: &'s StepState, outcome: Option<StepStatus>) -> Self {
        Self { step: Some(&step.name), outcome: outcome.map(StepStatus::as_str), reason: step.reason.as_deref() }
    }

    fn ending(saga: &'s Saga, definition: &Definition) -> Self {
        let ending = saga.ending.as_ref();
        Self {
            step: None,
            outcome: ending.map(|ending| &*ending.status),
            reason: ending.and_then(|ending| published_reason(ending, definition)),
        }
    }
}

/// The reason of an ending, if it is one of the definition or of a step. An operator chooses that of a cancellation
/// freely, so it may contain personal data: a fixed code takes its place.
fn published_reason<'s>(ending: &'s Ending, definition: &Definition) -> Option<&'s str> {
    let reason = ending.reason.as_deref()?;
    let Endings { completed, default, cancelled, deadline, steps: _ } = &definition.endings;
    let specs = [cancelled, deadline].into_iter().flatten().chain([completed, default]);
    let of_event = definition.start.cancel.iter().map(|cancel| &*cancel.reason);
    let mut known = specs.filter_map(|spec| spec.reason.as_deref()).chain(of_event).chain([DEADLINE_EXCEEDED]);
    let is_published = ending.step.is_some() || known.any(|known| known == reason);
    Some(if is_published { reason } else { CANCELLED_BY_OPERATOR })
}

fn message(event: SagaEvent, saga: &Saga, about: About<'_>, cause: Cause<'_>) -> Outgoing {
    let kind = event.kind();
    let key = saga.id.to_string();
    let step = about.step.unwrap_or_default();
    // A repeated refusal may open an incident once more after an operator's retry: each has entries of the history.
    let entries = saga.history.len().saturating_add(saga.folded as usize).to_string();
    let id = ids::derive(&[topics::SAGA_EVENTS, kind, &key, step, cause.id, &entries]).to_string();
    let value = SagaChanged {
        saga_id: saga.id,
        definition: saga.definition.clone(),
        version: saga.version,
        status: saga.status.as_str().to_owned(),
        step: about.step.map(str::to_owned),
        outcome: about.outcome.map(str::to_owned),
        reason: reason_code(about.reason),
        at: cause.now,
    };
    Outgoing::event(topics::SAGA_EVENTS, &key, kind, id, &key, cause.now, &value).caused_by(saga.traceparent.as_deref())
}
