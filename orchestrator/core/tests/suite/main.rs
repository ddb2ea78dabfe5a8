//! The tests of the engine through its public interface. One program: each would link all of the engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, reason = "these are tests")]

mod bounds;
mod definition;
mod draw;
mod engine;
mod exchange;
mod explore;
mod harness;
mod history;
mod import;
mod late_success;
mod looks;
mod operators;
mod oracle;
mod order;
mod pivot;
mod progress;
mod rules;
mod tasks;
mod total;
