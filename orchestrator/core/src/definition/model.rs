//! The types of a definition.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;
use vocabulary::fields::Field;

use super::callback::Receive;
use super::duration;
use super::graph::{Graph, mask};
use super::human::Human;
use super::label::Label;
use super::retry::Retry;
use crate::condition::Condition;
use crate::data::{Path, Pick};
use crate::status::StepStatus;

/// The step name of the command that reports the ending. Reserved: no step may have it.
pub const CONCLUDE: &str = "conclude";

/// The definition of a saga. Its JSON is served by `GET /api/definitions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The name; unique together with the version.
    pub name: String,
    /// The version, from 1.
    pub version: u32,
    /// The display name.
    pub label: Label,
    /// The event that starts a saga.
    pub start: Start,
    /// The path of the customer's id, by which sagas can be searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Path>,
    /// The maximum duration from the start; then the saga aborts, unless its pivot has begun.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "duration::as_optional_text")]
    pub deadline: Option<Duration>,
    /// The participants that execute commands, by name.
    pub participants: BTreeMap<String, Participant>,
    /// The progress messages sent while the saga runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The steps, in the order of the file.
    pub steps: Vec<Step>,
    /// The statuses and reasons of the endings.
    pub endings: Endings,
    /// The command that reports the ending.
    pub conclude: Call,
    #[serde(skip)]
    pub(crate) graph: Graph,
    pub(super) hash: String,
    #[serde(skip)]
    pub(super) source: String,
}

/// The event that starts a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The topic of the starting event.
    pub topic: String,
    /// The event's type.
    pub event: String,
    /// The path of the event's payload in the saga's data.
    pub output: Path,
    /// The fields that are checked in the event's payload, by path. Other fields are taken as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
    /// The event by which the sender of the starting event cancels the saga.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelEvent>,
}

/// An event that aborts the saga as an operator's cancel does. It is read from the starting event's topic, so it
/// follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CancelEvent {
    /// The event's type.
    pub event: String,
    /// The reason of the ending, unless the `cancelled` ending has one.
    pub reason: String,
}

/// A participant that executes commands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Participant {
    /// The topic of its commands.
    pub topic: String,
    /// The key of its commands.
    pub key: Key,
}

/// The key of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// The saga's id.
    Saga,
    /// A string or number from the saga's data, or a literal; the saga's id if there is none.
    Of(Pick),
}

/// `"saga"`, or a [`Pick`].
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Saga => serializer.serialize_str("saga"),
            Self::Of(pick) => pick.serialize(serializer),
        }
    }
}

/// A step of a definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The name, unique in the definition.
    pub name: String,
    /// The display name.
    pub label: Label,
    /// The steps that must be done before this one; by default the preceding step in the file.
    pub after: Vec<String>,
    /// The condition of the step; if it does not hold, the step is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Set for the pivot: once it is done nothing is compensated any more, and a failure is an incident.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pivot: bool,
    /// The work of the step.
    #[serde(flatten)]
    pub work: Work,
    /// The task of the person who answers the step; only of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub human: Option<Human>,
    /// The path of the step's output in the saga's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Path>,
    /// The command that compensates the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Call>,
    /// The saga's progress once this step is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl Step {
    /// Returns true if the step checks rules: it sends no command and waits for nothing.
    #[must_use]
    pub const fn is_check(&self) -> bool {
        match &self.work {
            Work::Check(_) => true,
            Work::Execute(_) | Work::Receive(_) => false,
        }
    }
}

/// The work of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Sends a command and waits for its reply.
    Execute(Call),
    /// Waits for a callback.
    Receive(Receive),
    /// Checks these rules at once, and is refused by the first that does not hold.
    #[serde(rename = "rules")]
    Check(Vec<Rule>),
}

