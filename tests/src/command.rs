//! Commands that end by themselves, with a time limit.

use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};

use crate::wait::PATIENT;

/// Runs a command to its end; it is killed after two minutes.
///
/// # Errors
/// When it can't be started, or has not ended by then.
pub async fn run(command: Command) -> Result<Output> {
    let what = format!("{:?} {:?}", command.get_program(), command.get_args().collect::<Vec<_>>());
    let mut command = tokio::process::Command::from(command);
    let output = tokio::time::timeout(PATIENT, command.kill_on_drop(true).output()).await;
    let output = output.with_context(|| format!("{what} has not ended after {PATIENT:?}"))?;
    output.with_context(|| what)
}

/// Runs a command that must fail; returns its output.
///
/// # Errors
/// As [`run`], and when it succeeds.
pub async fn refused(command: Command) -> Result<String> {
    let output = run(command).await?;
    let text = text(&output);
    ensure!(!output.status.success(), "{}:\n{text}", output.status);
    Ok(text)
}

/// Standard output and standard error.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
