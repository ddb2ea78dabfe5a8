//! The form of a task: its values become the message that the step waits for.

use serde_json::{Map, Value};
use uuid::Uuid;
use vocabulary::fields::{Field, Others, Schema};

use crate::data::{Data, Path};
use crate::definition::{Filled, Human, Receive};
use crate::time::Timestamp;

/// A wrong field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// The path of the field.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A completed form.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The saga.
    pub saga: Uuid,
    /// The person.
    pub by: &'a str,
    /// The reason.
    pub why: &'a str,
    /// The time.
    pub at: Timestamp,
    /// The values of the form, by path.
    pub fields: &'a Map<String, Value>,
}

impl Answer<'_> {
    /// The message of the form: its fields, and those that are filled in.
    ///
    /// # Errors
    /// Every wrong field.
    pub fn message(&self, receive: &Receive, human: &Human) -> Result<Value, Vec<FormError>> {
        let form = receive.form(human);
        let names = || form.iter().map(|field| &*field.path).collect::<Vec<_>>().join(", ");
        let unknown = self.fields.keys().filter(|path| !form.iter().any(|field| *field.path == ***path));
        let mut errors: Vec<FormError> = unknown
            .map(|path| FormError {
                field: path.clone(),
                problem: format!("is not asked for; the form has: {}", names()),
            })
            .collect();
        let mut message = Data::default();
        let schema = receive.message_schema();
        for field in schema.fields.iter() {
            let asked = form.iter().find(|asked| asked.path == field.path);
            let value = match receive.filled(field) {
                Some(filled) => Some(self.fill(filled)),
                None => asked.and_then(|asked| self.fields.get(&*asked.path)).cloned(),
            };
            match checked(asked.unwrap_or(field), value) {
                Ok(Some(value)) => put(&mut message, field, value),
                Ok(None) => {}
                Err(problem) => errors.push(FormError { field: field.path.to_string(), problem }),
            }
        }
        if errors.is_empty() { Ok(Value::Object(message.into_map())) } else { Err(errors) }
    }

    fn fill(&self, filled: Filled) -> Value {
        match filled {
            Filled::Correlation => self.saga.to_string().into(),
            Filled::By => self.by.into(),
            Filled::Why => self.why.into(),
            Filled::At => self.at.to_string().into(),
        }
    }
}

/// The value as its readers keep it; `None` for an optional field without one.
fn checked(field: &Field, value: Option<Value>) -> Result<Option<Value>, String> {
    let alone = Schema { fields: vec![field.clone()].into(), others: Others::Ignored };
    let mut object = Data::default();
    value.into_iter().for_each(|value| put(&mut object, field, value));
    let bytes = serde_json::to_vec(&object).unwrap_or_default();
    match alone.parse(&bytes) {
        Ok(fields) => Ok(fields.get(&field.path).cloned()),
        Err(problem) => Err(short(&problem, &field.path)),
    }
}

/// The reason of a schema without the field's name and the list of what is expected.
fn short(problem: &str, path: &str) -> String {
    let (reason, _) = problem.split_once("; expected: ").unwrap_or((problem, ""));
    let reason = reason.strip_prefix(path).map_or(reason, str::trim_start);
    if reason == "is missing" { "is required".to_owned() } else { reason.to_owned() }
}

fn put(object: &mut Data, field: &Field, value: Value) {
    if let Some(path) = Path::parse(&field.path) {
        object.put(&path, value);
    }
}
