//! Spans of traces, from the code that makes them to the exporter. Separate from the exporter, so that neither the
//! runtime nor the HTTP server depends on a client of a collector.
//!
//! A span is made when it has ended, with its start and end: most describe work that a thread does for many traces at
//! once. Its id derives from its cause where the cause may be processed again, so that a repetition is the same span.
#![deny(missing_docs)]

mod span;
mod tracer;

pub use span::{Attribute, Kind, Span, Value};
pub use tracer::{QUEUE, Tracer};
