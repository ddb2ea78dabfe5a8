//! The entry point of the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<inventory_service::program::Program>()
}
