//! The operators' command line: shows sagas, incidents, dead letters, definitions and orders, and acts on them, through
//! the public HTTP APIs of the orchestrator and order-service.

pub mod cli;
mod client;
mod commands;
pub mod config;
mod failure;
mod render;
mod session;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use self::cli::Cli;
use self::failure::Exit;

/// Runs the command line of this process. See [`cli`] for the exit codes.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = cli.global.output;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => {
            // A closed standard error leaves no way to report.
            _ = writeln!(io::stderr(), "error: no runtime: {error}");
            return Exit::Failed.into();
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            _ = io::stderr().write_all(failure.text(format).as_bytes());
            failure.exit.into()
        }
    }
}
