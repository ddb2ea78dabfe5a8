//! The payment rules: pure functions of a payment, what happens to it, and the time. One file for each kind of transition.

pub mod answers;
mod capture;
mod intents;
pub mod partial;
mod refund;
mod replies;
pub mod results;
pub mod transitions;
