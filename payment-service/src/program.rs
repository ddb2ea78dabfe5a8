//! The payment service as a program: its topics, and its parts.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::http::Method;
use clap::{ArgMatches, Command};
use common::http::{Access, Circuit, CircuitState};
use common::prometheus_client::registry::Registry;
use common::service::{Context, MoreTopics, Program};
use common::topics;

use crate::api;
use crate::handler::Payments;
use crate::metrics;
use crate::provider::breaker::State;
use crate::provider::executor::ProviderExecutor;
use crate::provider::guard::ProviderHealth;
use crate::provider::registry::{ProviderRegistry, ProviderReport};
use crate::settings::Settings;
use crate::tools;
use crate::view::{self, PaymentRows};

/// The payment service.
pub struct PaymentService;

impl Program for PaymentService {
    const NAME: &'static str = "payment-service";
    const ABOUT: &'static str = "Requests payments from a provider, takes their results, and refunds.";
    const JOURNAL: &'static str = "payment-journal";
    const INPUTS: &'static [&'static str] = &[topics::PAYMENT_COMMANDS, topics::PAYMENT_RESULTS];
    const COMMANDS: &'static str = topics::PAYMENT_COMMANDS;
    const OUTPUTS: &'static [&'static str] = &[
        topics::PAYMENT_COMMANDS,
        topics::PAYMENT_RESULTS,
        topics::SAGA_REPLIES,
        topics::ORDER_COMMANDS,
        topics::CASES,
        "payment-commands.dlq",
        "payment-results.dlq",
    ];
    const EVENTS: Option<&'static str> = Some(topics::PAYMENT_EVENTS);
    const DEFAULTS: &'static str = include_str!("../config/default.toml");
    type Settings = Settings;
    type Handler = Payments;
    type Rows = PaymentRows;
    type Executor = ProviderExecutor<Arc<ProviderRegistry>>;

    fn build(settings: &Settings) -> anyhow::Result<(Payments, Self::Executor)> {
        let mut errors = settings.provider.validation_errors();
        errors.extend(settings.results.validation_errors(&settings.provider));
        anyhow::ensure!(errors.is_empty(), "{}", errors.join("\n"));
        let registry = ProviderRegistry::new(&settings.provider).context("no HTTPS client")?;
        let provider = Arc::clone(settings.registry.get_or_init(|| registry));
        let mac = settings.results.mac()?;
        if let Some(mac) = &mac {
            tracing::info!(secret_id = mac.secret_id(), "results are marked; the orchestrator needs the same secret");
        }
        let events = settings.events.enabled;
        let handler = Payments { provider: settings.provider.kind, mac: mac.clone(), events };
        Ok((handler, ProviderExecutor { provider, mac }))
    }

    fn more_topics(handler: &Payments) -> MoreTopics {
        MoreTopics::of_events(Self::EVENTS, handler.events)
    }

    fn command_line(command: Command) -> Command {
        tools::command_line(command)
    }

    fn tool(matches: &ArgMatches) -> Option<ExitCode> {
        tools::run(matches)
    }

    fn details(settings: &Settings) -> Vec<(String, String)> {
        let reports = settings.providers().map(|providers| providers.reports()).unwrap_or_default();
        let chosen = reports.into_iter().filter(|report| report.chosen);
        chosen
            .map(|ProviderReport { kind, health, .. }| (format!("provider {}", kind.name()), detail(health)))
            .collect()
    }

    fn circuits(settings: &Settings) -> Vec<Circuit> {
        let reports = settings.providers().map(|providers| providers.reports()).unwrap_or_default();
        reports.into_iter().map(circuit).collect()
    }

    fn access(_: &Method, path: &str) -> Access {
        // Webhooks are signed.
        if path.starts_with("/webhooks/") { Access::Open } else { Access::Operator }
    }

    fn metrics(context: &Context<Settings>, registry: &mut Registry) -> anyhow::Result<()> {
        let reports = context.settings.providers().map(|providers| providers.reports()).unwrap_or_default();
        metrics::register(reports, registry);
        let counts = |db: &rusqlite::Connection| {
            view::CASES.into_iter().map(|kind| Ok((kind, view::count_cases(db, kind)?))).collect::<Result<Vec<_>, _>>()
        };
        metrics::register_cases(context.view.read_blocking(counts)?, registry);
        Ok(())
    }

    fn router(context: Context<Settings>) -> Router {
        api::router(context)
    }
}

/// The circuit breaker of a provider.
fn circuit(report: ProviderReport) -> Circuit {
    let ProviderReport { kind, health, .. } = report;
    let state = match health.state {
        State::Closed => CircuitState::Closed,
        State::Open => CircuitState::Open,
        State::HalfOpen => CircuitState::HalfOpen,
    };
    Circuit {
        name: format!("provider {}", kind.name()),
        state,
        since: health.since.to_string(),
        error: health.last_error.filter(|_| health.state != State::Closed),
    }
}

/// The circuit breaker of a provider, in one line.
fn detail(health: ProviderHealth) -> String {
    match health.last_error.filter(|_| health.state != State::Closed) {
        Some(error) => format!("circuit {} since {}: {error}", health.state.name(), health.since),
        None => format!("circuit {}", health.state.name()),
    }
}

#[cfg(test)]
mod tests {
    use crate::provider::call::ProviderKind;
    use crate::provider::settings::ProviderSettings;
    use crate::tests::fixture::provider_settings;

    #[test]
    fn a_bad_value_stops_the_start_with_its_key() {
        assert_eq!(provider_settings().validation_errors(), Vec::<String>::new());
        let mut bad = ProviderSettings { failure_rate: 1.5, attempts: 0, ..provider_settings() };
        bad.kind = ProviderKind::Stripe;
        bad.stripe.base_url = "stripe".to_owned();
        let errors = bad.validation_errors().join("\n");
        for key in ["failure_rate = 1.5", "attempts = 0", "stripe.base_url = stripe", "stripe.api_key"] {
            assert!(errors.contains(&format!("provider.{key}")), "{key}: {errors}");
        }
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let mut settings = provider_settings();
        settings.stripe.api_key = "sk_test_key".into();
        assert!(!format!("{settings:?}").contains("sk_test"));
    }
}
