//! The payment service: payments, refunds and the payment provider. It knows of orders only their ids. A library, so
//! that the simulation can run its rules; the process is in `main.rs`.

pub mod answers;
pub mod api;
pub mod contract;
pub mod executor;
pub mod handler;
pub mod payment;
pub mod program;
pub mod provider;
pub mod reconcile;
pub mod results;
#[cfg(test)]
mod tests;
pub mod tools;
pub mod view;
