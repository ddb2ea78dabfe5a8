//! What a command carries: its key and its fields, picked from the saga as the definition says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::data::{Path, Pick, only};
use crate::decide::Run;
use crate::definition::{Definition, Key};
use crate::input::Action;
use crate::saga::Saga;
use crate::status::StepStatus;

/// The command that does or undoes a step of a saga, for people: its type, and what it carries. A step's command says what
/// steps before it and the starting event left behind, so it is the same now as when it was sent. `None` for a step that
/// waits for a callback or keeps rules, one that nothing undoes, and one that is not there.
#[must_use]
pub fn command_of(definition: &Definition, saga: &Saga, step: &str, action: Action) -> Option<(String, Value)> {
    let run = Run::of(definition, saga.clone());
    let place = (0..=run.concluding()).find(|i| run.at(*i).name == step)?;
    let call = run.call(place, action)?;
    Some((call.command.clone(), run.payload(&call.input)))
}

impl Run<'_> {
    /// The key of a command for a participant.
    pub(crate) fn key(&self, key: &Key) -> String {
        let value = match key {
            Key::Saga => None,
            Key::Of(pick) => self.pick(pick),
        };
        match value {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                self.saga.id.to_string()
            }
        }
    }

    /// The value of a message with these fields.
    pub(crate) fn payload(&self, input: &BTreeMap<String, Pick>) -> Value {
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
            "ending.steps" => Some(self.steps_told()),
            "progress.status" if self.definition.progress.is_some() => {
                self.saga.progress.as_ref().map(|progress| Value::from(progress.status.as_str()))
            }
            "progress.steps" if self.definition.progress.is_some() => Some(self.steps_told()),
            _ => self.saga.data.get(path).map(|value| only(value, fields)),
        }
    }

    /// The steps that began, as the ending and the progress tell them. Times are RFC 3339 texts.
    fn steps_told(&self) -> Value {
        let steps = self.saga.steps.iter().zip(&self.definition.steps);
        steps
            .filter(|(state, _)| state.started.is_some() && state.status != StepStatus::Waiting)
            .map(|(state, step)| {
                let mut told = Map::new();
                let mut put = |key: &str, value: Value| _ = told.insert(key.to_owned(), value);
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
                Value::Object(told)
            })
            .collect()
    }
}
