//! The orchestrator's process. All of it is in the modules; what runs it is in `common`.

mod api;
mod conduct;
mod dashboard;
mod definitions;
mod perform;
mod program;
mod sessions;
mod shape;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<program::Orchestrator>()
}
