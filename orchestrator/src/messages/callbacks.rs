//! Reads callbacks: the saga that a message from an external system is for, its status, and the fields that the
//! definitions name.

use common::bounds::json_bytes;
use common::fields::{Fields, Schema, merge};
use common::messages::{Message, Unreadable};
use common::schemas;
use saga::{Callback, OUTPUT_LIMIT, Receive};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A callback and its saga.
#[derive(Debug)]
pub(super) struct Addressed {
    pub(super) saga: Uuid,
    pub(super) callback: Callback,
}

/// The saga and the status of a callback, and its fields.
struct Correlated {
    saga: Uuid,
    status: String,
    fields: Map<String, Value>,
}

/// Reads a message on a topic with these waits.
///
/// # Errors
/// [`Unreadable`]: it fits no wait, or not the schema of its topic.
pub(super) fn read(message: &Message, receives: &[Receive]) -> Result<Addressed, Unreadable> {
    let correlated = match schemas::of_topic(&message.topic) {
        Some(schema) => of_topic(schema, message)?,
        None => of_definitions(message, receives)?,
    };
    let Correlated { saga, status, fields } = correlated;
    let source = message.topic.to_string();
    Ok(Addressed { saga, callback: Callback { source, id: message.id(), status, payload: Value::Object(fields) } })
}

/// A message whose topic has a schema. Its readers ignore the fields of definitions.
fn of_topic(schema: &Schema, message: &Message) -> Result<Correlated, Unreadable> {
    let fields = schema.read(message)?;
    correlate(schemas::id_path(schema), schemas::STATUS_PATH, fields)
}

/// Reads the message by the fields of each definition. The definition of its saga is not known yet, so the fields of
/// all those that agree on the saga and the status are kept until the engine chooses.
fn of_definitions(message: &Message, receives: &[Receive]) -> Result<Correlated, Unreadable> {
    let mut known: Option<Correlated> = None;
    let mut first_error = None;
    let mut read: Vec<&Receive> = Vec::new();
    for receive in receives {
        if read.iter().any(|other| is_read_alike(other, receive)) {
            continue;
        }
        read.push(receive);
        let fields = receive.schema().read(message);
        match fields.and_then(|fields| correlate(receive.correlation.as_str(), receive.status.as_str(), fields)) {
            Err(error) => _ = first_error.get_or_insert(error),
            Ok(more) => match &mut known {
                None => known = Some(more),
                Some(known) if (known.saga, &known.status) == (more.saga, &more.status) => {
                    merge(&mut known.fields, more.fields);
                }
                Some(_) => {}
            },
        }
    }
    let no_wait = || Unreadable::Malformed("no saga waits on this topic".to_owned());
    let known = known.ok_or_else(|| first_error.unwrap_or_else(no_wait))?;
    let bytes = json_bytes(&known.fields);
    if bytes > OUTPUT_LIMIT {
        let problem = format!("the fields of all definitions have {bytes} bytes; at most {OUTPUT_LIMIT} are kept");
        return Err(Unreadable::Malformed(problem));
    }
    Ok(known)
}

fn is_read_alike(one: &Receive, other: &Receive) -> bool {
    (&one.correlation, &one.status, &one.fields) == (&other.correlation, &other.status, &other.fields)
}

fn correlate(id: &str, status: &str, fields: Fields) -> Result<Correlated, Unreadable> {
    let missing = |path: &str| Unreadable::Malformed(format!("{path} is missing"));
    let saga = fields.uuid(id).ok_or_else(|| missing(id))?;
    let status = fields.text(status).ok_or_else(|| missing(status))?.trim().to_owned();
    Ok(Correlated { saga, status, fields: fields.into_object() })
}
