//! The program: its topics, its settings, and how its parts are composed.

use std::process::ExitCode;

use anyhow::Context as _;
use axum::Router;
use clap::{ArgMatches, Command};
use common::http::Protection;
use common::prometheus_client::registry::Registry;
use common::service::{Context, MoreTopics, Program};
use common::time::Timestamp;
use common::topics;

use crate::api::Api;
use crate::circuits::CircuitProbe;
use crate::definitions::Definitions;
use crate::handler::SagaHandler;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::view::SagaRows;
use crate::webhooks::sender::Sender;
use crate::{api, dashboard, metrics, tools, view};

/// The orchestrator.
pub struct Orchestrator;

impl Program for Orchestrator {
    const NAME: &'static str = "orchestrator";
    const ABOUT: &'static str =
        "Runs sagas: decides each next step, keeps timers, receives callbacks, and shows the flow on a dashboard.";
    const JOURNAL: &'static str = "saga-journal";
    const INPUTS: &'static [&'static str] = &[topics::SAGA_REPLIES, topics::SAGA_COMMANDS];
    const COMMANDS: &'static str = topics::SAGA_COMMANDS;
    /// Partitions send each other changes of webhooks.
    const OUTPUTS: &'static [&'static str] = &[topics::SAGA_COMMANDS];
    const EVENTS: Option<&'static str> = Some(topics::SAGA_EVENTS);
    const DEFAULTS: &'static str = include_str!("../config/default.toml");
    type Settings = Settings;
    type Handler = SagaHandler;
    type Rows = SagaRows;
    type Executor = Sender;

    fn build(settings: &Settings) -> anyhow::Result<(SagaHandler, Sender)> {
        settings.dashboard.check()?;
        settings.webhooks.check()?;
        CircuitProbe::new(&settings.dashboard.health_urls)?;
        let mac = settings.payments.mac()?;
        if let Some(mac) = &mac {
            tracing::info!(secret_id = mac.secret_id(), "only payment results that payment-service marked are taken");
        }
        let definitions = Definitions::load(&settings.sagas.directory)?;
        for definition in definitions.all() {
            tracing::info!(
                definition = definition.name,
                version = definition.version,
                hash = definition.hash(),
                "saga definition"
            );
        }
        let handler = SagaHandler::new(definitions)
            .with_results_mac(mac)
            .with_events(settings.events.enabled)
            .with_webhooks(settings.webhooks.policy());
        let sender = Sender::new(&settings.webhooks).context("no HTTPS client")?;
        Ok((handler, sender))
    }

    fn protection(settings: &common::settings::Settings<Settings>) -> Protection {
        Protection { required: settings.own.auth.required }
    }

    fn protection_gap(settings: &common::settings::Settings<Settings>) -> Option<&'static str> {
        let gap = "a user of the dashboard has the published default password: set dashboard.password_hash, \
                   dashboard.viewer_password_hash and dashboard.api_key_hash to hashes of secrets";
        settings.own.dashboard.has_published_password().then_some(gap)
    }

    fn more_topics(handler: &SagaHandler) -> MoreTopics {
        let mut all = handler.definitions().topics();
        all.outputs.extend(MoreTopics::of_events(Self::EVENTS, handler.publishes()).outputs);
        all
    }

    fn metrics(context: &Context<Settings>, registry: &mut Registry) -> anyhow::Result<()> {
        metrics::register(&context.view.read_blocking(metrics::Counts::read)?, registry);
        let webhooks = context.view.read_blocking(view::webhooks::webhooks)?;
        metrics::webhooks::register(&webhooks, Timestamp::now(), registry);
        Ok(())
    }

    fn router(context: Context<Settings>) -> Router {
        let settings = &context.settings.dashboard;
        let key = settings.session_secret.reveal();
        let sessions = Sessions::new(settings.users(), key, settings.session_idle, settings.session_lifetime)
            .with_provider(settings.oidc.fingerprint());
        let api = Api::new(context, sessions);
        api::router(api.clone()).merge(api::docs()).merge(dashboard::router(api))
    }

    fn command_line(command: Command) -> Command {
        tools::command_line(command)
    }

    fn tool(matches: &ArgMatches) -> Option<ExitCode> {
        tools::run(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_and_valid() {
        let settings =
            common::settings::load_with::<Settings>(Orchestrator::DEFAULTS, Orchestrator::NAME, None, []).unwrap();
        Orchestrator::build(&settings.own).unwrap();
    }
}
