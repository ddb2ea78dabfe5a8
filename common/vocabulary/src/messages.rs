//! Messages as they come from Kafka and as they go there: key, headers in CloudEvents' Kafka binary mode, JSON value;
//! and what becomes of one that can't be read.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::blob::{Blob, Json, Payload};
use crate::ids;
use crate::time::Timestamp;
use crate::topics;

/// Header names (CloudEvents 1.0 Kafka protocol binding, W3C trace context, and what a saga's replies carry).
pub mod header {
    #![allow(missing_docs)]
    pub const SPEC_VERSION: &str = "ce_specversion";
    pub const ID: &str = "ce_id";
    pub const TYPE: &str = "ce_type";
    pub const SOURCE: &str = "ce_source";
    pub const TIME: &str = "ce_time";
    pub const SUBJECT: &str = "ce_subject";
    pub const CONTENT_TYPE: &str = "content-type";
    pub const TRACEPARENT: &str = "traceparent";
    pub const SAGA_ID: &str = "saga_id";
    pub const STEP: &str = "step";
    pub const ATTEMPT: &str = "attempt";
    pub const ACTION: &str = "action";
    pub const CORRELATION_ID: &str = "correlation_id";
    pub const UNREADABLE: &str = "unreadable_headers";
    pub const PUT_BACK_FROM: &str = "put_back_from";
    const ALL: [&str; 13] = [
        SPEC_VERSION,
        ID,
        TYPE,
        SOURCE,
        TIME,
        SUBJECT,
        CONTENT_TYPE,
        TRACEPARENT,
        SAGA_ID,
        STEP,
        ATTEMPT,
        ACTION,
        CORRELATION_ID,
    ];

    /// A header's name, copied only where it is none of these.
    pub fn name(name: &str) -> std::borrow::Cow<'static, str> {
        ALL.iter().find(|known| **known == name).map_or_else(|| name.to_owned().into(), |known| (*known).into())
    }
}

/// A message's headers, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Vec<(Cow<'static, str>, Blob)>);

impl Headers {
    /// The last header of that name, as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).and_then(|(_, v)| v.text())
    }

    /// Adds one.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Blob>) {
        self.0.push((name.into(), value.into()));
    }
}

/// A message read from a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// Its partition, which is its worker's.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its Kafka timestamp.
    pub timestamp: Timestamp,
    /// Its key, if any.
    pub key: Option<Blob>,
    /// Its headers; a person's message has none.
    pub headers: Headers,
    /// Its value; none is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a message can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// No value.
    #[error("the message has no value")]
    Empty,
    /// Not the JSON that was expected.
    #[error("the value is not what this topic carries: {0}")]
    Malformed(String),
    /// A header is missing or wrong.
    #[error("header {0}: {1}")]
    Header(&'static str, String),
    /// A type nobody here knows.
    #[error("header ce_type: '{0}' is not a message that this service reads from this topic")]
    UnknownType(String),
    /// It is on a partition that its key does not belong to.
    #[error("{what} {key} belongs on partition {home}, not {here}: use it as the message's key")]
    WrongPartition {
        /// What the key is, such as `order`.
        what: &'static str,
        /// The key.
        key: String,
        /// The partition it belongs to.
        home: i32,
        /// The partition it was read from.
        here: i32,
    },
}

impl Message {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// What kind of message it says it is (`ce_type`).
    pub fn kind(&self) -> Option<&str> {
        self.header(header::TYPE)
    }

    /// Its id (`ce_id`), or one derived from where it lies, for a message without headers.
    pub fn id(&self) -> String {
        self.header(header::ID).map_or_else(
            || ids::derive(&[&self.topic, &self.partition.to_string(), &self.offset.to_string()]).to_string(),
            str::to_owned,
        )
    }

    /// The headers that [`Outgoing::reply`] needs of a command, for a reply that is sent later.
    pub fn reply_headers(&self) -> Headers {
        let mut kept = Headers(Vec::with_capacity(6));
        kept.push(header::ID, self.id());
        for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION, header::TRACEPARENT] {
            if let Some(value) = self.header(name) {
                kept.push(name, value);
            }
        }
        kept
    }

    /// An estimate of its bytes.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.0.iter().map(|(n, v)| n.len() + v.0.len()).sum();
        headers + self.value.as_ref().map_or(0, Vec::len) + self.key.as_ref().map_or(0, |k| k.0.len())
    }

    /// Reads the value.
    ///
    /// # Errors
    /// [`Unreadable::Empty`] or [`Unreadable::Malformed`] with the path and the reason.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        let bytes = self.value.as_deref().ok_or(Unreadable::Empty)?;
        if depth(bytes) > DEPTH {
            return Err(Unreadable::Malformed(format!("it is nested more than {DEPTH} levels deep")));
        }
        let mut de = serde_json::Deserializer::from_slice(bytes);
        let value: T = serde_path_to_error::deserialize(&mut de).map_err(|e| Unreadable::Malformed(e.to_string()))?;
        de.end().map_err(|e| Unreadable::Malformed(e.to_string()))?;
        Ok(value)
    }
}

