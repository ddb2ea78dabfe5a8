//! What the orchestrator is made of: its topics, its settings, and which parts of it go together.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use clap::{ArgMatches, Command};
use common::service::{Context, MoreTopics, NoActor, Program};
use common::topics;
use serde::{Deserialize, Serialize};

use crate::conduct::Conductor;
use crate::definitions::Definitions;
use crate::sessions::{self, Sessions};
use crate::view::SagaRows;
use crate::{api, dashboard, tools};

/// The settings that only the orchestrator has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[sagas]`
    pub sagas: Sagas,
    /// `[dashboard]`
    pub dashboard: Dashboard,
}

/// Where definitions are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sagas {
    /// A directory of `*.toml`; empty: those built in.
    pub directory: PathBuf,
}

/// Who may see the dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// The user's name.
    pub user: String,
    /// The password as a PHC string of Argon2id.
    pub password_hash: String,
    /// A login ends after so long without a request.
    #[serde(with = "common::settings::units::duration")]
    pub session_idle: Duration,
}

/// The orchestrator.
pub struct Orchestrator;

impl Program for Orchestrator {
    const NAME: &'static str = "orchestrator";
    const ABOUT: &'static str =
        "Runs sagas: decides every next step, keeps timers, takes callbacks, and shows how it goes.";
    const JOURNAL: &'static str = "saga-journal";
    const INPUTS: &'static [&'static str] = &[topics::SAGA_REPLIES, topics::SAGA_COMMANDS];
    const OUTPUTS: &'static [&'static str] = &[];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");
    type Settings = Settings;
    type Handler = Conductor;
    type Rows = SagaRows;
    type Actor = NoActor;

    fn build(settings: &Settings) -> anyhow::Result<(Conductor, NoActor)> {
        ensure!(!settings.dashboard.user.is_empty(), "dashboard.user = \"\": a name is needed");
        sessions::check_hash(&settings.dashboard.password_hash)?;
        if Self::DEFAULTS.contains(&settings.dashboard.password_hash) {
            tracing::warn!("the dashboard's password is the default one: set dashboard.password_hash");
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
        Ok((Conductor::new(definitions), NoActor))
    }

    fn more_topics(conductor: &Conductor) -> MoreTopics {
        conductor.definitions().topics()
    }

    fn router(context: Context<Settings>) -> Router {
        let own = &context.settings.dashboard;
        let sessions = Sessions::new(&own.user, &own.password_hash, own.session_idle);
        api::router(context.clone(), sessions.clone()).merge(dashboard::router(context, sessions))
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
    fn the_defaults_are_all_the_settings_and_good_ones() {
        let settings =
            common::settings::load_with::<Settings>(Orchestrator::DEFAULTS, Orchestrator::NAME, None, []).unwrap();
        Orchestrator::build(&settings.own).unwrap();
    }
}
