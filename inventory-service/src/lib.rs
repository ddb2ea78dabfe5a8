//! The inventory service: the stock of each warehouse, and what is reserved of it. A library, so that the simulation
//! can run its rules; the process is in `main.rs`.

pub mod api;
pub mod contract;
pub mod messages;
pub mod program;
pub mod stock;
pub mod view;
