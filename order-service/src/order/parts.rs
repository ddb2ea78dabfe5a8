//! The parts of an order that are added after it is placed: steps, payment, shipment, invoice, cancellation and
//! returns.

use std::sync::Arc;

use common::shipments::DeliveryStatus;
use common::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::status::Status;
use super::terms::{Seller, Tax};

/// The most changes kept of what the customer must do for the payment. Later ones only change the order.
pub const MOST_ACTION_CHANGES: usize = 8;
/// The most changes kept of an order's delivery. Later ones only change the order.
pub const MOST_DELIVERY_CHANGES: usize = 24;

/// A change of an order's status, of its payment's action, or of its delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub at: Timestamp,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Set if what the customer must do for the payment changed, and not the status.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub action: bool,
    /// Where the shipment is, if that changed, and not the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryStatus>,
    /// Set if it is not where the shipment is that changed, but that it is late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

impl Change {
    /// A change of the status.
    pub fn of_status(status: Status, reason: Option<String>, at: Timestamp) -> Self {
        Self { at, status, reason, action: false, delivery: None, late: false }
    }
}

/// A step of the saga, as the orchestrator reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub step: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The result of the payment, from the message on `payment-results`. An operator's message may carry a status only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// `approved` or `declined`.
    #[serde(default)]
    pub status: String,
    /// Its id at payment-service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// The provider's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Payment {
    /// Returns true if the order is paid.
    pub fn is_approved(&self) -> bool {
        self.status.trim().eq_ignore_ascii_case("approved")
    }
}

/// The shipment, from the reply to `inventory.ship`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Its id at inventory-service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// `standard`, `express` or `pickup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// The expected day of delivery, such as `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    /// Whether inventory-service reports its delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tracked: bool,
}

/// Where the shipment is, as inventory-service reported last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tracking {
    /// The number of the report.
    pub number: u32,
    pub status: DeliveryStatus,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// The estimated date has passed without a delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// A customer's request to cancel the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    pub requested_at: Timestamp,
    pub why: String,
}

/// An order's invoice. All else that it shows is in the part of the order that does not change. Invoices of earlier
/// releases have no terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Such as `A0-000042`: the series, its partition, and the number in it.
    pub number: String,
    pub issued_at: Timestamp,
    pub status: InvoiceStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<Arc<Seller>>,
    /// The taxes in the order's amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<Tax>,
    /// The prices of the items are without the taxes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prices_exclude_tax: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

/// A credit note: all or a part of an order's invoice, whose terms it has, is paid back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditNote {
    /// Such as `C0-000007`: the series, its partition, and the number in it.
    pub number: String,
    pub issued_at: Timestamp,
    /// The refund, in minor units.
    pub amount_minor: i64,
    /// The return whose goods it is about; `None` if all that was not returned is refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
}

/// The status of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvoiceStatus {
    /// Due: the order waits for its payment.
    Open,
    /// Paid.
    Paid,
    /// Void, because the order was not fulfilled; its number is not used again.
    Void,
}

/// A return of some pieces of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Return {
    pub id: Uuid,
    pub status: ReturnStatus,
    pub items: Vec<Pieces>,
    pub refund_minor: i64,
    pub why: String,
    /// The authenticated caller who requested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub requested_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_reason: Option<String>,
}

/// The status of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    /// Requested; its saga runs.
    Requested,
    /// The goods are received and the refund is paid.
    Returned,
    /// Not accepted, or the goods never arrived.
    Refused,
}

impl ReturnStatus {
    /// The name as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Returned => "returned",
            Self::Refused => "refused",
        }
    }
}

/// A quantity of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pieces {
    pub id: String,
    pub quantity: u32,
}
