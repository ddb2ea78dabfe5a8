//! The requests of webhooks: their settings, which addresses may be called, the signature, and the executor that sends
//! them. What is sent when is decided by the rules (`rules/webhooks`).

pub mod address;
pub mod sender;
pub mod settings;
pub mod signature;
pub mod target;
