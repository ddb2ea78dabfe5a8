//! The inventory service: the stock of each warehouse, its reservations, shipments and returns. A library, so that the
//! simulation can run its rules; the process is in `main.rs`.

pub mod api;
pub(crate) mod bounds;
pub mod carrier;
pub mod contract;
pub mod entity;
#[cfg(test)]
mod fixture;
pub mod handler;
pub mod messages;
pub mod movement;
pub mod program;
pub mod rules;
pub mod settings;
pub mod view;
