//! What surrounds every service: HTTP, settings, command line and logs.
#![deny(missing_docs)]

pub mod cli;
pub mod http;
pub mod settings;
pub mod telemetry;
