//! A message on a dead-letter topic: why it was rejected, and its copy for the topic it came from.

use std::borrow::Cow;

use vocabulary::blob::{Blob, Payload};
use vocabulary::messages::{Headers, Outgoing, header};
use vocabulary::time::Timestamp;
use vocabulary::topics;

use crate::worker::received::Received;

/// The prefix of KIP-1034's headers.
const ERRORS: &str = "__streams.errors.";

/// Why a dead letter has no copy for its origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutBackError {
    /// Its headers do not name the topic that the dead-letter topic belongs to, a partition and an offset.
    #[error("its headers do not name its origin")]
    NoOrigin,
    /// It holds a part of the message only.
    #[error("it is not the whole message: {0}")]
    Incomplete(String),
}

/// A message on a dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// When it was sent there.
    pub at: Timestamp,
    /// Its original key.
    pub key: Option<Blob>,
    /// Its original headers, and those of the rejection (KIP-1034).
    pub headers: Headers,
    /// Its original value.
    pub value: Option<Blob>,
}

impl DeadLetter {
    /// Why the service could not read it.
    pub fn reason(&self) -> Option<&str> {
        self.headers.get("__streams.errors.message")
    }

    /// Its origin: topic, partition, offset.
    pub fn source(&self) -> Option<(&str, i32, i64)> {
        let number = |name: &str| self.headers.get(name);
        let partition = number("__streams.errors.partition")?.parse().ok()?;
        let offset = number("__streams.errors.offset")?.parse().ok()?;
        Some((self.headers.get("__streams.errors.topic")?, partition, offset))
    }

    /// A copy of the original message for its origin, which is the topic that `dead_letters` belongs to.
    ///
    /// # Errors
    /// [`PutBackError`] if there is no such copy.
    pub fn put_back(&self, dead_letters: &str) -> Result<Outgoing, PutBackError> {
        let source = self.source().filter(|(topic, ..)| topics::dead_letters(topic) == dead_letters);
        let (topic, partition, offset) = source.ok_or(PutBackError::NoOrigin)?;
        if let Some(cut) = self.headers.get(header::CUT) {
            return Err(PutBackError::Incomplete(cut.to_owned()));
        }
        let is_original = |(name, _): &&(Cow<'static, str>, _)| !name.starts_with(ERRORS);
        let mut headers = Headers(self.headers.0.iter().filter(is_original).cloned().collect());
        headers.set(header::PUT_BACK_FROM, format!("{topic}/{partition}/{offset}"));
        let value = self.value.clone().map_or(Payload::Null, Payload::Bytes);
        let topic = Cow::from(topic.to_owned());
        Ok(Outgoing { topic, partition: Some(partition), key: self.key.clone(), headers, value, parent_span: None })
    }
}

/// The reason of a dead letter whose own bytes are damaged is the damage.
impl From<Received> for DeadLetter {
    fn from(received: Received) -> Self {
        let Received { message, damage } = received;
        let mut headers = message.headers;
        if let Some(damage) = damage {
            headers.push("__streams.errors.message", damage.to_string());
            headers.push(header::CUT, "its bytes could not all be read");
        }
        Self {
            partition: message.partition,
            offset: message.offset,
            at: message.timestamp,
            key: message.key,
            headers,
            value: message.value.map(Blob),
        }
    }
}

#[cfg(test)]
mod tests {
    use vocabulary::messages::{Message, Unreadable};

    use super::*;

    #[test]
    fn it_goes_back_as_it_came() {
        let mut headers = Headers::default();
        headers.push("x", Blob(vec![0xff]));
        let message = Message {
            topic: "payment-results".into(),
            partition: 1,
            offset: 7,
            timestamp: Timestamp(5),
            key: Some("k".into()),
            headers,
            value: Some(b"{".to_vec()),
        };
        let dead = Outgoing::dead_letter(&message, &Unreadable::Empty);
        let value = dead.value.bytes().map(|bytes| Blob(bytes.to_vec()));
        let letter = DeadLetter {
            partition: 1,
            offset: 0,
            at: Timestamp(6),
            key: dead.key.clone(),
            headers: dead.headers,
            value,
        };
        assert_eq!(letter.reason(), Some("the message has no value"));
        assert_eq!(letter.source(), Some(("payment-results", 1, 7)));
        assert!(letter.put_back("order-commands.dlq").is_err(), "another topic's");
        let back = letter.put_back("payment-results.dlq").unwrap();
        assert_eq!((&*back.topic, back.partition, back.key), ("payment-results", Some(1), message.key));
        assert_eq!(back.value.bytes(), message.value.as_deref());
        assert_eq!(back.headers.0[0], ("x".into(), Blob(vec![0xff])));
        assert_eq!(back.headers.get(header::PUT_BACK_FROM), Some("payment-results/1/7"));
        assert_eq!(back.headers.0.len(), 2, "{:?}", back.headers);
    }
}
