//! A service's own tables in the view.

use std::time::Duration;

use journal::Entity;
use rusqlite::Transaction;
use vocabulary::time::Timestamp;

/// A service's own tables in the view.
pub trait Rows: Send + 'static {
    /// The service's state.
    type Entity: Entity;
    /// `CREATE TABLE …` for the service's tables. When this text changes, the view is rebuilt from the journal.
    const SCHEMA: &'static str;
    /// The least time between two transactions for which no request waits. In a longer time an entity that changes
    /// several times is written less often; queries see older data.
    const PACE: Duration = Duration::from_millis(20);

    /// Writes the rows of one entity. They depend on its state alone, and states in between may have been skipped.
    ///
    /// # Errors
    /// SQLite's; the process then ends, since a view that differs from the journal must not answer queries.
    fn apply(tx: &Transaction<'_>, row: &Row<'_, Self::Entity>) -> rusqlite::Result<()>;
}

/// An entity as the journal has it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, E> {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: &'a str,
    /// Its state; `None` if it was removed.
    pub state: Option<&'a E>,
    /// When the broker stored the record (`LogAppendTime`).
    pub at: Timestamp,
}
