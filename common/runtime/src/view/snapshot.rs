//! What a worker reads of the view: the state of its partition at a claim, and closed entities afterwards.

use std::marker::PhantomData;

use rusqlite::{Connection, OptionalExtension as _};

use journal::{Entity, Key, Positions, Snapshot, Store, record};
use vocabulary::time::Timestamp;

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

    /// The partition as of the last applied record, read in one SQLite transaction. The inputs' ends are the caller's. Of
    /// open entities without intents only their timers are taken, straight from an index: a million are read in seconds.
    pub(crate) fn snapshot(&mut self) -> anyhow::Result<Snapshot<E>> {
        let tx = self.connection.transaction()?;
        let mut snapshot = Snapshot::default();
        let positions: Option<(String, i64)> = tx
            .query_row("SELECT positions, delivered FROM partitions WHERE partition = ?", [self.partition], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if let Some((positions, delivered)) = positions {
            snapshot.positions = serde_json::from_str::<Positions>(&positions)?;
            let mut unsent = tx.prepare_cached(
                "SELECT offset, messages FROM outbox WHERE partition = ? AND offset >= ? ORDER BY offset",
            )?;
            let mut rows = unsent.query([i64::from(self.partition), delivered])?;
            while let Some(row) = rows.next()? {
                snapshot.unsent.push((row.get(0)?, record::read_outbox(row.get_ref(1)?.as_str()?)?));
            }
        }
        let mut acting = tx.prepare_cached("SELECT key, state FROM entities WHERE partition = ? AND acting")?;
        let mut rows = acting.query([self.partition])?;
        while let Some(row) = rows.next()? {
            snapshot.open.push((row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?)?));
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

impl<E: Entity> Store<E> for PartitionStore<E> {
    fn load(&self, key: &Key) -> Result<Option<E>, String> {
        let text = || {
            let mut query =
                self.connection.prepare_cached("SELECT state FROM entities WHERE key = ? AND partition = ?")?;
            query.query_row((key, self.partition), |row| row.get::<_, String>(0)).optional()
        };
        let text = text().map_err(|e| format!("the view can't be read: {e}"))?;
        text.map(|t| serde_json::from_str(&t)).transpose().map_err(|e| format!("the view's state of {key}: {e}"))
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, String> {
        let states = || {
            let mut query = self.connection.prepare_cached(
                "SELECT state FROM entities WHERE key >= ?1 AND key < ?1 || char(1114111) AND partition = ?2 ORDER BY key",
            )?;
            let rows = query.query_map((prefix, self.partition), |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let states = states().map_err(|e| format!("the view can't be read: {e}"))?;
        let read = |text: String| serde_json::from_str(&text).map_err(|e| format!("the view's {prefix}…: {e}"));
        states.into_iter().map(read).collect()
    }
}
