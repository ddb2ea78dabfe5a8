//! The order service: takes orders, keeps their status, and tells what became of each. A library, so that the simulation
//! can run its rules; the process is in `main.rs`.

pub mod api;
pub mod cancel;
pub mod contract;
pub mod order;
mod own;
pub mod place;
pub mod program;
pub mod representation;
pub mod view;
