//! What the payment service is made of: its topics, its settings, and which parts of it go together.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::http::Method;
use clap::{ArgMatches, Command};
use common::http::Access;
use common::service::{Context, Program};
use common::topics;

use crate::api;
use crate::handler::Payments;
use crate::provider::breaker::State;
use crate::provider::executor::Cashier;
use crate::provider::guard::Seen;
use crate::provider::registry::Switchboard;
use crate::settings::Settings;
use crate::tools;
use crate::view::PaymentRows;

/// The payment service.
pub struct PaymentService;

impl Program for PaymentService {
    const NAME: &'static str = "payment-service";
    const ABOUT: &'static str = "Requests payments from a provider, takes their results, and refunds.";
    const JOURNAL: &'static str = "payment-journal";
    const INPUTS: &'static [&'static str] = &[topics::PAYMENT_COMMANDS, topics::PAYMENT_RESULTS];
    const OUTPUTS: &'static [&'static str] = &[
        topics::PAYMENT_COMMANDS,
        topics::PAYMENT_RESULTS,
        topics::SAGA_REPLIES,
        "payment-commands.dlq",
        "payment-results.dlq",
    ];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");
    type Settings = Settings;
    type Handler = Payments;
    type Rows = PaymentRows;
    type Executor = Cashier<Arc<Switchboard>>;

    fn build(settings: &Settings) -> anyhow::Result<(Payments, Self::Executor)> {
        let faults = settings.provider.faults();
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
        let provider = Switchboard::new(&settings.provider).context("no HTTPS client")?;
        let provider = Arc::clone(settings.at_work.get_or_init(|| provider));
        Ok((Payments { provider: settings.provider.kind }, Cashier { provider }))
    }

    fn command_line(command: Command) -> Command {
        tools::command_line(command)
    }

    fn tool(matches: &ArgMatches) -> Option<ExitCode> {
        tools::run(matches)
    }

    fn details(settings: &Settings) -> Vec<(String, String)> {
        let seen = settings.providers().map(|providers| providers.seen()).unwrap_or_default();
        let chosen = seen.into_iter().filter(|(_, chosen, _)| *chosen);
        let told = |seen: Seen| match seen.last_error.filter(|_| seen.state != State::Closed) {
            Some(error) => format!("circuit {} since {}: {error}", seen.state.name(), seen.since),
            None => format!("circuit {}", seen.state.name()),
        };
        chosen.map(|(kind, _, seen)| (format!("provider {}", kind.name()), told(seen))).collect()
    }

    fn access(_: &Method, path: &str) -> Access {
        // Webhooks are signed, and metrics say nothing of anybody.
        if path.starts_with("/webhooks/") || path == "/metrics" { Access::Open } else { Access::Operator }
    }

    fn router(context: Context<Settings>) -> Router {
        api::router(context)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::provider::settings::ProviderSettings;

    /// The settings of the providers as `default.toml` has them.
    pub(crate) fn provider_settings() -> ProviderSettings {
        let none = std::iter::empty();
        let read = common::settings::load_with::<Settings>(PaymentService::DEFAULTS, PaymentService::NAME, None, none);
        read.unwrap().own.provider
    }

    #[test]
    fn a_bad_value_stops_the_start_with_its_key() {
        assert_eq!(provider_settings().faults(), Vec::<String>::new());
        let mut bad = ProviderSettings { failure_rate: 1.5, attempts: 0, ..provider_settings() };
        bad.kind = crate::provider::call::ProviderKind::Stripe;
        bad.stripe.base_url = "stripe".to_owned();
        let faults = bad.faults().join("\n");
        for key in ["failure_rate = 1.5", "attempts = 0", "stripe.base_url = stripe", "stripe.api_key"] {
            assert!(faults.contains(&format!("provider.{key}")), "{key}: {faults}");
        }
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let mut settings = provider_settings();
        settings.stripe.api_key = "sk_test_key".into();
        assert!(!format!("{settings:?}").contains("sk_test"));
    }
}
