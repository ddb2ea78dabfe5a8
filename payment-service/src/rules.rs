//! The payment rules: pure functions of a payment, an event and the time.

mod action;
pub mod answers;
mod capture;
mod cases;
pub mod events;
mod external;
mod hints;
mod intents;
pub mod partial;
mod refund;
pub mod replies;
pub mod results;
mod review;
mod settlement;
mod surplus;
pub mod transitions;
