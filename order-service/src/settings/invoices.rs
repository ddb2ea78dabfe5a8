//! The settings of invoices and their checks.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use common::money::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::delivery::is_country_code;
use crate::order::limits::{forbidden_character, forbids};
use crate::order::terms::{MOST_TAXES, RATE_DIGITS, Seller, Tax, Terms};

/// The most characters of a text of the seller.
const MOST_CHARS: usize = 200;
/// The most characters of the note.
const MOST_NOTE_CHARS: usize = 1_000;
const MOST_DUE_DAYS: u16 = 365;

/// `[invoices]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoices {
    /// The prefix of every number.
    pub series: String,
    /// The prefix of every number of a credit note.
    pub credit_series: String,
    /// The days until an invoice is due.
    pub due_days: u16,
    /// The taxes.
    pub taxes: Vec<TaxSetting>,
    /// Whether the prices of items contain the taxes.
    pub prices_include_tax: bool,
    /// A text for every invoice.
    pub note: String,
    /// Directories with more fonts.
    pub fonts: Vec<PathBuf>,
    /// `[invoices.seller]`
    pub seller: SellerSetting,
}

/// An entry of `invoices.taxes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxSetting {
    /// Such as `VAT`.
    pub name: String,
    /// Per cent, such as `"23"`.
    pub rate: String,
}

/// `[invoices.seller]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SellerSetting {
    pub name: String,
    pub line1: String,
    pub line2: String,
    pub city: String,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub tax_id: String,
    pub email: String,
}

impl Invoices {
    /// The terms of new invoices.
    ///
    /// # Errors
    /// A wrong setting: its key and the allowed values.
    pub(crate) fn terms(&self) -> anyhow::Result<Terms> {
        let Self { series, credit_series, due_days, taxes, prices_include_tax, note, fonts, seller } = self;
        check_series("invoices.series", series)?;
        check_series("invoices.credit_series", credit_series)?;
        ensure!(
            credit_series != series,
            "invoices.credit_series = \"{credit_series}\": must differ from invoices.series, which has other numbers"
        );
        ensure!(*due_days <= MOST_DUE_DAYS, "invoices.due_days = {due_days}: must be 0 to {MOST_DUE_DAYS}");
        ensure!(
            taxes.len() <= MOST_TAXES,
            "invoices.taxes: has {} entries, at most {MOST_TAXES} are possible",
            taxes.len()
        );
        for directory in fonts {
            let readable = std::fs::read_dir(directory);
            readable.with_context(|| format!("invoices.fonts: {}: must be a directory", directory.display()))?;
        }
        let note = text("invoices.note", note, MOST_NOTE_CHARS)?;
        let taxes = taxes.iter().enumerate().map(|(index, tax)| tax.checked(index)).collect::<Result<_, _>>()?;
        let seller = Some(Arc::new(seller.checked()?));
        Ok(Terms {
            seller,
            taxes,
            prices_exclude_tax: !prices_include_tax,
            due_days: *due_days,
            note: note.map(Arc::from),
        })
    }
}

impl TaxSetting {
    fn checked(&self, index: usize) -> anyhow::Result<Tax> {
        let key = format!("invoices.taxes[{index}]");
        let name = text(&format!("{key}.name"), &self.name, MOST_CHARS)?;
        let name = name.ok_or_else(|| anyhow::anyhow!("{key}.name = \"\": must not be empty"))?;
        let wrong = || {
            let allowed = format!("must be 0 to 100 per cent, with at most {RATE_DIGITS} digits after the point");
            anyhow::anyhow!("{key}.rate = \"{}\": {allowed}, such as \"7.5\"", self.rate)
        };
        let rate = Decimal::parse(&self.rate).map_err(|_| wrong())?;
        rate.minor(RATE_DIGITS).map_err(|_| wrong())?;
        let is_valid = !rate.is_negative() && !rate.exceeds(Decimal::new(100, 0));
        if is_valid { Ok(Tax { name, rate }) } else { Err(wrong()) }
    }
}

impl SellerSetting {
    fn checked(&self) -> anyhow::Result<Seller> {
        let Self { name, line1, line2, city, postal_code, country, tax_id, email } = self;
        let part = |key: &str, value: &str| text(&format!("invoices.seller.{key}"), value, MOST_CHARS);
        let name = part("name", name)?;
        let name = name.ok_or_else(|| anyhow::anyhow!("invoices.seller.name = \"\": must not be empty"))?;
        ensure!(
            country.is_empty() || is_country_code(country),
            "invoices.seller.country = \"{country}\": must be a country code of ISO 3166-1, such as BR"
        );
        Ok(Seller {
            name,
            line1: part("line1", line1)?,
            line2: part("line2", line2)?,
            city: part("city", city)?,
            postal_code: part("postal_code", postal_code)?,
            country: part("country", country)?,
            tax_id: part("tax_id", tax_id)?,
            email: part("email", email)?,
        })
    }
}

fn check_series(key: &str, series: &str) -> anyhow::Result<()> {
    let is_valid = (1..=8).contains(&series.len()) && series.bytes().all(|b| b.is_ascii_uppercase());
    ensure!(is_valid, "{key} = \"{series}\": must be 1 to 8 capital letters");
    Ok(())
}

/// A text of one line; `None` if it is empty.
fn text(key: &str, value: &str, most: usize) -> anyhow::Result<Option<String>> {
    let length = value.chars().count();
    ensure!(length <= most, "{key}: has {length} characters, at most {most} are allowed");
    if let Some(character) = forbidden_character(value) {
        anyhow::bail!("{key}: {}", forbids(character));
    }
    Ok(Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned))
}

#[cfg(test)]
mod tests;
