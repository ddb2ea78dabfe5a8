//! Trace context across messages.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids;

/// The longest `traceparent` that is kept: later versions may append parts to the 55 characters of version 00.
const LONGEST: usize = 255;
/// The flag of a trace whose spans are recorded (W3C Trace Context, section 3.2.2.5.1).
const SAMPLED: u8 = 0x01;

/// Returns true if `text` is a `traceparent` (W3C Trace Context, section 3.2).
pub(super) fn is_valid(text: &str) -> bool {
    text.len() <= LONGEST && Parts::of(text).is_some()
}

/// The `traceparent` of an effect of `parent`, with a span id derived from `id`; `None` if `parent` is not a
/// `traceparent` (W3C Trace Context, section 3.2).
pub fn child_trace(parent: &str, id: &str) -> Option<String> {
    let Parts { trace, flags, .. } = Parts::of(parent)?;
    let child = derived_span(&[parent, id]);
    Some(format!("00-{trace}-{child}-{flags}"))
}

/// The trace id of a `traceparent` (W3C Trace Context, section 3.2.2.3); `None` if it is not one.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    Parts::of(traceparent).map(|parts| parts.trace)
}

/// The id of a span that derives from these parts: the same for a repetition.
pub fn derived_span(parts: &[&str]) -> SpanId {
    let (span, _) = ids::derive(parts).as_u64_pair();
    SpanId(span.max(1))
}

/// The id of a span: 16 hexadecimal digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanId(pub u64);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<SpanId> for String {
    fn from(id: SpanId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for SpanId {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

/// A `traceparent` in its parts (W3C Trace Context, section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: u128,
    /// The span that caused what carries the `traceparent`.
    pub span: SpanId,
    /// True if the spans of the trace are recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` if it is not one. Flags that are not hexadecimal digits count as none.
    pub fn parse(text: &str) -> Option<Self> {
        let Parts { trace, span, flags } = Parts::of(text)?;
        let trace = u128::from_str_radix(trace, 16).ok()?;
        let span = SpanId(u64::from_str_radix(span, 16).ok()?);
        let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & SAMPLED == SAMPLED);
        Some(Self { trace, span, is_sampled })
    }

    /// Reads the `traceparent` of a sampled trace; `None` for any other text.
    pub fn sampled(text: &str) -> Option<Self> {
        Self::parse(text).filter(|context| context.is_sampled)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

/// The parts of a `traceparent`, as text.
struct Parts<'t> {
    trace: &'t str,
    span: &'t str,
    flags: &'t str,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        let trace = parts.next()?;
        let span = parts.next()?;
        let flags = parts.next()?;
        let hex = |s: &str, n: usize| {
            s.len() == n && s.bytes().all(|b| b.is_ascii_hexdigit()) && s.bytes().any(|b| b != b'0')
        };
        let is_valid = version.len() == 2 && hex(trace, 32) && hex(span, 16) && flags.len() == 2;
        is_valid.then_some(Self { trace, span, flags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_and_written_as_a_traceparent() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::sampled(text).unwrap();
        assert_eq!((context.span, context.to_string().as_str()), (SpanId(0x00f0_67aa_0ba9_02b7), text));
        for unsampled in ["00", "02", "zz"] {
            let text = format!("{}{unsampled}", text.strip_suffix("01").unwrap());
            assert!(!TraceContext::parse(&text).unwrap().is_sampled, "{text}");
            assert_eq!(TraceContext::sampled(&text), None);
        }
        assert_eq!(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        let child = TraceContext::parse(&child_trace(text, "7").unwrap()).unwrap();
        assert_eq!(child, TraceContext { span: derived_span(&[text, "7"]), ..context });
    }

    #[test]
    fn a_span_id_is_text_in_json() {
        let json = serde_json::to_string(&SpanId(0xff)).unwrap();
        assert_eq!(json, "\"00000000000000ff\"");
        assert_eq!(serde_json::from_str::<SpanId>(&json).unwrap(), SpanId(0xff));
        assert!(serde_json::from_str::<SpanId>("\"x\"").is_err());
    }
}
