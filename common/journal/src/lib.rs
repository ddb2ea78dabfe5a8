//! The journal: one Kafka topic per service that is its history, its outbox and its database, and the protocol by which
//! several instances write it and always agree on its content.
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
//! the messages to send, the positions from which reading continues. It does not wait for the broker: the next batch
//! builds on this one. But it sends messages and executes side effects only for entries that it has read back and that
//! the [`rule::Reader`] finds valid. So:
//!
//! * A batch happens as a whole or not at all, and exactly once: one record holds positions, states and messages.
//! * Of two instances that both believe they own a partition, only the last to claim writes valid records. The other's
//!   records are void for every reader, itself included, and it sends nothing that it has not read back as valid.
//! * A record lost in the middle (a failed append before a successful one) makes the rest void through `seq`.
//! * A message is sent again only after a take-over, and then with the same id.
//!
//! The rule ([`rule`]), the owner's state machine ([`core`]) and the delivered mark are pure: no clock, no I/O. The
//! same code runs under Kafka (`runtime::worker`), in proptests and in a model checker that explores two instances,
//! late claims, crashes, failed and late appends (`model.rs`). It is the transactional outbox pattern with database and
//! log in one place, and the fencing of a log by epochs as in "Chain Replication" and BookKeeper's ledgers.
#![deny(missing_docs)]

mod cache;
pub mod core;
pub mod entity;
pub mod error;
pub mod handler;
pub mod interface;
mod limits;
mod memory;
#[cfg(test)]
mod model;
mod owner;
mod partition;
pub mod position;
#[cfg(test)]
mod proptests;
mod quarantine;
pub mod record;
mod replay;
pub mod rule;
#[cfg(test)]
mod spec;
pub mod store;
pub mod transaction;

pub use crate::core::Core;
pub use entity::{Entity, Intent, Key, NoSideEffect};
pub use error::{Failure, Refusal, Retry, StepDown, StoreError};
pub use handler::{Handler, Trigger, decide_checked};
pub use interface::{Env, Input, Output, Snapshot, Ticket, TracedTimer};
pub use limits::Limits;
pub use memory::Memory;
pub use position::{PositionFault, TopicRange};
pub use record::{
    Acceptance, Claim, Entry, Head, LastMessage, LastMessages, Positions, Record, Write, position_key,
    set_of_partition, split_position_key,
};
pub use replay::Replay;
pub use rule::{Reader, Verdict};
pub use store::Store;
pub use transaction::Transaction;
