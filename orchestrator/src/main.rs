//! The process. Its parts are in the library; `common` runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<orchestrator::program::Orchestrator>()
}