/// How many arrays and objects may lie in each other in a message. What a message says is kept within a state, and a state
/// must be readable: serde_json reads 127 levels, and writes any number.
const DEPTH: usize = 64;

/// How many arrays and objects lie in each other, in what may or may not be JSON.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A message to be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its topic.
    pub topic: Cow<'static, str>,
    /// Its partition; when none, its key decides ([`topics::partition_of`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Blob>,
    /// Its headers.
    pub headers: Headers,
    /// Its value. Not flattened: serde buffers what it flattens, and buffered JSON can't be carried as it is.
    pub value: Payload,
}

impl Outgoing {
    /// A message in CloudEvents' Kafka binary mode. `subject` is the order or saga it is about; `id` is derived by the
    /// caller from what caused it, so that a repetition has the same.
    ///
    /// # Panics
    /// Never: a value that can't be encoded (a bug) becomes a tombstone, which its reader sends to the `.dlq`.
    pub fn event<T: Serialize + ?Sized>(
        topic: impl Into<Cow<'static, str>>,
        key: &str,
        kind: &str,
        id: impl Into<String>,
        subject: &str,
        now: Timestamp,
        value: &T,
    ) -> Self {
        let mut headers = Headers(Vec::with_capacity(12));
        headers.push(header::SPEC_VERSION, "1.0");
        headers.push(header::ID, id.into());
        headers.push(header::TYPE, kind);
        headers.push(header::TIME, now.to_string());
        headers.push(header::SUBJECT, subject);
        headers.push(header::CONTENT_TYPE, "application/json");
        let value = Json::of(value).map_or(Payload::Null, Payload::Json);
        Self { topic: topic.into(), partition: None, key: Some(key.into()), headers, value }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Blob>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Goes on with the trace of `cause` (W3C trace context): same trace id, a span id derived from this message's id.
    #[must_use]
    pub fn caused_by(self, cause: Option<&str>) -> Self {
        let next = cause.and_then(|parent| child_trace(parent, self.headers.get(header::ID)?));
        match next {
            Some(next) => self.with(header::TRACEPARENT, next),
            None => self,
        }
    }

    /// The reply to a saga's command with these headers ([`Message::reply_headers`]). Its id derives from the command's, so
    /// that a repeated command gets the same reply.
    pub fn reply(command: &Headers, subject: &str, now: Timestamp, outcome: &Reply) -> Self {
        let command_id = command.get(header::ID).unwrap_or_default();
        let id = ids::derive(&[command_id, "reply"]).to_string();
        let saga = command.get(header::SAGA_ID).unwrap_or(subject);
        let mut reply = Self::event(topics::SAGA_REPLIES, saga, "saga.reply", id, subject, now, outcome)
            .caused_by(command.get(header::TRACEPARENT))
            .with(header::CORRELATION_ID, command_id);
        for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION] {
            if let Some(value) = command.get(name) {
                reply.headers.push(name, value);
            }
        }
        reply
    }

    /// The message as it came, put back on its topic under this key and on the key's partition, with an id that says it is
    /// the same message, and where it lay.
    pub fn put_back(message: &Message, key: &str, home: i32) -> Self {
        let mut headers = message.headers.clone();
        if message.header(header::ID).is_none() {
            headers.push(header::ID, message.id());
        }
        headers.push(header::PUT_BACK_FROM, format!("{}/{}/{}", message.topic, message.partition, message.offset));
        Self {
            topic: message.topic.to_string().into(),
            partition: Some(home),
            key: Some(key.into()),
            headers,
            value: message.value.clone().map_or(Payload::Null, |bytes| Payload::Bytes(Blob(bytes))),
        }
    }

    /// What goes to the `.dlq` for a message that can't be read: its own key, value and headers, and KIP-1034's headers
    /// that say where it lay and what is wrong. It keeps its partition.
    pub fn dead_letter(message: &Message, reason: &Unreadable) -> Self {
        let mut headers = message.headers.clone();
        headers.push("__streams.errors.exception", "Unreadable");
        headers.push("__streams.errors.message", reason.to_string());
        headers.push("__streams.errors.topic", &*message.topic);
        headers.push("__streams.errors.partition", message.partition.to_string());
        headers.push("__streams.errors.offset", message.offset.to_string());
        Self {
            topic: topics::dead_letters(&message.topic).into(),
            partition: Some(message.partition),
            key: message.key.clone(),
            headers,
            value: message.value.clone().map_or(Payload::Null, |bytes| Payload::Bytes(Blob(bytes))),
        }
    }
}

