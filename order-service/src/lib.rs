//! The order service: accepts orders, tracks their status and notifies their customers. A library, so that the
//! simulation can run its rules; the process is in `main.rs`.

pub mod api;
pub mod contract;
#[cfg(test)]
mod fixture;
pub mod handler;
pub mod invoice;
pub mod mail;
pub mod messages;
pub mod order;
pub mod program;
pub mod rules;
pub mod settings;
pub mod view;
