//! The test harness: a broker and a cluster of real processes, orders and their expected states, a checker that reads
//! all topics at the end, and the load generator of the benchmark. The scenarios themselves are in `tests/scenarios`.

pub mod broker;
pub mod checker;
pub mod cluster;
pub mod command;
pub mod contract;
pub mod files;
pub mod http;
pub mod items;
pub mod kafka;
pub mod leftovers;
pub mod load;
pub mod login;
pub mod machine;
pub mod mail;
pub mod ops;
pub mod orders;
pub mod process;
pub mod raw;
pub mod receiver;
pub mod record;
pub mod runner;
pub mod segment;
pub mod settings_doc;
pub mod stripe;
pub mod sums;
pub mod topics;
pub mod wait;
