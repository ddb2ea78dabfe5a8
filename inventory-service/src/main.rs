//! The inventory service's process. All of it is in the modules; what runs it is in `common`.

mod api;
mod messages;
mod program;
mod stock;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<program::Program>()
}
