//! The status of an order and its transitions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of an order.
///
/// ```text
/// pending --> reserved --> awaiting_payment --> paid --> confirmed --> shipped --> refunded
///    |           |                |              |           |            |
///    +-----------+----------------+--------------+           +--> returned <
///                |
///                +--> rejected | payment_not_completed | cancelling --> cancelled | refunded
/// ```
/// A short-lived status may be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderStatus)]
pub enum Status {
    /// Placed; its saga runs.
    Pending,
    /// Its stock is reserved.
    Reserved,
    /// The payment is requested; its result is pending.
    AwaitingPayment,
    /// Paid.
    Paid,
    /// Its saga was cancelled, and undoes its steps.
    Cancelling,
    /// Paid, and its stock is assigned to it.
    Confirmed,
    /// Confirmed and shipped.
    Shipped,
    /// All of it was returned.
    Returned,
    /// Not possible as ordered, such as out of stock.
    Rejected,
    /// Not paid; its stock is released.
    PaymentNotCompleted,
    /// Cancelled by the customer or after a failure; all its steps are compensated.
    Cancelled,
    /// Cancelled, or its parcel did not arrive, and its payment is refunded.
    Refunded,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Reserved,
        Self::AwaitingPayment,
        Self::Paid,
        Self::Cancelling,
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
            Self::Cancelling => "cancelling",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Returned => "returned",
            Self::Rejected => "rejected",
            Self::PaymentNotCompleted => "payment_not_completed",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }

    /// The status with that name in JSON.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns true if the saga has not reported the end yet.
    pub const fn is_underway(self) -> bool {
        match self {
            Self::Pending | Self::Reserved | Self::AwaitingPayment | Self::Paid | Self::Cancelling => true,
            Self::Confirmed
            | Self::Shipped
            | Self::Returned
            | Self::Rejected
            | Self::PaymentNotCompleted
            | Self::Cancelled
            | Self::Refunded => false,
        }
    }

    /// Returns true if the customer has received the order, or will.
    pub const fn is_fulfilled(self) -> bool {
        match self {
            Self::Confirmed | Self::Shipped => true,
            Self::Pending
            | Self::Reserved
            | Self::AwaitingPayment
            | Self::Paid
            | Self::Cancelling
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_can_be_parsed_from_its_name() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(Status::parse("Pending"), None);
    }
}
