//! The order service: takes orders, keeps their status, and tells what became of each. A library, so that the simulation
//! can run its rules; the process is in `main.rs`.

pub mod api;
pub mod cancel;
pub mod conclude;
pub mod contract;
#[cfg(test)]
mod fixture;
pub mod invoice;
pub mod mail;
pub mod notices;
pub mod order;
pub mod program;
pub mod returns;
pub mod view;
