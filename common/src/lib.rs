//! What the four services share: the journal protocol and its Kafka worker, the view, messages, topics, ids, money,
//! settings, logs and HTTP. A service adds only what it decides ([`journal::Handler`]) and what its rows look like
//! ([`view::Rows`]).
#![deny(missing_docs)]

pub mod blob;
pub mod cli;
pub mod contract;
pub mod http;
pub mod ids;
pub mod journal;
pub mod messages;
pub mod money;
pub mod service;
pub mod settings;
pub mod telemetry;
pub mod time;
pub mod topics;
pub mod view;
mod words;
pub mod worker;
