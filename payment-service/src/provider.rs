//! Payment providers: the calls as data (`call`), what every provider implements (`port`), the providers, and what surrounds a
//! call to any of them (`guard`, `breaker`). `registry` has all of them, `executor` makes the calls.

pub mod breaker;
pub mod call;
pub mod executor;
pub mod guard;
pub mod manual;
pub mod port;
pub mod registry;
pub mod settings;
pub mod simulated;
pub mod stripe;
