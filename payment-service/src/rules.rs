//! The payment rules: pure functions of a payment, an event and the time.

mod action;
pub mod answers;
mod capture;
pub(crate) mod cases;
pub(crate) mod commands;
pub(crate) mod context;
pub mod events;
mod external;
mod hints;
mod intents;
pub mod partial;
mod refund;
pub mod replies;
pub(crate) mod request;
pub mod results;
mod review;
mod settlement;
mod surplus;
pub mod transitions;
