//! What every HTTP interface here has in common: problems instead of bare errors (RFC 9457), extractors that say where a
//! request is wrong, one log line a request, limits, who may call, health, the API described, and a server that ends in
//! order.
//!
//! [`finish`] goes around a service's whole router; [`serve`] runs it.

mod docs;
mod edge;
mod extract;
mod guard;
mod health;
mod problem;
mod server;

pub use docs::{check_description, docs_of, docs_routes};
pub use edge::{Access, Asks, Caller, Edge};
pub use extract::{Body, InPath, Params, PathId, idempotency_key, parameter, trace_of};
pub use guard::finish;
pub use health::{Health, Report, health_routes};
pub use problem::Problem;
pub use server::{ServeError, bind, serve};
