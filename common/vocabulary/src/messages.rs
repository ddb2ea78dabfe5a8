//! Messages read from and written to Kafka: key, headers in CloudEvents' Kafka binary mode, JSON value; and the dead
//! letters of those that can't be read.

mod damage;
mod dead_letter;
mod mac;
mod reply;
mod trace;

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::damage::Damage;
pub use self::mac::{MessageMac, Origin};
pub use self::reply::Reply;
pub use self::trace::child_trace;
use crate::blob::{Blob, Json, Payload};
use crate::bounds::{Bounded, KIB};
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
    pub const PUT_BACK_FROM: &str = "put_back_from";
    pub const CUT: &str = "dead_letter_cut";
    pub const MAC: &str = "message_mac";
    pub(super) const ALL: [&str; 13] = [
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

    /// A header's name, copied only if it is not one of the above.
    pub fn name(name: &str) -> std::borrow::Cow<'static, str> {
        ALL.iter().find(|known| **known == name).map_or_else(|| name.to_owned().into(), |known| (*known).into())
    }
}

/// The most bytes that are kept of a header's value.
pub const HEADER_BYTES: usize = 255;

/// A message's headers, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Vec<(Cow<'static, str>, Blob)>);

impl Headers {
    /// The last header of that name, as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).and_then(|(_, v)| v.text())
    }

    /// Appends a header.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Blob>) {
        self.0.push((name.into(), value.into()));
    }

    /// Appends a header in place of all others of that name.
    pub fn set(&mut self, name: &'static str, value: impl Into<Blob>) {
        self.0.retain(|(n, _)| n != name);
        self.push(name, value);
    }
}

/// A message read from a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// Its partition: that of its worker, or one that was added to the topic and is read by that worker.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its Kafka timestamp.
    pub timestamp: Timestamp,
    /// Its key, if any.
    pub key: Option<Blob>,
    /// Its headers; a message written by hand has none.
    pub headers: Headers,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a message can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// No value.
    #[error("the message has no value")]
    Empty,
    /// Not the expected JSON.
    #[error("the value is not of this topic's format: {0}")]
    Malformed(String),
    /// Longer than what is read.
    #[error("the {what} has {bytes} bytes, at most {most} are read")]
    TooLong {
        /// The part of the message, such as `value`.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// A header is missing or wrong.
    #[error("header {0}: {1}")]
    Header(&'static str, String),
    /// A type that the service does not read.
    #[error("header ce_type: '{0}' is not a message that this service reads from this topic")]
    UnknownType(String),
    /// Deciding it ended a claim.
    #[error("set aside, since it can't be processed: {0}")]
    SetAside(String),
    /// Its bytes, or a part of them.
    #[error("{0}")]
    Damaged(Damage),
    /// Its key belongs to another partition.
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

    /// Its type (`ce_type`).
    pub fn kind(&self) -> Option<&str> {
        self.header(header::TYPE)
    }

    /// Its id (`ce_id`), or one derived from its topic, partition and offset if it has none. An id longer than
    /// [`HEADER_BYTES`] is replaced by one that is derived from it.
    pub fn id(&self) -> String {
        match self.header(header::ID).unwrap_or_default() {
            "" => ids::derive(&[&self.topic, &self.partition.to_string(), &self.offset.to_string()]).to_string(),
            id if id.len() > HEADER_BYTES => ids::derive(&[id]).to_string(),
            id => id.to_owned(),
        }
    }

    /// Its W3C trace context; `None` if the header is not a valid one.
    pub fn traceparent(&self) -> Option<&str> {
        self.header(header::TRACEPARENT).filter(|text| trace::is_valid(text))
    }

    /// The headers of a command that [`Outgoing::reply`] needs, for a later reply. Values longer than
    /// [`HEADER_BYTES`] are left out: no saga sends them.
    pub fn reply_headers(&self) -> Headers {
        let mut kept = Headers(Vec::with_capacity(6));
        kept.push(header::ID, self.id());
        for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION] {
            if let Some(value) = self.header(name).filter(|value| value.len() <= HEADER_BYTES) {
                kept.push(name, value);
            }
        }
        if let Some(trace) = self.traceparent() {
            kept.push(header::TRACEPARENT, trace);
        }
        kept
    }

    /// Estimates its bytes.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.0.iter().map(|(n, v)| n.len() + v.0.len()).sum();
        headers + self.value.as_ref().map_or(0, Vec::len) + self.key.as_ref().map_or(0, |k| k.0.len())
    }

    /// Checks the bounds that every message has, before it is decided: those of its key and of the whole. A value of any
    /// length may have come in a compressed batch. Long headers are bounded where they are kept.
    ///
    /// # Errors
    /// [`Unreadable::TooLong`] or [`Unreadable::Header`].
    pub fn check(&self) -> Result<(), Unreadable> {
        let key = self.key.as_ref().map_or(0, |key| key.0.len());
        at_most("key", key, KEY_BYTES)?;
        at_most("message", self.size(), topics::INPUT_MAX_BYTES - PUT_BACK_BYTES)?;
        for (name, value) in &self.headers.0 {
            // In a journal a control character takes six bytes.
            if value.0.iter().any(u8::is_ascii_control)
                && let Some(name) = header::ALL.into_iter().find(|known| known == name)
            {
                return Err(Unreadable::Header(name, "it has a control character".to_owned()));
            }
        }
        Ok(())
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// [`Unreadable::Empty`], [`Unreadable::TooLong`], or [`Unreadable::Malformed`] with the path and the reason.
    pub fn json<T: DeserializeOwned + Bounded>(&self) -> Result<T, Unreadable> {
        let bytes = self.value.as_deref().ok_or(Unreadable::Empty)?;
        at_most("value", bytes.len(), T::MAX_BYTES)?;
        if depth(bytes) > DEPTH {
            return Err(Unreadable::Malformed(format!("it is nested more than {DEPTH} levels deep")));
        }
        let mut de = serde_json::Deserializer::from_slice(bytes);
        let value: T = serde_path_to_error::deserialize(&mut de).map_err(|e| Unreadable::Malformed(e.to_string()))?;
        de.end().map_err(|e| Unreadable::Malformed(e.to_string()))?;
        Ok(value)
    }
}

