//! The payment rules: pure functions of a payment, an event and the time.

pub mod answers;
mod capture;
mod intents;
pub mod partial;
mod refund;
pub mod replies;
pub mod results;
pub mod transitions;
