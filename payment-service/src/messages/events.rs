//! The events of payments for external systems, on the topic `payment-events`.

use common::ids::OrderId;
use common::payments::ActionKind;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DisputeStatus;

/// A change of a payment that external systems receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentEvent {
    /// It was requested.
    Requested,
    /// The customer must do something before it can be completed.
    ActionRequired,
    /// Its amount is reserved, and can be captured.
    Authorized,
    /// It is paid.
    Approved,
    /// It was not paid.
    Declined,
    /// It was cancelled before it was paid.
    Cancelled,
    /// A part of it, or all that is left of a charge, is to be refunded.
    RefundStarted,
    /// The provider accepted a refund; the money is on its way.
    RefundPending,
    /// A refund failed after the provider had accepted it.
    RefundFailed,
    /// A refund of a part was refused.
    RefundRefused,
    /// An operator settled a failed refund otherwise.
    RefundDismissed,
    /// A part of it is refunded.
    PartRefunded,
    /// All that was left of a charge is refunded.
    Refunded,
    /// The customer's bank asks about it, or takes it back.
    DisputeOpened,
    /// A dispute has ended.
    DisputeClosed,
}

impl PaymentEvent {
    /// Its `ce_type`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Requested => "payment.requested",
            Self::ActionRequired => "payment.action-required",
            Self::Authorized => "payment.authorized",
            Self::Approved => "payment.approved",
            Self::Declined => "payment.declined",
            Self::Cancelled => "payment.cancelled",
            Self::RefundStarted => "payment.refund-started",
            Self::RefundPending => "payment.refund-pending",
            Self::RefundFailed => "payment.refund-failed",
            Self::RefundRefused => "payment.refund-refused",
            Self::RefundDismissed => "payment.refund-dismissed",
            Self::PartRefunded => "payment.part-refunded",
            Self::Refunded => "payment.refunded",
            Self::DisputeOpened => "payment.dispute-opened",
            Self::DisputeClosed => "payment.dispute-closed",
        }
    }
}

/// Value of every event on `payment-events`: ids, amounts and codes, no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentChanged {
    /// The order that is paid.
    pub order_id: OrderId,
    /// The payment's id.
    pub payment_id: String,
    /// The payment's status after the decision that made the change.
    pub status: String,
    /// In events of a refund the amount of that refund: the part, or all that was left of the charge, which is 0 if it
    /// was refunded in parts. In events of a dispute the disputed amount. In all others the captured amount, before a
    /// capture the price. In minor units of `currency`; missing if the payment was never requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The kind of the customer's action, in `payment.action-required`. Its page, secret and code are not published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionKind>,
    /// The id of the partial refund; missing in events of the refund of all that is left. An id of other characters
    /// than letters, digits, `_` and `-`, or of more than 64, is replaced by a UUID that is derived from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// The charge that is refunded, in events of the refund of all that is left of a charge: a payment can be charged
    /// more than once, and each further charge is refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// The provider's id of the dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute_id: Option<String>,
    /// The status of the dispute: `inquiry` or `open` when it is opened, `closed`, `won` or `lost` when it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute_status: Option<DisputeStatus>,
    /// When it changed.
    pub at: Timestamp,
}
