//! Header names (CloudEvents 1.0 Kafka protocol binding, W3C trace context, and what a saga's replies carry).
#![allow(missing_docs)]

use std::borrow::Cow;

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
pub fn name(name: &str) -> Cow<'static, str> {
    ALL.iter().find(|known| **known == name).map_or_else(|| name.to_owned().into(), |known| (*known).into())
}
