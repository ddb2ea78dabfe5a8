//! The orchestrator's table: what sagas are found by. Their states are in `entities`.

use common::view::{Row, Rows};
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use saga::Saga;
use uuid::Uuid;

use crate::conduct::{Kept, saga_key};

/// Writes a row per saga.
pub struct SagaRows;

impl Rows for SagaRows {
    type Entity = Kept;
    const SCHEMA: &'static str = "
CREATE TABLE sagas(started INTEGER NOT NULL, id TEXT NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL, step TEXT NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY(started, id)) WITHOUT ROWID;
CREATE INDEX sagas_by_status ON sagas(status, started);
";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Kept>) -> rusqlite::Result<()> {
        let Some(Kept::Saga(saga)) = row.state else { return Ok(()) };
        let steps: Vec<&str> = saga.current_steps().collect();
        tx.prepare_cached(
            "INSERT INTO sagas(started, id, definition, version, status, step, updated) VALUES (?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT(started, id) DO UPDATE SET status = excluded.status, step = excluded.step, updated = excluded.updated",
        )?
        .execute((
            saga.started.0,
            saga.id.to_string(),
            &saga.definition,
            saga.version,
            saga.status.as_str(),
            steps.join(", "),
            saga.updated.0,
        ))?;
        Ok(())
    }
}

/// A saga in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The name of its definition.
    pub definition: String,
    /// And the version.
    pub version: u32,
    /// Its status.
    pub status: String,
    /// The steps something is waited for, joined by commas.
    pub step: String,
    /// When it began, in milliseconds since the epoch.
    pub started: i64,
    /// When it last changed.
    pub updated: i64,
}

/// The newest sagas before a place in the list, newest first; all, or those of one status.
pub fn list(
    connection: &Connection,
    status: Option<&str>,
    before: Option<&(i64, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let (started, id) = before.map_or((i64::MAX, ""), |(started, id)| (*started, id.as_str()));
    let mut query = connection.prepare_cached(
        "SELECT id, definition, version, status, step, started, updated FROM sagas \
         WHERE (started, id) < (?1, ?2) AND (?3 IS NULL OR status = ?3) ORDER BY started DESC, id DESC LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map((started, id, status, limit), |row| {
        Ok(Listed {
            id: row.get(0)?,
            definition: row.get(1)?,
            version: row.get(2)?,
            status: row.get(3)?,
            step: row.get(4)?,
            started: row.get(5)?,
            updated: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// How many sagas there are of each status.
pub fn counts(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut query = connection.prepare_cached("SELECT status, count(*) FROM sagas GROUP BY status ORDER BY status")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// A saga's state as JSON.
pub fn state(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<String>> {
    let mut query = connection.prepare_cached("SELECT state FROM entities WHERE key = ?")?;
    query.query_row([saga_key(id)], |row| row.get(0)).optional()
}

/// Reads such a state.
pub fn saga(state: &str) -> serde_json::Result<Option<Saga>> {
    Ok(match serde_json::from_str(state)? {
        Kept::Saga(saga) => Some(*saga),
        Kept::Early { .. } => None,
    })
}
