//! A message read from a topic: its parts, the bounds of each, and its value.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::unreadable::Unreadable;
use super::{header, trace};
use crate::blob::Blob;
use crate::bounds::{Bounded, KIB};
use crate::number::whole_numbers;
use crate::time::Timestamp;
use crate::{ids, topics};

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

    /// The headers of a command that [`Outgoing::reply`](super::Outgoing::reply) needs, for a later reply. Values
    /// longer than [`HEADER_BYTES`] are left out: no saga sends them.
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

    /// Checks the bounds that every message has, before it is decided: those of its key and of the whole. A value of
    /// any length may have come in a compressed batch. Long headers are bounded where they are kept.
    ///
    /// # Errors
    /// [`Unreadable::TooLong`] or [`Unreadable::Header`].
    pub fn check(&self) -> Result<(), Unreadable> {
        let key = self.key.as_ref().map_or(0, |key| key.0.len());
        at_most("key", key, KEY_BYTES)?;
        at_most("message", self.size(), topics::INPUT_MAX_BYTES - PUT_BACK_BYTES)?;
        for (name, value) in &self.headers.0 {
            // In a journal a control character takes six bytes.
            if let Some(name) = header::ALL.into_iter().find(|known| known == name)
                && value.0.iter().any(u8::is_ascii_control)
            {
                return Err(Unreadable::Header(name, "it has a control character".to_owned()));
            }
        }
        Ok(())
    }

    /// Decodes the value.
    ///
    /// A whole number may have a fraction of zeros or an exponent.
    ///
    /// # Errors
    /// [`Unreadable::Empty`], [`Unreadable::TooLong`], or [`Unreadable::Malformed`] with the path and the reason.
    pub fn json<T: DeserializeOwned + Bounded>(&self) -> Result<T, Unreadable> {
        let bytes = self.value.as_deref().ok_or(Unreadable::Empty)?;
        at_most("value", bytes.len(), T::MAX_BYTES)?;
        if depth(bytes) > DEPTH {
            return Err(Unreadable::Malformed(format!("it is nested more than {DEPTH} levels deep")));
        }
        let read = read_json(bytes).or_else(|error| match whole_numbers(bytes) {
            Cow::Owned(whole) => read_json(&whole),
            Cow::Borrowed(_) => Err(error),
        });
        read.map_err(Unreadable::Malformed)
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut de = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut de).map_err(|error| error.to_string())?;
    de.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// The most bytes of a key.
pub(super) const KEY_BYTES: usize = KIB;
/// More than a message that is put back grows.
const PUT_BACK_BYTES: usize = 4 * KIB;

fn at_most(what: &'static str, bytes: usize, most: usize) -> Result<(), Unreadable> {
    if bytes <= most { Ok(()) } else { Err(Unreadable::TooLong { what, bytes, most }) }
}

/// The deepest nesting of arrays and objects in a message. States contain values of messages, and a state must be
/// readable: serde_json reads 127 levels, and writes any number.
pub const DEPTH: usize = 64;

/// The nesting of arrays and objects in a text that may not be JSON.
pub fn depth(text: &[u8]) -> usize {
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
