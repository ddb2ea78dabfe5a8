//! The commands.

mod act;
mod contexts;
mod dead_letters;
mod definitions;
mod documents;
mod health;
mod incidents;
mod orders;
mod pages;
mod sagas;
mod show;
mod tasks;
mod watch;
mod webhooks;

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Runs a command.
///
/// # Errors
/// What the command reports.
pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    let session = || Session::open(&global);
    match command {
        Command::Sagas(command) => sagas::run(&session()?, *command).await,
        Command::Tasks(command) => tasks::run(&session()?, command).await,
        Command::Incidents => incidents::run(&session()?).await,
        Command::Dlq(command) => dead_letters::run(&session()?, command).await,
        Command::Definitions(command) => definitions::run(&session, command).await,
        Command::Orders(command) => orders::run(&session()?, command).await,
        Command::Webhooks(command) => webhooks::run(&session()?, command).await,
        Command::Health => health::run(&session()?).await,
        Command::Login(login) => contexts::login(&global, &login).await,
        Command::Context(command) => contexts::run(&global, command),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { directory } => documents::manual(directory.as_deref()),
    }
}
