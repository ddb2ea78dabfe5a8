//! The service's settings and their checks.

pub mod invoices;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use common::bounds::{Bounded, CUSTOMER_CHARS, MOST_LINES};
use common::money::{Currency, Decimal};
use common::settings::{EventSettings, units};
use serde::{Deserialize, Serialize};

use self::invoices::Invoices;
use crate::mail::{MailLimit, Mailer, Smtp};
use crate::order::Placed;
use crate::order::delivery::Language;
use crate::order::limits::{Limits, Price};
use crate::order::policy::Policy;

/// The service's own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The limits of an order.
    pub orders: Limits,
    /// Returns.
    pub returns: Returns,
    /// Invoices and credit notes.
    pub invoices: Invoices,
    /// Notices to customers.
    pub notices: Notices,
    /// Events for external systems.
    pub events: EventSettings,
}

/// `[returns]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returns {
    /// How long after its end an order can be returned.
    #[serde(with = "units::duration")]
    pub window: Duration,
}

/// `[notices]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// The language of notices to customers who choose none.
    pub language: Language,
    /// The most mails to one address within an hour; 0: no limit.
    pub hourly_limit: u32,
    /// `[notices.smtp]`
    pub smtp: Smtp,
}

impl Settings {
    /// The parameters of the rules, and the mailer.
    ///
    /// # Errors
    /// A wrong setting: its key and the allowed values.
    pub(crate) fn build(&self) -> anyhow::Result<(Policy, Mailer)> {
        check_limits(&self.orders)?;
        let terms = self.invoices.terms()?;
        ensure!(
            self.invoices.prices_include_tax || self.orders.price == Price::Client,
            "invoices.prices_include_tax = false: needs orders.price = \"client\", since other amounts are the sum of \
             the prices, and the amount of an order contains its taxes"
        );
        let server = self.notices.smtp.server().context("notices.smtp")?;
        let policy = Policy {
            return_window: self.returns.window,
            series: self.invoices.series.clone(),
            credit_series: self.invoices.credit_series.clone(),
            terms,
            language: self.notices.language,
            mails: server.is_some(),
            events: self.events.enabled,
        };
        Ok((policy, Mailer { server, limit: MailLimit::new(self.notices.hourly_limit) }))
    }
}

fn check_limits(limits: &Limits) -> anyhow::Result<()> {
    let Limits { price: _, max_items, max_quantity, max_text, max_amount, currencies, payment_methods: _ } = limits;
    // A character has at most 4 bytes (6 as an escape, rarely; then the order is refused).
    let most = Placed::MAX_BYTES;
    let text_bytes = max_items.saturating_mul(max_text.saturating_mul(4).saturating_add(200));
    let is_in = |value: usize, most: usize| (1..=most).contains(&value);
    ensure!(is_in(*max_items, MOST_LINES), "orders.max_items = {max_items}: must be 1 to {MOST_LINES}");
    ensure!(*max_quantity >= 1, "orders.max_quantity = 0: must be at least 1");
    ensure!(is_in(*max_text, CUSTOMER_CHARS), "orders.max_text = {max_text}: must be 1 to {CUSTOMER_CHARS}");
    ensure!(
        text_bytes <= most,
        "orders.max_items = {max_items} and orders.max_text = {max_text}: an order of that size does not fit into a \
         message; max_items * (4 * max_text + 200) must be <= {most}"
    );
    let amount = Decimal::parse(max_amount).map_err(|why| anyhow::anyhow!("orders.max_amount: {why}"))?;
    ensure!(amount.is_positive(), "orders.max_amount = \"{max_amount}\": must be more than 0");
    ensure!(!currencies.is_empty(), "orders.currencies = []: must have at least one, such as \"BRL\"");
    for code in currencies {
        Currency::parse(code).map_err(|why| anyhow::anyhow!("orders.currencies: {why}"))?;
    }
    Ok(())
}
