//! The order service: takes orders, keeps their status, and tells what became of each. A library, so that the
//! simulation can run its rules; the process is in `main.rs`.

pub mod api;
mod asking;
pub mod cancel;
pub mod conclude;
pub mod contract;
pub mod delivery;
mod events;
pub mod invoice;
pub mod kept;
pub mod mail;
pub mod notices;
pub mod order;
mod own;
pub mod place;
pub mod program;
pub mod representation;
mod return_api;
pub mod returns;
mod status;
#[cfg(test)]
mod story;
pub mod view;
