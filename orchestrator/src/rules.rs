//! The rules around the engine: which input of which saga a message is, inputs that arrive early, and the definition a
//! saga runs on.

pub mod callbacks;
pub mod context;
pub mod deployment;
pub mod early;
pub mod engine;
mod events;
pub mod rollout;
pub mod sagas;
pub mod versions;
pub mod webhooks;