/// A rule on the saga's data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The condition that must hold. An undecidable condition does not hold.
    pub must: Condition,
    /// The machine-readable reason of the refusal.
    pub reason: String,
    /// The human-readable reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The progress messages of a saga. They have no reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// The participant that receives the messages.
    pub participant: String,
    /// The type of the messages.
    pub command: String,
    /// The fields of the messages.
    pub input: BTreeMap<String, Pick>,
    /// How long a status must last before it is reported.
    #[serde(serialize_with = "duration::as_text")]
    pub after: Duration,
    /// The status that is reported at once when the saga is cancelled; `None`: its end is reported only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelling: Option<String>,
}

/// A command with its timeout and retries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// The participant that executes the command.
    pub participant: String,
    /// The type of the command.
    pub command: String,
    /// The fields of the command.
    pub input: BTreeMap<String, Pick>,
    /// The retries after a failure or a timeout.
    pub retry: Retry,
    /// The timeout of each attempt.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
}

/// The endings of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endings {
    /// All steps are done.
    pub completed: EndingSpec,
    /// The saga aborted, and no other ending applies.
    pub default: EndingSpec,
    /// An operator or the cancelling event aborted the saga.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<EndingSpec>,
    /// The deadline aborted the saga.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<EndingSpec>,
    /// The saga aborted at this step.
    pub steps: BTreeMap<String, StepEndings>,
}

/// The endings of a saga that aborts at a certain step; by default [`Endings::default`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StepEndings {
    /// The step was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<EndingSpec>,
    /// The last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<EndingSpec>,
    /// The last attempt or the wait timed out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<EndingSpec>,
}

/// The status and the reason of an ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndingSpec {
    /// The status, such as `rejected`.
    pub status: String,
    /// The reason; by default a refusal's own reason, or `{step}_failed`, `{step}_timed_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Definition {
    /// The canonical hash: 32 hexadecimal digits (a UUIDv5 of the definition as JSON). Comments, whitespace, the order
    /// of keys and explicit default values do not change it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The text of the file. It is stored with the sagas, so the definition can be read without the file.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The callbacks that the steps wait for.
    pub fn receives(&self) -> impl Iterator<Item = &Receive> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Receive(receive) => Some(receive),
            Work::Execute(_) | Work::Check(_) => None,
        })
    }

    /// The topics on which people who complete tasks answer.
    pub fn answered_topics(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter(|step| step.human.is_some()).filter_map(|step| match &step.work {
            Work::Receive(receive) => Some(receive.topic.as_str()),
            Work::Execute(_) | Work::Check(_) => None,
        })
    }

    /// The index of the pivot.
    pub(crate) fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.pivot)
    }

    /// The step with this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The ending of a saga that aborts at a step with this status.
    pub(crate) fn ending_of(&self, step: &str, failure: StepStatus) -> &EndingSpec {
        let specific = self.endings.steps.get(step).and_then(|endings| {
            if failure == StepStatus::Refused {
                endings.refused.as_ref()
            } else if failure == StepStatus::TimedOut {
                endings.timed_out.as_ref()
            } else {
                endings.failed.as_ref()
            }
        });
        specific.unwrap_or(&self.endings.default)
    }

    /// Completes a checked definition with its graph, hash and source.
    pub(super) fn seal(mut self, source: &str) -> Self {
        self.graph = graph_of(&self.steps);
        let json = serde_json::to_string(&self).unwrap_or_default();
        self.hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, json.as_bytes()).simple().to_string();
        source.clone_into(&mut self.source);
        self
    }
}

/// The order of steps whose `after` is filled in. Unknown names are ignored: the checks report them.
pub(super) fn graph_of(steps: &[Step]) -> Graph {
    let bit = |name: &String| steps.iter().position(|step| &step.name == name).map_or(0, mask);
    let before = steps.iter().map(|step| step.after.iter().map(bit).fold(0, |a, b| a | b)).collect();
    let rules = (0..).zip(steps).filter(|(_, step)| step.is_check());
    Graph::new(before, rules.fold(0, |all, (i, _)| all | mask(i)))
}
