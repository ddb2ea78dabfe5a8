//! Reads the payload of the event that starts a saga.

use serde_json::Value;
use vocabulary::fields::{Others, Schema};

use super::model::Start;

impl Start {
    /// The payload with the named fields in their canonical form.
    ///
    /// # Errors
    /// The first field that is missing or has another type or length, and what is expected.
    pub fn read(&self, payload: Value) -> Result<Value, String> {
        let Some(fields) = &self.fields else { return Ok(payload) };
        // The payload was bounded where it came in.
        let schema = Schema { fields: fields.clone().into(), others: Others::Kept { max_bytes: usize::MAX } };
        let bytes = serde_json::to_vec(&payload).map_err(|error| error.to_string())?;
        schema.parse(&bytes).map(|fields| Value::Object(fields.into_object()))
    }
}
