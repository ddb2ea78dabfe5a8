//! The inventory service: the stock of each warehouse, what is reserved of it, what is shipped, and what comes back. A
//! library, so that the simulation can run its rules; the process is in `main.rs`.

pub mod api;
pub mod carrier;
pub mod changes;
pub mod contract;
pub mod handler;
pub mod messages;
pub mod movement;
pub mod program;
pub mod reservation;
pub mod returns;
pub mod settings;
pub mod shipment;
pub mod stock;
#[cfg(test)]
mod tests;
pub mod view;
