//! The payment service: payments, refunds and the payment provider. It knows of orders only their ids.

mod actor;
mod api;
mod handler;
mod payment;
mod program;
mod provider;
mod results;
#[cfg(test)]
mod tests;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    common::service::main::<program::PaymentService>()
}
