//! The types of a definition.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::duration;
use super::graph::{Graph, mask};
use super::retry::Retry;
use crate::condition::Condition;
use crate::data::{Path, Pick};
use crate::status::StepStatus;

/// The name under which the telling of the ending is known; no step may have it.
pub(crate) const CONCLUDE: &str = "conclude";

/// What a saga does, step by step. Serialized it is what `GET /api/definitions` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Its name; with the version it is unique.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Its name for people.
    pub label: Label,
    /// What begins such a saga.
    pub start: Start,
    /// Where in its data it says whose it is: sagas are found by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Path>,
    /// How long a saga may take, from its start: then it turns back, unless its pivot has begun.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "duration::as_optional_text")]
    pub deadline: Option<Duration>,
    /// Who carries out commands, by name.
    pub participants: BTreeMap<String, Participant>,
    /// Who is told how far the saga is, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The steps, in the file's order.
    pub steps: Vec<Step>,
    /// What its endings mean.
    pub endings: Endings,
    /// The command that tells the ending.
    pub conclude: Call,
    #[serde(skip)]
    pub(crate) graph: Graph,
    pub(super) hash: String,
    #[serde(skip)]
    pub(super) source: String,
}

/// A name for people, by language (BCP 47, such as `en` or `pt`). `en` is always there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Label(pub(crate) BTreeMap<String, String>);

impl Label {
    /// The text in a language, or in English.
    #[must_use]
    pub fn get(&self, language: &str) -> &str {
        self.0.get(language).or_else(|| self.0.get("en")).map_or("", String::as_str)
    }
}

/// What begins a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The topic of the starting event.
    pub topic: String,
    /// The event's type.
    pub event: String,
    /// Where its payload is put in the saga's data.
    pub output: Path,
    /// The event by which whoever began the saga takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelEvent>,
}

/// An event on the starting event's topic, so that it comes after it, which calls the saga off as an operator's cancel does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CancelEvent {
    /// Its type.
    pub event: String,
    /// The reason of the ending, where the ending of a cancelled saga says none.
    pub reason: String,
}

/// Who carries out commands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Participant {
    /// The topic it reads its commands from.
    pub topic: String,
    /// The key of its commands there.
    pub key: Key,
}

/// The key of a command on its topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// The saga's id.
    Saga,
    /// A value (a text or a number) from the saga's data, or a fixed one; the saga's id where there is none.
    Of(Pick),
}

/// `"saga"`, or as the value is found.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Saga => serializer.serialize_str("saga"),
            Self::Of(pick) => pick.serialize(serializer),
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Its name, unique in the definition.
    pub name: String,
    /// Its name for people.
    pub label: Label,
    /// The steps that must be done before it; by default the one before it in the file.
    pub after: Vec<String>,
    /// It is only done where this holds; else it is skipped, and what comes after it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// From here on only forward: once it is done nothing is undone any more, and what stands in the way is an incident.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pivot: bool,
    /// What it does.
    #[serde(flatten)]
    pub work: Work,
    /// Where its answer is put in the saga's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Path>,
    /// The command that undoes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Call>,
    /// What the saga's progress is once this step is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl Step {
    /// Whether it holds the saga's data against rules: nothing is sent for it, and nothing waited for.
    #[must_use]
    pub const fn is_of_rules(&self) -> bool {
        match &self.work {
            Work::Check(_) => true,
            Work::Execute(_) | Work::Receive(_) => false,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Sends a command and waits for its reply.
    Execute(Call),
    /// Waits for a callback.
    Receive(Receive),
    /// Looks at once whether these hold, and is refused by the first that does not.
    #[serde(rename = "rules")]
    Check(Vec<Rule>),
}

/// A rule that the saga's data must keep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// What must hold; where it can't be told, it does not.
    pub must: Condition,
    /// The reason of the refusal, a word for programs.
    pub reason: String,
    /// A sentence on it for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a saga tells how far it is: a message that is not answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Who is told.
    pub participant: String,
    /// The message's type.
    pub command: String,
    /// Its fields.
    pub input: BTreeMap<String, Pick>,
    /// A status that lasts less long is not told.
    #[serde(serialize_with = "duration::as_text")]
    pub after: Duration,
}

/// A command, and how patiently it is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// Who carries it out.
    pub participant: String,
    /// Its type.
    pub command: String,
    /// Its fields.
    pub input: BTreeMap<String, Pick>,
    /// What follows a failure or a timeout.
    pub retry: Retry,
    /// How long an answer is waited for, each attempt.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
}

/// A callback that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receive {
    /// The topic it comes from; [`crate::Callback::source`].
    pub topic: String,
    /// Where in the message the saga's id is.
    pub correlation: Path,
    /// Where in the message is what it says.
    pub status: Path,
    /// What it says for the step to be done.
    pub yes: Vec<String>,
    /// What it says for the step to be refused.
    pub no: Vec<String>,
    /// How long it is waited for.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
}

/// What the endings of a saga mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endings {
    /// All was done.
    pub completed: Verdict,
    /// A step for which nothing else is said stood in the way.
    pub default: Verdict,
    /// An operator cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Verdict>,
    /// It was not done by its deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Verdict>,
    /// What it means when a certain step stood in the way.
    pub steps: BTreeMap<String, Failures>,
}

/// What it means when a step stood in the way; where nothing is said, [`Endings::default`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Failures {
    /// It was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Verdict>,
    /// It ran out of retries, failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Verdict>,
    /// It ran out of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timed_out: Option<Verdict>,
}

/// A status and a reason to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The status, such as `rejected`.
    pub status: String,
    /// The reason; where none is said, a refusal's own reason, or `{step}_failed`, `{step}_timed_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Definition {
    /// The canonical hash: 32 hexadecimal digits (a UUIDv5 of the definition as JSON). Comments, blanks, the order of
    /// keys and values written out that are the default do not count.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The text it was read from. Kept with the sagas that run on it, it can be read again when the file is gone.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The callbacks that its steps wait for.
    pub fn receives(&self) -> impl Iterator<Item = &Receive> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Receive(receive) => Some(receive),
            Work::Execute(_) | Work::Check(_) => None,
        })
    }

    /// The pivot's place among the steps.
    pub(crate) fn pivot(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.pivot)
    }

    /// A step by its name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What a failed step means: the status and the reason to be told.
    pub(crate) fn ending_of(&self, step: &str, failure: StepStatus) -> &Verdict {
        let said = self.endings.steps.get(step).and_then(|failures| {
            if failure == StepStatus::Refused {
                failures.refused.as_ref()
            } else if failure == StepStatus::TimedOut {
                failures.timed_out.as_ref()
            } else {
                failures.failed.as_ref()
            }
        });
        said.unwrap_or(&self.endings.default)
    }

    pub(super) fn seal(mut self, source: &str) -> Self {
        self.graph = graph_of(&self.steps);
        let json = serde_json::to_string(&self).unwrap_or_default();
        self.hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, json.as_bytes()).simple().to_string();
        source.clone_into(&mut self.source);
        self
    }
}

/// The order of steps whose `after` is filled in. Unknown names are skipped: the checks report them.
pub(super) fn graph_of(steps: &[Step]) -> Graph {
    let bit = |name: &String| steps.iter().position(|step| &step.name == name).map_or(0, mask);
    let before = steps.iter().map(|step| step.after.iter().map(bit).fold(0, |a, b| a | b)).collect();
    let rules = (0..).zip(steps).filter(|(_, step)| step.is_of_rules());
    Graph::new(before, rules.fold(0, |all, (i, _)| all | mask(i)))
}
