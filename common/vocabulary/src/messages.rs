//! Messages read from and written to Kafka: key, headers in CloudEvents' Kafka binary mode, JSON value; and the dead
//! letters of those that can't be read.

mod damage;
mod dead_letter;
pub mod header;
mod mac;
mod message;
mod outgoing;
mod reply;
mod structured;
#[cfg(test)]
mod tests;
mod trace;
mod unreadable;

pub use self::damage::Damage;
pub use self::mac::{MessageMac, Origin, ShortSecret};
pub use self::message::{DEPTH, HEADER_BYTES, Headers, Message, depth};
pub use self::outgoing::Outgoing;
pub use self::reply::Reply;
pub use self::trace::{SpanId, TraceContext, child_trace, derived_span, trace_id};
pub use self::unreadable::Unreadable;
