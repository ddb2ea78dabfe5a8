//! The task of a step that a person answers, and the fields of its form.

use std::time::Duration;

use serde::Serialize;
use vocabulary::fields::{Field, Kind, Schema};
use vocabulary::schemas;

use super::callback::Receive;
use super::duration;
use super::label::Label;
use crate::condition::Condition;

/// The task of a step that waits: a form makes the message.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Human {
    /// The display name; by default the step's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The role of the people who work on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How long it may take until it is overdue.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "duration::as_optional_text")]
    pub due: Option<Duration>,
    /// If it is not true when the wait begins, there is no task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The fields that the form asks for besides the status, by path; `None` for all that are not filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
}

/// A field that is filled in for the person who completes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The saga's id.
    Correlation,
    /// The person: the text `by`.
    By,
    /// The reason: the text `why`.
    Why,
    /// The time of the completion: the timestamp `at`.
    At,
}

impl Receive {
    /// The schema by which every reader reads the message.
    #[must_use]
    pub fn message_schema(&self) -> Schema {
        schemas::of_topic(&self.topic).cloned().unwrap_or_else(|| self.schema())
    }

    /// What a field is filled in with; `None` if a form can ask for it.
    #[must_use]
    pub fn filled(&self, field: &Field) -> Option<Filled> {
        if field.path == self.correlation.as_str() {
            return Some(Filled::Correlation);
        }
        match (&*field.path, &field.kind) {
            (path, _) if path == self.status.as_str() => None,
            ("by", Kind::Text { .. }) => Some(Filled::By),
            ("why", Kind::Text { .. }) => Some(Filled::Why),
            ("at", Kind::Timestamp) => Some(Filled::At),
            _ => None,
        }
    }

    /// The fields of the form: the status with the words that end the wait, then the others in the order in which the
    /// task or the schema names them.
    #[must_use]
    pub fn form(&self, human: &Human) -> Vec<Field> {
        let words = self.yes.iter().chain(&self.no).cloned().map(Into::into).collect();
        let status = Field { path: self.status.as_str().to_owned().into(), kind: Kind::Word { words }, required: true };
        // The schema of a topic has fields that the definition does not keep.
        let schema = self.fields.as_ref().map_or_else(|| self.message_schema().fields, |fields| fields.clone().into());
        let can_ask = |field: &&Field| field.path != status.path && self.filled(field).is_none();
        let others: Vec<Field> = match &human.fields {
            None => schema.iter().filter(can_ask).cloned().collect(),
            Some(names) => {
                let named = |name: &String| schema.iter().filter(can_ask).find(|field| *field.path == **name).cloned();
                names.iter().filter_map(named).collect()
            }
        };
        std::iter::once(status).chain(others).collect()
    }
}
