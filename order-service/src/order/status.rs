//! Where an order is, and how its status may move.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an order is.
///
/// ```text
/// pending --> reserved --> awaiting_payment --> paid --> confirmed --> shipped
///    |           |                |              |           |            |
///    +-----------+----------------+--------------+           +--> returned <
///                |
///                +--> rejected | payment_not_completed | cancelled | refunded
/// ```
/// A status that lasts for a moment only may be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderStatus)]
pub enum Status {
    /// Placed; its saga runs.
    Pending,
    /// Its stock is set aside.
    Reserved,
    /// The payment was requested; its result is waited for.
    AwaitingPayment,
    /// It is paid for.
    Paid,
    /// Paid, and the stock is the customer's.
    Confirmed,
    /// Confirmed, and on its way.
    Shipped,
    /// All of it was returned.
    Returned,
    /// Not possible as ordered (out of stock).
    Rejected,
    /// Not paid; nothing is held for it any more.
    PaymentNotCompleted,
    /// Something else went wrong, or it was taken back; all that was done is undone.
    Cancelled,
    /// The same, and what was paid is given back.
    Refunded,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Reserved,
        Self::AwaitingPayment,
        Self::Paid,
        Self::Confirmed,
        Self::Shipped,
        Self::Returned,
        Self::Rejected,
        Self::PaymentNotCompleted,
        Self::Cancelled,
        Self::Refunded,
    ];

    /// The name as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserved => "reserved",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Paid => "paid",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Returned => "returned",
            Self::Rejected => "rejected",
            Self::PaymentNotCompleted => "payment_not_completed",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether it is on the way to its end: the saga still has to say how it ends.
    pub const fn is_underway(self) -> bool {
        match self {
            Self::Pending | Self::Reserved | Self::AwaitingPayment | Self::Paid => true,
            Self::Confirmed
            | Self::Shipped
            | Self::Returned
            | Self::Rejected
            | Self::PaymentNotCompleted
            | Self::Cancelled
            | Self::Refunded => false,
        }
    }

    /// Whether the customer has, or gets, what was ordered.
    pub const fn is_fulfilled(self) -> bool {
        match self {
            Self::Confirmed | Self::Shipped => true,
            Self::Pending
            | Self::Reserved
            | Self::AwaitingPayment
            | Self::Paid
            | Self::Returned
            | Self::Rejected
            | Self::PaymentNotCompleted
            | Self::Cancelled
            | Self::Refunded => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
