//! The order service's process. All of it is in the modules; what runs it is in `common`.

mod api;
mod order;
mod place;
mod program;
mod representation;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<program::Program>()
}
