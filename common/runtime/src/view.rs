//! The view: an embedded SQLite file per instance that holds what the journal says, for every query and for whoever
//! takes a partition over. It can be thrown away at any time; the journal is the truth.
//!
//! One thread writes it (`writer`): valid records, positions, outboxes not known to be delivered, the last claim and the
//! offset applied, all in one SQLite transaction per batch. So the file is at any time exactly the journal up to an
//! offset. States in between may be skipped: a row is a function of the entity's last state.

mod file;
mod read;
mod snapshot;
pub(crate) mod waiters;
mod writer;

use std::time::Duration;

use rusqlite::Transaction;

pub use file::{Identity, InUse, ViewFile};
pub use read::{View, ViewError};
pub(crate) use snapshot::PartitionStore;
pub(crate) use writer::{Applied, Tailed, Writer};

use journal::Entity;
use vocabulary::time::Timestamp;

/// How long SQLite waits for a lock before it gives up; only a backup or a curious person can hold one.
const BUSY: Duration = Duration::from_secs(10);

/// A service's own tables in the view.
pub trait Rows: Send + 'static {
    /// What the service keeps.
    type Entity: Entity;
    /// `CREATE TABLE …` for the service's tables. When this text changes, the view is rebuilt from the journal.
    const SCHEMA: &'static str;

    /// Writes the rows of one entity. They depend on its state alone, and states in between may have been skipped.
    ///
    /// # Errors
    /// As SQLite's; the process then ends, since a view that is not the journal is worse than none.
    fn apply(tx: &Transaction<'_>, row: &Row<'_, Self::Entity>) -> rusqlite::Result<()>;
}

/// An entity as the journal has it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, E> {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: &'a str,
    /// Its state; none when it was removed.
    pub state: Option<&'a E>,
    /// When the broker took the record (`LogAppendTime`).
    pub at: Timestamp,
}
