//! The view: an embedded SQLite file per instance with the journal's present state, for every query and for workers
//! that take a partition over. The journal is the truth: a whole journal rebuilds a lost view.
//!
//! One thread writes it (`writer`): valid records, positions, outboxes not known to be delivered, the last claim and
//! the offset applied, all in one SQLite transaction per batch. So the file is at any time exactly the journal up to an
//! offset. States in between may be skipped: a row is a function of the entity's last state.

mod connection;
mod file;
mod read;
mod rows;
mod snapshot;
mod waiters;
mod writer;

pub use file::{Identity, InUse, Rebuild, ViewFile};
pub use read::{View, ViewError};
pub use rows::{Row, Rows};
pub(crate) use snapshot::PartitionStore;
pub(crate) use waiters::Waiters;
pub(crate) use writer::{Applied, Tailed, Writer};