/// A participant's answer to a command (`saga.reply`): the three kinds a saga tells apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Reply {
    /// It was done, or had been done before.
    Ok {
        /// What the saga may use later.
        #[serde(default)]
        data: serde_json::Value,
    },
    /// A business answer: no. Asking again would not help.
    Refused {
        /// A code such as `out_of_stock`.
        reason: String,
        /// A sentence for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A technical failure. Asking again may help.
    Failed {
        /// What went wrong.
        error: String,
        /// Not before this many milliseconds.
        #[serde(default, rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl Reply {
    /// Success without data.
    pub fn done() -> Self {
        Self::ok(serde_json::Value::Object(serde_json::Map::new()))
    }

    /// Success with data for the saga.
    pub fn ok(data: serde_json::Value) -> Self {
        Self::Ok { data }
    }

    /// A business refusal: a code such as `out_of_stock`, and a sentence for people.
    pub fn refused(reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), detail: Some(detail.into()) }
    }

    /// A technical failure, to be tried again after `retry_after_ms` milliseconds or when the saga decides.
    pub fn failed(error: impl Into<String>, retry_after_ms: Option<u64>) -> Self {
        Self::Failed { error: error.into(), retry_after_ms }
    }
}

/// The `traceparent` of what `parent` caused, with a span id derived from `id`; none when `parent` is not one
/// (W3C Trace Context, section 3.2).
pub fn child_trace(parent: &str, id: &str) -> Option<String> {
    let mut parts = parent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_hexdigit()) && s.bytes().any(|b| b != b'0');
    if version.len() != 2 || !hex(trace, 32) || !hex(span, 16) || flags.len() != 2 {
        return None;
    }
    let (child, _) = ids::derive(&[parent, id]).as_u64_pair();
    Some(format!("00-{trace}-{:016x}-{flags}", child.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: &str) -> Message {
        let mut headers = Headers::default();
        headers.push(header::ID, "7");
        headers.push(header::STEP, "reserve");
        headers.push(header::TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let value = Some(value.as_bytes().to_vec());
        Message { topic: "t".into(), partition: 1, offset: 5, timestamp: Timestamp(0), key: None, headers, value }
    }

    #[test]
    fn a_reply_says_which_command_it_answers_and_answers_the_same_twice() {
        let reply = |_| Outgoing::reply(&message("{}").reply_headers(), "o", Timestamp(1), &Reply::done());
        let first = reply(1);
        assert_eq!(first.headers.get(header::CORRELATION_ID), Some("7"));
        assert_eq!(first.headers.get(header::STEP), Some("reserve"));
        assert!(first.headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_eq!(first, reply(2));
    }

    #[test]
    fn a_dead_letter_keeps_all_and_says_where_it_lay() {
        let letter = Outgoing::dead_letter(&message("\u{1}garbage"), &Unreadable::Empty);
        assert_eq!(letter.topic, "t.dlq");
        assert_eq!(letter.value.bytes(), Some("\u{1}garbage".as_bytes()));
        assert_eq!(letter.headers.get("__streams.errors.offset"), Some("5"));
        let text = serde_json::to_string(&letter).unwrap();
        assert_eq!(serde_json::from_str::<Outgoing>(&text).unwrap(), letter);
    }

    #[test]
    fn a_value_that_is_not_what_was_expected_says_where() {
        let wrong = message(r#"{"outcome":"refused","reason":7}"#).json::<Reply>().unwrap_err();
        assert!(wrong.to_string().contains("expected a string"), "{wrong}");
        assert!(message("{} x").json::<serde_json::Value>().is_err());
    }

    #[test]
    fn what_could_not_be_read_again_inside_a_state_is_not_read_at_all() {
        let nested = |levels: usize| message(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(nested(DEPTH).json::<serde_json::Value>().is_ok());
        let refused = nested(DEPTH + 1).json::<serde_json::Value>().unwrap_err();
        assert!(refused.to_string().contains("nested"), "{refused}");
        let brackets = format!(r#"{{"a\"{}": 1}}"#, "[".repeat(DEPTH + 1));
        assert!(message(&brackets).json::<serde_json::Value>().is_ok(), "in a text they are nothing");
    }
}