/// The most bytes of a key.
const KEY_BYTES: usize = KIB;
/// More than a message that is put back grows.
const PUT_BACK_BYTES: usize = 4 * KIB;

fn at_most(what: &'static str, bytes: usize, most: usize) -> Result<(), Unreadable> {
    if bytes <= most { Ok(()) } else { Err(Unreadable::TooLong { what, bytes, most }) }
}

/// The deepest nesting of arrays and objects in a message. States contain values of messages, and a state must be
/// readable: serde_json reads 127 levels, and writes any number.
pub(crate) const DEPTH: usize = 64;

/// The nesting of arrays and objects in a text that may not be JSON.
pub(crate) fn depth(text: &[u8]) -> usize {
    let mut now = 0_usize;
    let mut most = 0;
    let mut quoted = false;
    let mut escaped = false;
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

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its topic.
    pub topic: Cow<'static, str>,
    /// Its partition; if `None`, its key decides ([`topics::partition_of`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Blob>,
    /// Its headers.
    pub headers: Headers,
    /// Its value. Not flattened: serde buffers flattened fields, and can't keep the text of buffered JSON.
    pub value: Payload,
}

impl Outgoing {
    /// A message in CloudEvents' Kafka binary mode. `subject` is the order or saga it is about; the caller derives `id`
    /// from the cause, so that a repetition has the same.
    ///
    /// # Panics
    /// Never: a value that can't be encoded (a bug) becomes a tombstone, which its reader rejects to the `.dlq`.
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

    /// Continues the trace of `cause` (W3C trace context): same trace id, a span id derived from this message's id.
    #[must_use]
    pub fn caused_by(self, cause: Option<&str>) -> Self {
        let next = cause.and_then(|parent| trace::child_trace(parent, self.headers.get(header::ID)?));
        match next {
            Some(next) => self.with(header::TRACEPARENT, next),
            None => self,
        }
    }

    /// The reply to a saga's command with these headers ([`Message::reply_headers`]). Its id derives from the
    /// command's, so that a repeated command gets the same reply.
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

