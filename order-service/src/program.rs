//! The order service as a program: its name, topics, settings and parts.

use anyhow::ensure;
use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::service::{self, Context, NoActor};
use common::topics;
use serde::{Deserialize, Serialize};

use crate::order::Orders;
use crate::place::Limits;
use crate::view::OrderRows;

/// The order service.
pub struct Program;

/// Its own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// How large an order may be.
    pub orders: Limits,
}

impl service::Program for Program {
    const NAME: &'static str = "order-service";
    const ABOUT: &'static str = "Takes orders, keeps them, and shows how far they are.";
    const JOURNAL: &'static str = "order-journal";
    const INPUTS: &'static [&'static str] = &[topics::ORDER_COMMANDS];
    const OUTPUTS: &'static [&'static str] = &[topics::CREATED_ORDERS, topics::SAGA_REPLIES];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = Orders;
    type Rows = OrderRows;
    type Actor = NoActor;

    fn build(settings: &Settings) -> anyhow::Result<(Orders, NoActor)> {
        let Limits { max_items, max_quantity, max_text } = settings.orders;
        // A character is at most 4 bytes (6 as an escape, rare); half a message is left for that and for the rest.
        let text_bytes = max_items.saturating_mul(max_text.saturating_mul(4).saturating_add(200));
        ensure!(max_items >= 1, "orders.max_items = 0: an order has at least 1 item");
        ensure!(max_quantity >= 1, "orders.max_quantity = 0: at least 1 is needed");
        ensure!(max_text >= 1, "orders.max_text = 0: at least 1 is needed");
        ensure!(
            text_bytes <= topics::INPUT_MAX_BYTES / 2,
            "orders.max_items = {max_items} and orders.max_text = {max_text}: an order of that size does not fit into a \
             message; allowed is max_items * (4 * max_text + 200) <= {}",
            topics::INPUT_MAX_BYTES / 2
        );
        Ok((Orders, NoActor))
    }

    fn access(_: &Method, path: &str) -> Access {
        // Whose orders they are, the handlers see to.
        if path == "/orders" || path.starts_with("/orders/") { Access::Known } else { Access::Operator }
    }

    fn router(context: Context<Settings>) -> Router {
        crate::api::router(context)
    }
}

#[cfg(test)]
mod tests {
    use service::Program as _;

    use super::*;

    fn build(max_items: usize, max_quantity: u32, max_text: usize) -> Result<(), String> {
        let settings = Settings { orders: Limits { max_items, max_quantity, max_text } };
        Program::build(&settings).map(|_| ()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_are_all_the_settings_and_good_ones() {
        let settings = common::settings::load_with::<Settings>(Program::DEFAULTS, Program::NAME, None, []).unwrap();
        Program::build(&settings.own).unwrap();
    }

    #[test]
    fn a_bad_limit_is_named_with_its_key_and_what_is_allowed() {
        assert!(build(0, 1, 1).unwrap_err().starts_with("orders.max_items = 0"));
        assert!(build(1, 0, 1).unwrap_err().starts_with("orders.max_quantity = 0"));
        assert!(build(1, 1, 0).unwrap_err().starts_with("orders.max_text = 0"));
        assert!(build(10_000, 1, 200).unwrap_err().contains("<= 524288"));
    }
}
