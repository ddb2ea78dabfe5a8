//! A worker's reads from the view: the state of its partition at a claim, and single entities afterwards.

use std::marker::PhantomData;

use journal::{Entity, Key, Positions, Snapshot, Store, StoreError, record};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::de::DeserializeOwned;
use vocabulary::time::Timestamp;

use super::read::ViewError;

/// A worker's own connection to the view.
pub(crate) struct PartitionStore<E> {
    connection: Connection,
    partition: i32,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> PartitionStore<E> {
    pub(crate) fn new(connection: Connection, partition: i32) -> Self {
        Self { connection, partition, entity: PhantomData }
    }

    /// The partition as of the last applied record, read in one SQLite transaction. The caller adds the inputs' ends.
    /// Of open entities without intents only the timers are read, from an index: a million take seconds.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub(crate) fn snapshot(&mut self) -> Result<Snapshot<E>, StoreError> {
        self.read_snapshot().map_err(|error| match error {
            ViewError::State(reason) => {
                let key = format!("partition {}", self.partition);
                StoreError::Undecodable { key, reason: reason.to_string() }
            }
            ViewError::Sql(_) | ViewError::Stopping => StoreError::Unavailable(error.to_string()),
        })
    }

    fn read_snapshot(&mut self) -> Result<Snapshot<E>, ViewError> {
        let tx = self.connection.transaction()?;
        let mut snapshot = Snapshot::default();
        let progress: Option<(String, String, i64)> = tx
            .query_row(
                "SELECT positions, last, delivered FROM partitions WHERE partition = ?",
                [self.partition],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        if let Some((positions, last, delivered)) = progress {
            snapshot.positions = serde_json::from_str::<Positions>(&positions)?;
            snapshot.last = serde_json::from_str(&last)?;
            let mut unsent = tx.prepare_cached(
                "SELECT offset, messages FROM outbox WHERE partition = ? AND offset >= ? ORDER BY offset",
            )?;
            let mut rows = unsent.query([i64::from(self.partition), delivered])?;
            while let Some(row) = rows.next()? {
                snapshot.unsent.push((row.get(0)?, record::read_outbox(text(row, 1)?)?));
            }
        }
        let mut acting = tx.prepare_cached("SELECT key, state FROM entities WHERE partition = ? AND acting")?;
        let mut rows = acting.query([self.partition])?;
        while let Some(row) = rows.next()? {
            snapshot.open.push((row.get(0)?, serde_json::from_str(text(row, 1)?)?));
        }
        let mut waking = tx.prepare_cached(
            "SELECT key, wake FROM entities WHERE partition = ? AND wake IS NOT NULL AND NOT acting ORDER BY wake",
        )?;
        let mut rows = waking.query([self.partition])?;
        while let Some(row) = rows.next()? {
            snapshot.resting.push((row.get(0)?, Timestamp(row.get(1)?)));
        }
        Ok(snapshot)
    }
}

/// A text column, without copying it.
fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

impl<E: Entity> Store<E> for PartitionStore<E> {
    fn load(&self, key: &Key) -> Result<Option<E>, StoreError> {
        let text = || {
            let mut query =
                self.connection.prepare_cached("SELECT state FROM entities WHERE key = ? AND partition = ?")?;
            query.query_row((key, self.partition), |row| row.get::<_, String>(0)).optional()
        };
        text().map_err(unavailable)?.map(|text| decode(key, &text)).transpose()
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, StoreError> {
        let states = || {
            let mut query = self.connection.prepare_cached(
                "SELECT state FROM entities WHERE key >= ?1 AND key < ?1 || char(1114111) AND partition = ?2 \
                 ORDER BY key",
            )?;
            let rows = query.query_map((prefix, self.partition), |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let states = states().map_err(unavailable)?;
        states.into_iter().map(|text| decode(&format!("{prefix}…"), &text)).collect()
    }
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn decode<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Undecodable { key: key.to_owned(), reason: error.to_string() })
}
