//! The common part of all HTTP interfaces: problems (RFC 9457), extractors that locate errors in requests, the request
//! log, limits, authentication, health, the API's description, and a server with graceful shutdown.
//!
//! [`finish`] wraps a service's whole router; [`serve`] runs it.

mod card_number;
mod descriptors;
mod docs;
mod edge;
mod extract;
mod guard;
mod health;
mod jwks;
mod metrics;
mod problem;
mod protection;
mod request_headers;
mod request_span;
mod server;
mod site;

pub use docs::{check_description, docs_of, document};
pub use edge::{Access, Asks, Caller, ClientAddress, Edge};
pub use extract::{Body, Params, PathId, PathParams, idempotency_key, parameter, trace_of};
pub use guard::{Observed, finish};
pub use health::{Circuit, CircuitState, Health, Report, health_routes};
pub use jwks::PublicKeys;
pub use metrics::{Collect, HttpMetrics, metrics_route};
pub use problem::Problem;
pub use protection::Protection;
pub use server::{ServeError, bind, serve};