    /// A copy of the message for its own topic, under this key and on the key's partition, with the same id and a
    /// header that names its first place.
    pub fn put_back(message: &Message, key: &str, home: i32) -> Self {
        let mut headers = message.headers.clone();
        if message.header(header::ID).is_none() {
            headers.push(header::ID, message.id());
        }
        headers.set(header::PUT_BACK_FROM, format!("{}/{}/{}", message.topic, message.partition, message.offset));
        Self {
            topic: message.topic.to_string().into(),
            partition: Some(home),
            key: Some(key.into()),
            headers,
            value: message.value.clone().map_or(Payload::Null, |bytes| Payload::Bytes(Blob(bytes))),
        }
    }
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
    fn a_reply_names_its_command_and_is_the_same_twice() {
        let reply = |_| Outgoing::reply(&message("{}").reply_headers(), "o", Timestamp(1), &Reply::done());
        let first = reply(1);
        assert_eq!(first.headers.get(header::CORRELATION_ID), Some("7"));
        assert_eq!(first.headers.get(header::STEP), Some("reserve"));
        assert!(first.headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_eq!(first, reply(2));
    }

    /// Any JSON.
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct Any(#[allow(dead_code, reason = "only read")] serde_json::Value);

    crate::bounded! { Any: 4 * KIB, Reply: 4 * KIB }

    #[test]
    fn parts_over_their_bounds_are_rejected() {
        let refusal = |change: &dyn Fn(&mut Message)| {
            let mut message = message("{}");
            change(&mut message);
            message.check().unwrap_err().to_string()
        };
        message("{}").check().unwrap();
        let key = refusal(&|message| message.key = Some("k".repeat(KEY_BYTES + 1).into()));
        assert_eq!(key, "the key has 1025 bytes, at most 1024 are read");
        assert!(refusal(&|message| message.headers.push(header::STEP, "a\u{1}")).contains("control character"));
        let large = refusal(&|message| message.value = Some(vec![b' '; 30 << 20]));
        assert!(large.starts_with("the message has 31457"), "{large}");
        let long = message(&" ".repeat(5 * KIB)).json::<Any>().unwrap_err();
        assert_eq!(long, Unreadable::TooLong { what: "value", bytes: 5 * KIB, most: 4 * KIB });
    }

    #[test]
    fn kept_headers_are_bounded() {
        let with = |name: &'static str, value: &str| {
            let mut message = message("{}");
            message.headers.set(name, value);
            message
        };
        let long = "x".repeat(900_000);
        let first = with(header::ID, &long).id();
        let second = with(header::ID, &format!("{long}y")).id();
        assert_eq!(first.len(), 36);
        assert_ne!(first, second, "different ids stay different");
        assert_eq!(with(header::ID, "").id().len(), 36, "an empty id is none");
        for name in [header::STEP, header::TRACEPARENT, header::SAGA_ID, header::ID] {
            let kept = with(name, &long).reply_headers();
            assert!(kept.0.iter().all(|(_, value)| value.0.len() <= HEADER_BYTES), "{name}");
        }
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(with(header::TRACEPARENT, trace).traceparent(), Some(trace));
        assert_eq!(with(header::TRACEPARENT, &format!("{trace}-{long}")).traceparent(), None);
    }

    #[test]
    fn a_value_of_another_format_is_rejected_with_the_place() {
        let wrong = message(r#"{"outcome":"refused","reason":7}"#).json::<Reply>().unwrap_err();
        assert!(wrong.to_string().contains("expected a string"), "{wrong}");
        assert!(message("{} x").json::<Any>().is_err());
    }

    #[test]
    fn values_too_deep_for_a_state_are_rejected() {
        let nested = |levels: usize| message(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(nested(DEPTH).json::<Any>().is_ok());
        let refused = nested(DEPTH + 1).json::<Any>().unwrap_err();
        assert!(refused.to_string().contains("nested"), "{refused}");
        let brackets = format!(r#"{{"a\"{}": 1}}"#, "[".repeat(DEPTH + 1));
        assert!(message(&brackets).json::<Any>().is_ok(), "brackets within a string do not count");
    }
}
