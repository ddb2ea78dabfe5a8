//! Invoices and credit notes as JSON, derived from their order.

use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bill::{Bill, Part};
use super::pieces;
use crate::order::Order;
use crate::order::parts::{CreditNote, InvoiceStatus, ReturnStatus};

/// An invoice.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Invoice)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Such as `A0-000042`: series, partition, and the number in it, without gaps.
    pub number: String,
    pub status: InvoiceStatus,
    /// The day on which it is due (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub voided_at: Option<Timestamp>,
    #[serde(flatten)]
    pub bill: Bill,
    /// The sum of the refunds for returns.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(value_type = f64)]
    pub refunded: Decimal,
}

fn is_zero(amount: &Decimal) -> bool {
    amount.is_zero()
}

impl Document {
    /// The invoice of an order; `None` if none was issued.
    pub fn of(order: &Order) -> Option<Self> {
        let invoice = order.invoice.as_ref()?;
        let part = Part {
            pieces: pieces::of_order(order),
            total_minor: order.placed.amount_minor,
            before_minor: 0,
            issued_at: invoice.issued_at,
        };
        let returned = order.returns.iter().filter(|known| known.status == ReturnStatus::Returned);
        Some(Self {
            number: invoice.number.clone(),
            status: invoice.status,
            due_date: invoice.due_at.map(day),
            voided_at: invoice.voided_at,
            bill: Bill::of(order, invoice, &part),
            refunded: order.money(returned.map(|known| known.refund_minor).sum()),
        })
    }
}

/// A credit note: a part of an invoice, or all of it, is paid back. All amounts are positive.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = CreditNote)]
#[serde(rename_all = "camelCase")]
pub struct CreditDocument {
    /// Such as `C0-000007`: series, partition, and the number in it, without gaps.
    pub number: String,
    pub invoice_number: String,
    #[schema(value_type = String, format = DateTime)]
    pub invoice_issued_at: Timestamp,
    /// The return whose goods it is about; left out if all that was not returned is refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    #[serde(flatten)]
    pub bill: Bill,
}

impl CreditDocument {
    /// The credit note of an order with that number.
    pub fn of(order: &Order, number: &str) -> Option<Self> {
        let invoice = order.invoice.as_ref()?;
        let place = order.credit_notes.iter().position(|note| note.number == number)?;
        let note = order.credit_notes.get(place)?;
        let before = order.credit_notes.iter().take(place).map(|note| note.amount_minor);
        let part = Part {
            pieces: pieces::of_credit_note(order, note),
            total_minor: note.amount_minor,
            before_minor: before.fold(0, i64::saturating_add),
            issued_at: note.issued_at,
        };
        Some(Self {
            number: note.number.clone(),
            invoice_number: invoice.number.clone(),
            invoice_issued_at: invoice.issued_at,
            return_id: note.return_id,
            bill: Bill::of(order, invoice, &part),
        })
    }
}

/// A credit note in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = CreditNoteSummary)]
#[serde(rename_all = "camelCase")]
pub struct CreditSummary {
    pub number: String,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// The return whose goods it is about; left out if all that was not returned is refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_id: Option<Uuid>,
    /// The refund.
    #[schema(value_type = f64)]
    pub total: Decimal,
}

impl CreditSummary {
    /// All credit notes of an order, oldest first.
    pub fn all_of(order: &Order) -> Vec<Self> {
        let summary = |note: &CreditNote| Self {
            number: note.number.clone(),
            issued_at: note.issued_at,
            return_id: note.return_id,
            total: order.money(note.amount_minor),
        };
        order.credit_notes.iter().map(summary).collect()
    }
}

/// The day of a time, in UTC.
pub(super) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests;
