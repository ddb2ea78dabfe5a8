//! The load generator of the benchmark: POSTs orders in open or closed loop, waits for each with a long-polling GET,
//! and measures time, CPU and memory.

pub mod answers;
pub mod client;
pub mod compare;
pub mod drive;
pub mod floor;
pub mod observe;
pub mod report;
pub mod restart;
pub mod sagas;
pub mod timers;
