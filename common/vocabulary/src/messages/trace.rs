//! Trace context across messages.

use crate::ids;

/// The longest `traceparent` that is kept: later versions may append parts to the 55 characters of version 00.
const LONGEST: usize = 255;

/// Returns true if `text` is a `traceparent` (W3C Trace Context, section 3.2).
pub(super) fn is_valid(text: &str) -> bool {
    text.len() <= LONGEST && trace_and_flags(text).is_some()
}

/// The `traceparent` of an effect of `parent`, with a span id derived from `id`; `None` if `parent` is not a
/// `traceparent` (W3C Trace Context, section 3.2).
pub fn child_trace(parent: &str, id: &str) -> Option<String> {
    let (trace, flags) = trace_and_flags(parent)?;
    let (child, _) = ids::derive(&[parent, id]).as_u64_pair();
    Some(format!("00-{trace}-{:016x}-{flags}", child.max(1)))
}

/// The trace id of a `traceparent` (W3C Trace Context, section 3.2.2.3); `None` if it is not one.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    trace_and_flags(traceparent).map(|(trace, _)| trace)
}

/// The trace id and the flags of a `traceparent`.
fn trace_and_flags(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let version = parts.next()?;
    let trace = parts.next()?;
    let span = parts.next()?;
    let flags = parts.next()?;
    let hex =
        |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_hexdigit()) && s.bytes().any(|b| b != b'0');
    let is_valid = version.len() == 2 && hex(trace, 32) && hex(span, 16) && flags.len() == 2;
    is_valid.then_some((trace, flags))
}
