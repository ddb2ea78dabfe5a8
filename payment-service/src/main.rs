//! The process. All of it is in the library beside; what runs it is in `common`.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<payment_service::program::PaymentService>()
}
