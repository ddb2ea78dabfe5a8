//! The orchestrator: runs sagas with the engine of the crate `saga`. A library, so that the simulation
//! can run its rules; the process is in `main.rs`.

pub mod api;
pub mod conduct;
pub mod contract;
pub mod dashboard;
pub mod definitions;
pub mod filter;
pub mod letters;
pub mod perform;
pub mod program;
pub mod sessions;
pub mod shape;
pub mod stats;
pub mod tools;
pub mod view;
pub mod words;
