//! The journal: one Kafka topic per service that is its history, its outbox and its database, and the protocol by which
//! several instances write it without ever disagreeing on what happened.
//!
//! ```text
//!              Assigned            ReadBack(my claim)         Loaded(snapshot)
//!    Idle ───────────────▶ Claiming ───────────────▶ Claiming ────────────────▶ Owner ──┐ Message, Tick:
//!     ▲    Append(Claim)            Load                       Send(unsent)      │  ▲   │ decide a batch,
//!     │                                                                          │  └───┘ Append(Entry)
//!     └──────── Revoked, Failed, ReadBack(a foreign claim): StepDown ◀───────────┘ ReadBack(my entry): Send, Execute
//! ```
//!
//! A worker decides a batch of messages in memory and appends **one** record with all that follows from it: the states,
//! the messages to send, the positions to go on from. It does not wait, the next batch builds on this one, but it *acts*
//! only on what it reads back and finds valid by the [`rule::Reader`]. So:
//!
//! * A batch happens whole or not at all, and exactly once: positions, states and outputs stand in one record.
//! * Of two instances that both believe they own a partition, only the last to claim writes valid records. What the other
//!   appends is void for every reader, itself included, and it says nothing that it has not read back as valid.
//! * A lost record in the middle (an append that failed while the next one landed) makes the rest void through `seq`.
//! * A message is said again only after a take-over, and then with the same id.
//!
//! The rule ([`rule`]), the owner's state machine ([`core`]) and the delivered mark are pure: no clock, no I/O. The same
//! code runs under Kafka ([``runtime::worker``]), in proptests and in a model checker that explores two instances, late
//! claims, crashes, failed and late appends (`model.rs`). It is the transactional outbox pattern with database and log
//! in one place, and the fencing of a log by epochs as in "Chain Replication" and BookKeeper's ledgers.

mod batch;
pub mod core;
pub mod handler;
#[cfg(test)]
mod model;
mod outbox;
#[cfg(test)]
mod proptests;
pub mod record;
pub mod rule;
#[cfg(test)]
mod spec;
mod timers;

pub use self::core::{Core, Env, Input, Limits, Output, Snapshot};
pub use handler::*;
pub use record::{Claim, Entry, Head, Positions, Record, Write};
pub use rule::{Reader, Verdict};
