//! The order service as a program: its name, topics, settings and parts.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::money::Amount;
use common::service::{self, Context};
use common::settings::units;
use common::topics;
use serde::{Deserialize, Serialize};

use crate::api::place_body::Limits;
use crate::mail::{Postman, Smtp};
use crate::order::Orders;
use crate::order::delivery::Language;
use crate::view::OrderRows;

/// The order service.
pub struct Program;

/// Its own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// How large an order may be.
    pub orders: Limits,
    /// What may be returned.
    pub returns: Returns,
    /// How invoices are numbered.
    pub invoices: Invoices,
    /// How customers are told.
    pub notices: Notices,
}

/// `[returns]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returns {
    /// How long after its end an order may be returned.
    #[serde(with = "units::duration")]
    pub window: Duration,
}

/// `[invoices]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoices {
    /// The name that every number begins with.
    pub series: String,
}

/// `[notices]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// The language for customers who name none.
    pub language: Language,
    /// `[notices.smtp]`
    pub smtp: Smtp,
}

impl service::Program for Program {
    const NAME: &'static str = "order-service";
    const ABOUT: &'static str = "Takes orders, keeps them, and shows how far they are.";
    const JOURNAL: &'static str = "order-journal";
    const INPUTS: &'static [&'static str] = &[topics::ORDER_COMMANDS];
    const OUTPUTS: &'static [&'static str] =
        &[topics::CREATED_ORDERS, topics::SAGA_REPLIES, topics::ORDER_COMMANDS, topics::NOTIFICATIONS];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = Orders;
    type Rows = OrderRows;
    type Executor = Postman;

    fn build(settings: &Settings) -> anyhow::Result<(Orders, Postman)> {
        check_limits(&settings.orders)?;
        let Invoices { series } = &settings.invoices;
        let right = (1..=8).contains(&series.len()) && series.bytes().all(|b| b.is_ascii_uppercase());
        ensure!(right, "invoices.series = \"{series}\": must be 1 to 8 capital letters");
        let server = settings.notices.smtp.server().context("notices.smtp")?;
        let rules = Orders {
            return_window: settings.returns.window,
            series: series.clone(),
            language: settings.notices.language,
            mails: server.is_some(),
        };
        Ok((rules, Postman { server }))
    }

    fn access(_: &Method, path: &str) -> Access {
        // Whose orders they are, the handlers see to.
        if path == "/orders" || path.starts_with("/orders/") { Access::Known } else { Access::Operator }
    }

    fn router(context: Context<Settings>) -> Router {
        crate::api::router(context)
    }
}

fn check_limits(limits: &Limits) -> anyhow::Result<()> {
    let Limits { max_items, max_quantity, max_text, max_amount, currencies } = limits;
    let (max_items, max_text) = (*max_items, *max_text);
    // A character is at most 4 bytes (6 as an escape, rare); half a message is left for that and for the rest.
    let text_bytes = max_items.saturating_mul(max_text.saturating_mul(4).saturating_add(200));
    ensure!(max_items >= 1, "orders.max_items = 0: an order has at least 1 item");
    ensure!(*max_quantity >= 1, "orders.max_quantity = 0: at least 1 is needed");
    ensure!(max_text >= 1, "orders.max_text = 0: at least 1 is needed");
    ensure!(
        text_bytes <= topics::INPUT_MAX_BYTES / 2,
        "orders.max_items = {max_items} and orders.max_text = {max_text}: an order of that size does not fit into a \
         message; allowed is max_items * (4 * max_text + 200) <= {}",
        topics::INPUT_MAX_BYTES / 2
    );
    let amount = Amount::parse(max_amount).map_err(|why| anyhow::anyhow!("orders.max_amount: {why}"))?;
    ensure!(amount.0 > 0, "orders.max_amount = \"{max_amount}\": must be more than 0");
    ensure!(!currencies.is_empty(), "orders.currencies = []: at least one is needed, such as \"BRL\"");
    for code in currencies {
        let known = iso_currency::Currency::from_code(code);
        let digits = known.and_then(iso_currency::Currency::exponent);
        ensure!(
            digits == Some(2),
            "orders.currencies: \"{code}\" is not a currency with two digits after the point (ISO 4217), as amounts have"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use service::Program as _;

    use super::*;

    fn settings() -> Settings {
        common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap().own
    }

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        Program::build(&settings).map(|_| ()).map_err(|e| format!("{e:#}")).unwrap_err()
    }

    #[test]
    fn the_defaults_are_all_the_settings_and_good_ones() {
        let (rules, postman) = Program::build(&settings()).unwrap();
        assert!(!rules.mails && postman.server.is_none(), "nothing is mailed unless a server is named");
    }

    #[test]
    fn a_bad_setting_is_named_with_its_key_and_what_is_allowed() {
        assert!(refused(|s| s.orders.max_items = 0).starts_with("orders.max_items = 0"));
        assert!(refused(|s| s.orders.max_quantity = 0).starts_with("orders.max_quantity = 0"));
        assert!(refused(|s| s.orders.max_text = 0).starts_with("orders.max_text = 0"));
        assert!(refused(|s| s.orders.max_items = 10_000).contains("<= 524288"));
        assert!(refused(|s| s.orders.max_amount = "a lot".to_owned()).starts_with("orders.max_amount"));
        assert!(refused(|s| s.orders.currencies = vec!["JPY".to_owned()]).starts_with("orders.currencies: \"JPY\""));
        assert!(refused(|s| s.orders.currencies.clear()).starts_with("orders.currencies"));
        assert!(refused(|s| s.invoices.series = "a 1".to_owned()).starts_with("invoices.series"));
        let from = refused(|s| s.notices.smtp.host = "mail.example.com".to_owned());
        assert!(from.starts_with("notices.smtp") && from.contains("from"), "{from}");
    }
}
