//! The load of the benchmark: orders sent by a fixed schedule or by clients that wait, each POSTed and then followed
//! with a waiting GET to its end; what that took of time, CPU and memory.

pub mod client;
pub mod drive;
pub mod report;
pub mod restart;
pub mod sagas;
pub mod timers;
