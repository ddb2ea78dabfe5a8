//! What an invoice shows that is not in its order: the seller, the taxes, when it is due. The settings define it for
//! new invoices; an issued one keeps what it showed.

use std::sync::Arc;

use common::money::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most taxes of an invoice.
pub const MOST_TAXES: usize = 4;
/// The digits of a rate after the point.
pub const RATE_DIGITS: u32 = 4;

/// The terms of new invoices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub seller: Option<Arc<Seller>>,
    pub taxes: Vec<Tax>,
    /// The prices of items are without the taxes.
    pub prices_exclude_tax: bool,
    /// The days from the issue until it is due.
    pub due_days: u16,
    /// A text for every invoice, such as where to pay.
    pub note: Option<Arc<str>>,
}

/// The seller. Its parts are what the settings had when the invoice was issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seller {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line1: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, such as `BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The number by which the tax authority knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A tax on the whole of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tax {
    /// Such as `VAT`.
    pub name: String,
    /// In per cent of the amount without taxes.
    pub rate: Decimal,
}
