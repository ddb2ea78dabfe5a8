//! The carriers of shipments: the calls they support, their implementations, and the executor that makes the calls.

pub mod call;
pub mod client;
pub mod executor;
pub mod guard;
pub mod manual;
pub mod registry;
pub mod simulated;
pub mod webhook;
