//! Runs the journal protocol: [`worker`] carries it over Kafka, [`view`] keeps its state in SQLite.
#![deny(missing_docs)]

pub mod view;
pub mod worker;
