//! The schemas of messages that more than one service reads, or that operators write by hand.

use std::borrow::Cow;

use crate::fields::{Field, Kind, Schema};
use crate::topics;

/// The most characters of an id of another system.
const ID: u32 = 255;
/// The most characters of an explanation.
const PROSE: u32 = 200;

static PAYMENT_RESULT_SCHEMA: [Field; 5] = [
    Field::required("orderId", Kind::Uuid),
    Field::required(
        "status",
        Kind::word(&[Cow::Borrowed("approved"), Cow::Borrowed("authorized"), Cow::Borrowed("declined")]),
    ),
    Field::optional("reason", Kind::prose(PROSE)),
    Field::optional("paymentId", Kind::id(ID)),
    Field::optional("reference", Kind::id(ID)),
];

/// `ce_type` on [`topics::PAYMENT_RESULTS`].
pub const PAYMENT_RESULT_TYPE: &str = "payment.result";
/// `ce_type` on [`topics::GOODS_RECEIVED`].
pub const GOODS_RECEIVED_TYPE: &str = "goods.received";
/// `ce_type` on [`topics::CASE_DECISIONS`].
pub const CASE_DECISION_TYPE: &str = "case.decided";

/// The results on [`topics::PAYMENT_RESULTS`].
pub static PAYMENT_RESULT: Schema = Schema::of(&PAYMENT_RESULT_SCHEMA);

/// The meaning of the fields of [`PAYMENT_RESULT`].
pub const PAYMENT_RESULT_FIELDS: &[(&str, &str)] = &[
    ("orderId", "The order."),
    ("status", "The result."),
    ("reason", "Why it was declined."),
    ("paymentId", "The payment's id."),
    ("reference", "The provider's id of the payment."),
];

static GOODS_RECEIVED_SCHEMA: [Field; 6] = [
    Field::required("returnId", Kind::Uuid),
    Field::required("status", Kind::word(&[Cow::Borrowed("received"), Cow::Borrowed("rejected")])),
    Field::optional("reason", Kind::prose(PROSE)),
    Field::optional("by", Kind::prose(PROSE)),
    Field::optional("why", Kind::prose(PROSE)),
    Field::optional("at", Kind::Timestamp),
];

/// The results on [`topics::GOODS_RECEIVED`].
pub static GOODS_RECEIVED: Schema = Schema::of(&GOODS_RECEIVED_SCHEMA);

/// The meaning of the fields of [`GOODS_RECEIVED`].
pub const GOODS_RECEIVED_FIELDS: &[(&str, &str)] = &[
    ("returnId", "The return."),
    ("status", "The result of the inspection."),
    ("reason", "The reason of the return's ending, if it was rejected."),
    ("by", "The inspector."),
    ("why", "The inspector's note."),
    ("at", "When it was inspected."),
];

static CASE_DECISION_SCHEMA: [Field; 5] = [
    Field::required("caseId", Kind::Uuid),
    Field::required("status", Kind::word(&CASE_DECISION_WORDS)),
    Field::required("by", Kind::prose(PROSE)),
    Field::required("why", Kind::prose(PROSE)),
    Field::optional("at", Kind::Timestamp),
];

/// The decisions about a parcel, a failed refund and a dispute. The saga of a case takes those about it.
static CASE_DECISION_WORDS: [Cow<'static, str>; 7] = [
    Cow::Borrowed("resend"),
    Cow::Borrowed("refund"),
    Cow::Borrowed("close"),
    Cow::Borrowed("retry"),
    Cow::Borrowed("dismiss"),
    Cow::Borrowed("contest"),
    Cow::Borrowed("accept"),
];

/// The decisions on [`topics::CASE_DECISIONS`].
pub static CASE_DECISION: Schema = Schema::of(&CASE_DECISION_SCHEMA);

/// The meaning of the fields of [`CASE_DECISION`].
pub const CASE_DECISION_FIELDS: &[(&str, &str)] = &[
    ("caseId", "The case."),
    (
        "status",
        "Of a parcel: send another one, refund the order, or close the shipment without either. Of a failed refund: \
         retry it, or dismiss it, since it is settled otherwise. Of a dispute: contest it with evidence, or accept it.",
    ),
    ("by", "Who decides."),
    ("why", "The reason."),
    ("at", "When it was decided."),
];

/// The schema of a topic's messages, for every reader; `None` if each definition names its own fields.
pub fn of_topic(topic: &str) -> Option<&'static Schema> {
    match topic {
        topics::PAYMENT_RESULTS => Some(&PAYMENT_RESULT),
        topics::GOODS_RECEIVED => Some(&GOODS_RECEIVED),
        topics::CASE_DECISIONS => Some(&CASE_DECISION),
        _ => None,
    }
}

/// The `ce_type` of the messages on a topic with a schema.
pub fn type_of_topic(topic: &str) -> Option<&'static str> {
    match topic {
        topics::PAYMENT_RESULTS => Some(PAYMENT_RESULT_TYPE),
        topics::GOODS_RECEIVED => Some(GOODS_RECEIVED_TYPE),
        topics::CASE_DECISIONS => Some(CASE_DECISION_TYPE),
        _ => None,
    }
}

/// The path of the status in the schema of a topic.
pub const STATUS_PATH: &str = "status";

/// The path of the id by which the messages of a schema are correlated: its UUID; empty if it has none.
pub fn id_path(schema: &Schema) -> &str {
    schema.fields.iter().find(|field| field.kind == Kind::Uuid).map_or("", |field| &field.path)
}
