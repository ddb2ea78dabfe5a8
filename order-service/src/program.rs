//! The order service as a program: its name, topics, settings and parts.

use axum::Router;
use axum::http::Method;
use common::http::Access;
use common::service::{self, Context, MoreTopics};
use common::topics;

use crate::handler::OrderHandler;
use crate::mail::Mailer;
use crate::settings::Settings;
use crate::view::OrderRows;

/// The order service.
pub struct Program;

impl service::Program for Program {
    const NAME: &'static str = "order-service";
    const ABOUT: &'static str = "Accepts orders, tracks their status and shows them.";
    const JOURNAL: &'static str = "order-journal";
    const INPUTS: &'static [&'static str] = &[topics::ORDER_COMMANDS];
    const COMMANDS: &'static str = topics::ORDER_COMMANDS;
    const OUTPUTS: &'static [&'static str] =
        &[topics::CREATED_ORDERS, topics::SAGA_REPLIES, topics::ORDER_COMMANDS, topics::NOTIFICATIONS];
    const EVENTS: Option<&'static str> = Some(topics::ORDER_EVENTS);
    const DEFAULTS: &'static str = include_str!("../config/default.toml");

    type Settings = Settings;
    type Handler = OrderHandler;
    type Rows = OrderRows;
    type Executor = Mailer;

    fn build(settings: &Settings) -> anyhow::Result<(OrderHandler, Mailer)> {
        let (policy, mailer) = settings.build()?;
        Ok((OrderHandler { policy }, mailer))
    }

    fn more_topics(handler: &OrderHandler) -> MoreTopics {
        MoreTopics::of_events(Self::EVENTS, handler.policy.events)
    }

    fn access(_: &Method, path: &str) -> Access {
        // The handlers check the owner of an order.
        if path == "/orders" || path.starts_with("/orders/") { Access::Authenticated } else { Access::Operator }
    }

    fn router(context: Context<Settings>) -> Router {
        crate::api::router(context)
    }
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
    fn the_default_settings_are_complete_and_valid() {
        let (handler, mailer) = Program::build(&settings()).unwrap();
        assert!(!handler.policy.mails && mailer.server.is_none(), "without a mail server no notice is mailed");
    }

    #[test]
    fn the_topic_of_events_is_written_unless_they_are_off() {
        let outputs = |enabled: bool| {
            let mut settings = settings();
            settings.events.enabled &= enabled;
            Program::more_topics(&Program::build(&settings).unwrap().0).outputs
        };
        assert!(outputs(true).contains(topics::ORDER_EVENTS) && outputs(false).is_empty());
    }

    #[test]
    fn an_error_names_the_wrong_key_and_the_allowed_values() {
        assert!(refused(|s| s.orders.max_items = 0).starts_with("orders.max_items = 0"));
        assert!(refused(|s| s.orders.max_quantity = 0).starts_with("orders.max_quantity = 0"));
        assert!(refused(|s| s.orders.max_text = 0).starts_with("orders.max_text = 0"));
        assert!(refused(|s| s.orders.max_items = 10_000).contains("must be 1 to 500"));
        assert!(refused(|s| s.orders.max_text = 10_000).contains("must be 1 to 1000"));
        assert!(refused(|s| s.orders.max_items = 500).contains("<= 262144"));
        assert!(refused(|s| s.orders.max_amount = "a lot".to_owned()).starts_with("orders.max_amount"));
        assert!(refused(|s| s.orders.currencies = vec!["XTS".to_owned()]).starts_with("orders.currencies: 'XTS'"));
        let mut settings = settings();
        settings.orders.currencies = ["JPY", "BRL", "KWD"].map(str::to_owned).into();
        assert!(Program::build(&settings).is_ok(), "currencies with no, two and three digits");
        assert!(refused(|s| s.orders.currencies.clear()).starts_with("orders.currencies"));
        assert!(refused(|s| s.invoices.series = "a 1".to_owned()).starts_with("invoices.series"));
        let from = refused(|s| s.notices.smtp.host = "mail.example.com".to_owned());
        assert!(from.starts_with("notices.smtp") && from.contains("from"), "{from}");
    }
}
