//! The payment service: payments, refunds and the payment provider. Of orders it knows only their ids. A library, so
//! that the simulation can run its rules; the process is in `main.rs`.

pub mod api;
pub mod contract;
pub mod entity;
pub mod handler;
pub mod ledger;
pub mod messages;
mod metrics;
pub mod program;
pub mod provider;
pub mod reconcile;
pub mod rules;
pub mod settings;
#[cfg(test)]
mod tests;
mod text;
pub mod tools;
pub mod view;
