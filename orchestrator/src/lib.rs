//! The orchestrator: runs sagas with the engine of the crate `saga`. A library, so that the simulation can run its
//! rules; the process is in `main.rs`.

pub mod api;
pub mod causes;
mod circuits;
pub mod contract;
pub mod dashboard;
pub mod dead_letters;
pub mod definitions;
pub mod effects;
pub mod entity;
pub mod error;
pub mod filter;
pub mod handler;
pub mod i18n;
pub mod inspect;
pub mod messages;
mod metrics;
pub mod oidc;
pub mod program;
pub mod rules;
pub mod script;
pub mod sessions;
pub mod settings;
pub mod stats;
pub mod tools;
pub mod view;
pub mod webhooks;
