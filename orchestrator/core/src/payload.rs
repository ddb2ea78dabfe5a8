//! The key and the fields of a message, taken from the saga as its definition describes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::data::{Path, Pick, only};
use crate::definition::{Definition, Key};
use crate::history::bounded;
use crate::saga::Saga;
use crate::status::StepStatus;

/// Builds messages of one saga.
pub(crate) struct Payload<'a> {
    definition: &'a Definition,
    saga: &'a Saga,
}

impl<'a> Payload<'a> {
    pub(crate) const fn new(definition: &'a Definition, saga: &'a Saga) -> Self {
        Self { definition, saga }
    }

    /// The key of a message for a participant.
    pub(crate) fn key(&self, key: &Key) -> String {
        let value = match key {
            Key::Saga => None,
            Key::Of(pick) => self.pick(pick),
        };
        match value {
            Some(Value::String(text)) if !text.is_empty() => bounded(text),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                self.saga.id.to_string()
            }
        }
    }

    /// The value of a message with these fields.
    pub(crate) fn value(&self, input: &BTreeMap<String, Pick>) -> Value {
        let field = |(name, pick): (&String, &Pick)| Some((name.clone(), self.pick(pick)?));
        Value::Object(input.iter().filter_map(field).collect())
    }

    fn pick(&self, pick: &Pick) -> Option<Value> {
        match pick {
            Pick::Literal(value) => Some(value.clone()),
            Pick::At { path, fields, default } => self.look_up(path, fields).or_else(|| default.clone()),
        }
    }

    fn look_up(&self, path: &Path, fields: &[String]) -> Option<Value> {
        let ending = self.saga.ending.as_ref();
        match path.as_str() {
            "saga.id" => Some(Value::from(self.saga.id.to_string())),
            "ending.status" => ending.map(|ending| Value::from(ending.status.as_str())),
            "ending.reason" => ending?.reason.as_deref().map(Value::from),
            "ending.steps" => Some(self.step_reports()),
            "progress.status" if self.definition.progress.is_some() => {
                self.saga.progress.as_ref().map(|progress| Value::from(progress.status.as_str()))
            }
            "progress.steps" if self.definition.progress.is_some() => Some(self.step_reports()),
            _ => self.saga.data.get(path).map(|value| only(value, fields)),
        }
    }

    /// The steps that began, for the ending's command and progress messages. Times are RFC 3339.
    fn step_reports(&self) -> Value {
        let steps = self.saga.steps.iter().zip(&self.definition.steps);
        steps
            .filter(|(state, _)| state.started.is_some() && state.status != StepStatus::Waiting)
            .map(|(state, step)| {
                let mut report = Map::new();
                let mut put = |key: &str, value: Value| _ = report.insert(key.to_owned(), value);
                put("step", json!(state.name));
                put("label", json!(step.label.get("en")));
                put("status", json!(state.status.as_str()));
                put("attempts", json!(state.attempts));
                for (key, time) in [("startedAt", state.started), ("endedAt", state.ended)] {
                    if let Some(time) = time {
                        put(key, json!(time.to_string()));
                    }
                }
                if let Some(reason) = &state.reason {
                    put("reason", json!(reason));
                }
                Value::Object(report)
            })
            .collect()
    }
}
