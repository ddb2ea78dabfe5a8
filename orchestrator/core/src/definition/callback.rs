//! The callback that a step waits for.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use vocabulary::fields::{Field, Kind, Others, Schema};
use vocabulary::schemas;

use super::duration;
use crate::data::{Data, Path};

/// The most bytes of a callback that is kept whole, for a step that names no fields.
pub const WHOLE_LIMIT: usize = 16 * 1024;

/// The most characters of a status, if the definition does not name its field.
const STATUS_MAX: u32 = 64;

/// A callback that a step waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receive {
    /// The topic of the callback; [`crate::Callback::source`].
    pub topic: String,
    /// The path of the saga's id in the message.
    pub correlation: Path,
    /// The path of the status in the message.
    pub status: Path,
    /// The statuses with which the step is done.
    pub yes: Vec<String>,
    /// The statuses with which the step is refused.
    pub no: Vec<String>,
    /// The fields that are read and kept, by path; the correlation and the status are among them. `None` for those of
    /// the topic's schema; of a topic without one for the whole message, up to [`WHOLE_LIMIT`] bytes. So the hash of a
    /// definition that does not name them, or names those of the schema, is the one that earlier releases gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
    /// The timeout of the wait.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
}

/// The meaning of a callback for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallbackVerdict {
    /// The step is done.
    Yes,
    /// The step is refused.
    No,
}

impl Receive {
    /// The schema by which the message is read if its topic has none ([`schemas::of_topic`]).
    #[must_use]
    pub fn schema(&self) -> Schema {
        match &self.fields {
            Some(fields) => Schema { fields: fields.clone().into(), others: Others::Ignored },
            None => {
                let fields = vec![correlation_field(&self.correlation), status_field(&self.status)];
                Schema { fields: fields.into(), others: Others::Kept { max_bytes: WHOLE_LIMIT } }
            }
        }
    }

    /// Returns true if the step keeps whole messages.
    #[must_use]
    pub fn keeps_whole(&self) -> bool {
        self.fields.is_none() && schemas::of_topic(&self.topic).is_none()
    }

    /// The part of a message that the step keeps: the fields it names.
    pub(crate) fn kept(&self, payload: Value) -> Value {
        let of_topic = schemas::of_topic(&self.topic).map(|schema| &*schema.fields);
        let Some(fields) = self.fields.as_deref().or(of_topic) else { return payload };
        let mut kept = Data::default();
        for path in fields.iter().filter_map(|field| Path::parse(&field.path)) {
            if let Some(value) = path.find(&payload) {
                kept.put(&path, value.clone());
            }
        }
        Value::Object(kept.into_map())
    }

    /// Returns true if a callback with this status ends the wait.
    #[must_use]
    pub fn knows(&self, status: &str) -> bool {
        self.verdict_of(status).is_some()
    }

    /// The meaning of a callback with this status; `None` if the step does not know the status.
    pub(crate) fn verdict_of(&self, status: &str) -> Option<CallbackVerdict> {
        let among = |statuses: &[String]| statuses.iter().any(|known| known.eq_ignore_ascii_case(status));
        if among(&self.yes) {
            Some(CallbackVerdict::Yes)
        } else if among(&self.no) {
            Some(CallbackVerdict::No)
        } else {
            None
        }
    }
}

/// The field of the saga's id.
pub(super) fn correlation_field(path: &Path) -> Field {
    Field { path: path.as_str().to_owned().into(), kind: Kind::Uuid, required: true }
}

/// The field of the status, if the definition names none.
pub(super) fn status_field(path: &Path) -> Field {
    Field { path: path.as_str().to_owned().into(), kind: Kind::id(STATUS_MAX), required: true }
}
