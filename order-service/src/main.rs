//! The process. The service is in this crate's library, its runtime in `common`.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<order_service::program::Program>()
}
