//! Payment providers: the calls as data (`call`), the interface (`port`), and the providers. `guard` and `breaker` wrap
//! the calls to each of them; `registry` has all of them; `executor` makes the calls.

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
