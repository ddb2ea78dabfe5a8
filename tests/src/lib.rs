//! The harness: a broker and a cluster of real processes, orders as a story, a checker that reads all topics
//! afterwards, and the load of the benchmark. What they prove stands in `scenarios/`; nothing here is part of a
//! service.

pub mod broker;
pub mod checker;
pub mod cluster;
pub mod contract;
pub mod files;
pub mod http;
pub mod kafka;
pub mod load;
pub mod machine;
pub mod mail;
pub mod process;
pub mod record;
pub mod stage;
pub mod story;
pub mod stripe;
pub mod sums;
pub mod wait;
