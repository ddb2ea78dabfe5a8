//! What an invoice and a credit note have in common: parties, lines, taxes and amounts.

use std::sync::Arc;

use common::money::Decimal;
use common::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::pieces::Pieces;
use super::sums::{Input, Sums, sums};
use crate::order::Order;
use crate::order::delivery::{Address, Customer};
use crate::order::parts::Invoice;
use crate::order::terms::Seller;

/// The parties, the lines, the taxes and the amounts.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Bill)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    #[schema(value_type = uuid::Uuid)]
    pub order_id: String,
    #[schema(value_type = uuid::Uuid)]
    pub customer_id: String,
    /// As the settings had it when the invoice was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Seller>)]
    pub seller: Option<Arc<Seller>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// The delivery address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// ISO 4217.
    pub currency: String,
    pub lines: Vec<Line>,
    /// The sum of the lines; left out on overflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub sum: Option<Decimal>,
    /// The agreed amount minus the sum of the lines, and minus the taxes if the prices are without them; left out if it
    /// is zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub adjustment: Option<Decimal>,
    /// Whether the prices, and with them `sum` and `adjustment`, are without the taxes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prices_exclude_tax: bool,
    /// The total without the taxes; left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub net: Option<Decimal>,
    /// They and `net` add up to `total`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxLine>,
    /// The agreed amount, or of a credit note the refund, with all taxes.
    #[schema(value_type = f64)]
    pub total: Decimal,
    /// The seller's text, such as where to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub note: Option<Arc<str>>,
    /// All amounts without taxes, for XML; `None` on overflow.
    #[serde(skip)]
    pub(super) nets: Option<Nets>,
}

/// One line of an invoice or a credit note.
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
    /// The amount without the taxes; left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub net: Option<Decimal>,
}

/// A tax on an invoice or a credit note.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = InvoiceTax)]
#[serde(rename_all = "camelCase")]
pub struct TaxLine {
    /// Such as `VAT`.
    pub name: String,
    /// In per cent of `net`.
    #[schema(value_type = f64)]
    pub rate: Decimal,
    #[schema(value_type = f64)]
    pub amount: Decimal,
}

/// Amounts without taxes, which add up to the total without taxes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nets {
    pub(super) lines: Vec<Decimal>,
    pub(super) lines_sum: Decimal,
    pub(super) adjustment: Decimal,
    /// The adjustment without its sign.
    pub(super) adjustment_size: Decimal,
    pub(super) total: Decimal,
    pub(super) taxes_sum: Decimal,
}

/// The part of an order that is billed.
pub(super) struct Part<'a> {
    pub(super) pieces: Vec<Pieces<'a>>,
    pub(super) total_minor: i64,
    /// What was billed before by documents of the same kind.
    pub(super) before_minor: i64,
    pub(super) issued_at: Timestamp,
}

impl Bill {
    /// A part of an order, with the terms of its invoice.
    pub(super) fn of(order: &Order, invoice: &Invoice, part: &Part<'_>) -> Self {
        let placed = &order.placed;
        let amounts: Vec<i128> = part.pieces.iter().map(Pieces::amount).collect();
        let sums = sums(&Input {
            lines: &amounts,
            total: part.total_minor,
            before: part.before_minor,
            taxes: &invoice.taxes,
            prices_exclude_tax: invoice.prices_exclude_tax,
        });
        let has_taxes = !invoice.taxes.is_empty();
        let line = |(pieces, net): (&Pieces<'_>, &Option<i64>)| Line {
            item_id: pieces.item.id.clone(),
            name: pieces.item.name.clone(),
            quantity: pieces.quantity,
            unit_amount: order.money(pieces.item.amount_minor),
            amount: i64::try_from(pieces.amount()).ok().map(|minor| order.money(minor)),
            net: net.filter(|_| has_taxes).map(|minor| order.money(minor)),
        };
        let tax = |(tax, minor): (&crate::order::terms::Tax, &i64)| TaxLine {
            name: tax.name.clone(),
            rate: tax.rate,
            amount: order.money(*minor),
        };
        Self {
            order_id: placed.order_id.to_string(),
            customer_id: placed.customer_id.to_string(),
            seller: invoice.seller.clone(),
            customer: placed.customer.clone(),
            address: placed.delivery.as_ref().and_then(|delivery| delivery.address.clone()),
            issued_at: part.issued_at,
            currency: placed.currency.clone(),
            lines: part.pieces.iter().zip(&sums.line_nets).map(line).collect(),
            sum: sums.lines.map(|minor| order.money(minor)),
            adjustment: sums.adjustment.filter(|minor| *minor != 0).map(|minor| order.money(minor)),
            prices_exclude_tax: invoice.prices_exclude_tax && has_taxes,
            net: Some(order.money(sums.net)).filter(|_| has_taxes),
            taxes: invoice.taxes.iter().zip(&sums.taxes).map(tax).collect(),
            total: order.money(part.total_minor),
            note: invoice.note.clone(),
            nets: nets(order, &sums),
        }
    }
}

fn nets(order: &Order, sums: &Sums) -> Option<Nets> {
    let money = |minor: Option<i64>| minor.map(|minor| order.money(minor));
    Some(Nets {
        lines: sums.line_nets.iter().map(|minor| money(*minor)).collect::<Option<_>>()?,
        lines_sum: money(sums.lines_net)?,
        adjustment: money(sums.adjustment_net)?,
        adjustment_size: money(sums.adjustment_net.and_then(i64::checked_abs))?,
        total: order.money(sums.net),
        taxes_sum: money(sums.taxes.iter().try_fold(0_i64, |sum, minor| sum.checked_add(*minor)))?,
    })
}
