//! Notices to the customer, as data.

use common::ids::OrderId;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::delivery::Language;

/// The kind of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The order is confirmed.
    Confirmed,
    /// The order is shipped.
    Shipped,
    /// The order was delivered, or picked up.
    Delivered,
    /// The order has not arrived on the estimated date.
    Late,
    /// The order was not paid.
    NotPaid,
    /// The order could not be accepted.
    Rejected,
    /// The order is cancelled.
    Cancelled,
    /// The order is cancelled and its payment is refunded.
    Refunded,
    /// The order did not arrive and its payment is refunded.
    NotDelivered,
    /// A return is refunded.
    Returned,
    /// A return was not accepted.
    ReturnRefused,
    /// The payment needs an action of the customer.
    ActionRequired,
}

/// A notice that was sent, as its order records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeRecord {
    pub kind: NoticeKind,
    /// The return it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Value of `notice.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    pub notice_id: Uuid,
    pub order_id: OrderId,
    pub kind: NoticeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    pub language: Language,
    pub to: Recipient,
    pub subject: String,
    /// Plain text.
    pub text: String,
    pub created_at: Timestamp,
}

/// The recipient of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    pub name: String,
    pub email: String,
}
