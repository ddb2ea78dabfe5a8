//! What the four services share, under one name: the journal protocol, its Kafka runtime and view, messages, settings
//! and HTTP. A service adds its decisions ([`journal::Handler`]) and its tables ([`view::Rows`]); [`service`] assembles
//! it.
#![deny(missing_docs)]

#[cfg(feature = "jemalloc")]
mod allocator;
mod checks;
mod positions;
pub mod responses;
pub mod service;
mod traces;

pub use journal;
pub use prometheus_client;
pub use runtime::{view, worker};
pub use vocabulary::{
    blob, bounded, bounds, cases, contract, events, fields, ids, messages, money, payments, schemas, sensitive,
    shipments, signature, time, topics,
};
pub use web::{cli, http, settings, telemetry};
