//! The events of orders for external systems, on the topic `order-events`.

use common::ids::OrderId;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order::Status;

/// A change of an order that external systems receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    Placed,
    Reserved,
    Invoiced,
    Paid,
    Confirmed,
    Shipped,
    Delivered,
    Rejected,
    NotPaid,
    Cancelled,
    Refunded,
    ReturnRequested,
    ReturnCompleted,
    ReturnRefused,
    Returned,
}

impl OrderEvent {
    /// The events of the order itself until its end, in the order in which they happen.
    pub const OF_ORDER: [Self; 11] = [
        Self::Placed,
        Self::Reserved,
        Self::Invoiced,
        Self::Paid,
        Self::Confirmed,
        Self::Shipped,
        Self::Delivered,
        Self::Rejected,
        Self::NotPaid,
        Self::Cancelled,
        Self::Refunded,
    ];

    /// Its `ce_type`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Placed => "order.placed",
            Self::Reserved => "order.reserved",
            Self::Invoiced => "order.invoiced",
            Self::Paid => "order.paid",
            Self::Confirmed => "order.confirmed",
            Self::Shipped => "order.shipped",
            Self::Delivered => "order.delivered",
            Self::Rejected => "order.rejected",
            Self::NotPaid => "order.not-paid",
            Self::Cancelled => "order.cancelled",
            Self::Refunded => "order.refunded",
            Self::ReturnRequested => "order.return-requested",
            Self::ReturnCompleted => "order.return-completed",
            Self::ReturnRefused => "order.return-refused",
            Self::Returned => "order.returned",
        }
    }
}

/// Value of every event on `order-events`: ids, amounts and codes, no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderChanged {
    pub order_id: OrderId,
    pub customer_id: Uuid,
    /// The order's status after the decision that made the change.
    pub status: Status,
    /// The price of the order, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it changed.
    pub at: Timestamp,
    /// The code of the reason, such as `out_of_stock`; a reason in words is left out. That of a cancellation is
    /// `cancelled_by_customer`, `cancelled_by_operator`, `deadline_exceeded` or a step's; that of a refused return is
    /// one of order-service, inventory-service or the saga, and is left out if the warehouse or an operator gave
    /// another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The invoice's number, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
    /// The number of the credit note, in the event of a completed return and of a refund, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_note_number: Option<String>,
    /// The return, in events of returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    /// The refund of the return, in minor units of `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_minor: Option<i64>,
}
