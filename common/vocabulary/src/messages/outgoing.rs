//! A message to send: an event, a reply to a command, or a message put back on its topic.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::header;
use super::message::{Headers, Message};
use super::reply::Reply;
use super::trace::{SpanId, TraceContext, child_trace};
use crate::blob::{Blob, Json, Payload};
use crate::time::Timestamp;
use crate::{ids, topics};

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
    /// The parent of the span that its `traceparent` names; `None` if its trace is not sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span: Option<SpanId>,
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
        Self { topic: topic.into(), partition: None, key: Some(key.into()), headers, value, parent_span: None }
    }

    /// Its partition in a topic of this many.
    pub fn partition_of(&self, partitions: i32) -> i32 {
        // A dead letter keeps its message's partition, which may be one that was added to the topic.
        let own = self.partition.and_then(|partition| partition.checked_rem(partitions));
        own.or_else(|| self.key.as_ref().map(|key| topics::partition_of(&key.0, partitions))).unwrap_or(0)
    }

    /// Returns true if its sender adds the header `ce_source`.
    pub fn lacks_source(&self) -> bool {
        self.headers.get(header::ID).is_some() && self.headers.get(header::SOURCE).is_none()
    }

    /// The message as the reader of its topic receives it from the service `source`.
    pub fn received(mut self, source: &'static str, partition: i32, offset: i64, timestamp: Timestamp) -> Message {
        if self.lacks_source() {
            self.headers.push(header::SOURCE, source);
        }
        let value = self.value.bytes().map(<[u8]>::to_vec);
        let Self { topic, key, headers, .. } = self;
        Message { topic: topic.into(), partition, offset, timestamp, key, headers, value }
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
        let next = cause.and_then(|parent| child_trace(parent, self.headers.get(header::ID)?));
        let Some(next) = next else { return self };
        let parent_span = cause.and_then(TraceContext::sampled).map(|parent| parent.span);
        Self { parent_span, ..self.with(header::TRACEPARENT, next) }
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
        // An empty id counts as none, and the copy is at another offset.
        if message.header(header::ID).unwrap_or_default().is_empty() {
            headers.set(header::ID, message.id());
        }
        headers.set(header::PUT_BACK_FROM, format!("{}/{}/{}", message.topic, message.partition, message.offset));
        Self {
            topic: message.topic.to_string().into(),
            partition: Some(home),
            key: Some(key.into()),
            headers,
            value: message.value.clone().map_or(Payload::Null, |bytes| Payload::Bytes(Blob(bytes))),
            parent_span: None,
        }
    }
}
