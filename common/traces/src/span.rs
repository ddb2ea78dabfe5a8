//! A span that has ended.

use std::borrow::Cow;
use std::time::SystemTime;

use vocabulary::bounds::first_chars;
use vocabulary::messages::{SpanId, TraceContext};

/// The most characters of a text attribute. Ids and types of messages may come from any client.
const TEXT: usize = 255;

/// The role of a span in its trace (OpenTelemetry's `SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Receives or processes a message.
    Consumer,
    /// Happens within a process.
    Internal,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A name of the semantic conventions, and its value.
pub type Attribute = (&'static str, Value);

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// Its id.
    pub id: SpanId,
    /// The span that caused it; `None` for the first of a trace.
    pub parent: Option<SpanId>,
    /// Its role.
    pub kind: Kind,
    /// Its name, of which there are few.
    pub name: String,
    /// When it started.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Why it failed; `None` if it did not.
    pub error: Option<String>,
}

impl Span {
    /// A span that was caused by the span of `context`. It ends when it starts, or later.
    pub fn below(context: TraceContext, id: SpanId, kind: Kind, name: impl Into<String>, start: SystemTime) -> Self {
        Self {
            trace: context.trace,
            id,
            parent: Some(context.span),
            kind,
            name: name.into(),
            start,
            end: start,
            attributes: Vec::new(),
            error: None,
        }
    }

    /// Sets its end, which is not before its start: the clocks of two machines differ.
    #[must_use]
    pub fn until(mut self, end: SystemTime) -> Self {
        self.start = self.start.min(end);
        self.end = end;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Adds a text, of which the first 255 characters are kept; nothing for `None`.
    #[must_use]
    pub fn with_text(mut self, name: &'static str, text: Option<&str>) -> Self {
        if let Some(text) = text {
            self.attributes.push((name, Value::Text(Cow::Owned(first_chars(text, TEXT).to_owned()))));
        }
        self
    }

    /// Marks it as failed.
    #[must_use]
    pub fn failed(mut self, why: Option<String>) -> Self {
        self.error = why;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_span_never_ends_before_it_starts_and_its_texts_are_bounded() {
        let context = TraceContext { trace: 7, span: SpanId(8), is_sampled: true };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        let ahead = now + Duration::from_secs(5);
        let long = "é".repeat(1_000);
        let span = Span::below(context, SpanId(9), Kind::Consumer, "receive t", ahead).until(now);
        let span = span.with_text("a", Some(&long)).with_text("b", None);
        assert_eq!((span.start, span.end, span.parent), (now, now, Some(SpanId(8))));
        let [("a", Value::Text(text))] = span.attributes.as_slice() else { panic!("{span:?}") };
        assert_eq!(text.chars().count(), TEXT);
    }
}
