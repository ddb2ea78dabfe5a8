//! What the orchestrator is made of: its topics, its settings, and which parts of it go together.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use clap::{ArgMatches, Command};
use common::service::{Context, MoreTopics, NoExecutor, Program};
use common::topics;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::conduct::Conductor;
use crate::definitions::Definitions;
use crate::sessions::{self, API_KEY, By, Role, Sessions, User};
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
    /// The name of the user who may act.
    pub user: String,
    /// The password as a PHC string of Argon2id.
    pub password_hash: String,
    /// The name of the user who may only look; empty: there is none.
    pub viewer: String,
    /// The viewer's password.
    pub viewer_password_hash: String,
    /// A key with which scripts may look, as a PHC string of Argon2id; empty: there is none.
    pub api_key_hash: String,
    /// Whether cookies go over TLS only, also where `X-Forwarded-Proto` does not say that it is there.
    pub secure_cookies: bool,
    /// Where browsers find the other services.
    pub orders_url: String,
    /// Of inventory-service.
    pub inventory_url: String,
    /// Of payment-service.
    pub payments_url: String,
    /// A login ends after so long without a request.
    #[serde(with = "common::settings::units::duration")]
    pub session_idle: Duration,
}

impl Dashboard {
    /// Who may log in.
    fn users(&self) -> Vec<User> {
        let user = |name: &str, hash: &str, role, by| User { name: name.to_owned(), hash: hash.to_owned(), role, by };
        let operator = user(&self.user, &self.password_hash, Role::Operator, By::Password);
        let viewer = user(&self.viewer, &self.viewer_password_hash, Role::Viewer, By::Password);
        let script = user(API_KEY, &self.api_key_hash, Role::Viewer, By::Key);
        let all = [operator, viewer, script];
        all.into_iter().filter(|user| !user.name.is_empty() && !user.hash.is_empty()).collect()
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.user.is_empty(), "dashboard.user = \"\": a name is needed");
        sessions::check_hash("dashboard.password_hash", &self.password_hash)?;
        if !self.viewer.is_empty() {
            ensure!(self.viewer != self.user, "dashboard.viewer = {:?}: dashboard.user has that name", self.viewer);
            sessions::check_hash("dashboard.viewer_password_hash", &self.viewer_password_hash)?;
        }
        if !self.api_key_hash.is_empty() {
            sessions::check_hash("dashboard.api_key_hash", &self.api_key_hash)?;
        }
        let urls = [("orders", &self.orders_url), ("inventory", &self.inventory_url), ("payments", &self.payments_url)];
        for (name, url) in urls {
            let good = url.starts_with("http://") || url.starts_with("https://");
            ensure!(
                good && !url.ends_with('/'),
                "dashboard.{name}_url = {url:?}: write http://host:port, without a / at its end"
            );
        }
        Ok(())
    }
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
    type Executor = NoExecutor;

    fn build(settings: &Settings) -> anyhow::Result<(Conductor, NoExecutor)> {
        settings.dashboard.check()?;
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
        Ok((Conductor::new(definitions), NoExecutor))
    }

    fn more_topics(conductor: &Conductor) -> MoreTopics {
        conductor.definitions().topics()
    }

    fn router(context: Context<Settings>) -> Router {
        let own = &context.settings.dashboard;
        let sessions = Sessions::new(own.users(), own.session_idle);
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
    fn the_defaults_are_all_the_settings_and_good_ones() {
        let settings =
            common::settings::load_with::<Settings>(Orchestrator::DEFAULTS, Orchestrator::NAME, None, []).unwrap();
        Orchestrator::build(&settings.own).unwrap();
    }
}
