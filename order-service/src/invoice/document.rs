//! An invoice as JSON, derived from its order.

use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::order::Order;
use crate::order::delivery::{Address, Customer};
use crate::order::parts::{InvoiceStatus, ReturnStatus};

/// An invoice.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Invoice)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Such as `A0-000042`: series, partition, and the number in it, without gaps.
    pub number: String,
    #[schema(value_type = uuid::Uuid)]
    pub order_id: String,
    #[schema(value_type = uuid::Uuid)]
    pub customer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// The delivery address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    pub status: InvoiceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub voided_at: Option<Timestamp>,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<Line>,
    /// The sum of the lines; left out on overflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub sum: Option<Decimal>,
    /// The agreed amount minus the sum of the lines; left out if they are equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub adjustment: Option<Decimal>,
    /// The agreed amount.
    #[schema(value_type = f64)]
    pub total: Decimal,
    /// The sum of the refunds for returns.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(value_type = f64)]
    pub refunded: Decimal,
}

fn is_zero(amount: &Decimal) -> bool {
    amount.is_zero()
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub item_id: String,
    pub name: String,
    pub quantity: u32,
    #[schema(value_type = f64)]
    pub unit_amount: Decimal,
    /// Left out on overflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub amount: Option<Decimal>,
}

impl Document {
    /// The invoice of an order; `None` if none was issued.
    pub fn of(order: &Order) -> Option<Self> {
        let invoice = order.invoice.as_ref()?;
        let placed = &order.placed;
        let lines = placed.items.iter().map(|item| Line {
            item_id: item.id.clone(),
            name: item.name.clone(),
            quantity: item.quantity.get(),
            unit_amount: order.money(item.amount_minor),
            amount: item.amount_minor.checked_mul(i64::from(item.quantity.get())).map(|minor| order.money(minor)),
        });
        let sum = order.sum_minor();
        let difference = sum.and_then(|sum| placed.amount_minor.checked_sub(sum)).filter(|difference| *difference != 0);
        let returned = order.returns.iter().filter(|known| known.status == ReturnStatus::Returned);
        Some(Self {
            number: invoice.number.clone(),
            order_id: placed.order_id.to_string(),
            customer_id: placed.customer_id.to_string(),
            customer: placed.customer.clone(),
            address: placed.delivery.as_ref().and_then(|delivery| delivery.address.clone()),
            issued_at: invoice.issued_at,
            status: invoice.status,
            voided_at: invoice.voided_at,
            currency: placed.currency.clone(),
            lines: lines.collect(),
            sum: sum.map(|minor| order.money(minor)),
            adjustment: difference.map(|minor| order.money(minor)),
            total: order.money(placed.amount_minor),
            refunded: order.money(returned.map(|known| known.refund_minor).sum()),
        })
    }
}

#[cfg(test)]
mod tests;
