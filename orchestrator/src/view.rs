//! The orchestrator's table: what sagas are found by. Their states are in `entities`.

use common::view::{Row, Rows};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, ToSql, Transaction};
use saga::Saga;
use uuid::Uuid;

use crate::conduct::{Kept, saga_key};
use crate::filter::Filter;

/// Writes a row per saga.
pub struct SagaRows;

impl Rows for SagaRows {
    type Entity = Kept;
    const SCHEMA: &'static str = "
CREATE TABLE sagas(started INTEGER NOT NULL, id TEXT NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
  status TEXT NOT NULL, step TEXT NOT NULL, customer TEXT, waiting INTEGER, updated INTEGER NOT NULL,
  PRIMARY KEY(started, id)) WITHOUT ROWID;
CREATE INDEX sagas_by_status ON sagas(status, started);
CREATE INDEX sagas_by_customer ON sagas(customer, started) WHERE customer IS NOT NULL;
CREATE INDEX sagas_that_wait ON sagas(waiting) WHERE waiting IS NOT NULL;
CREATE TABLE definitions(name TEXT NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(name, version))
  WITHOUT ROWID;
CREATE TABLE rollouts(definition TEXT NOT NULL, partition INTEGER NOT NULL, version INTEGER NOT NULL,
  percent INTEGER NOT NULL, PRIMARY KEY(definition, partition)) WITHOUT ROWID;
";

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Kept>) -> rusqlite::Result<()> {
        match row.state {
            Some(Kept::Saga(saga)) => put_saga(tx, saga),
            Some(Kept::Definition(kept)) => {
                tx.prepare_cached("INSERT OR REPLACE INTO definitions(name, version, text) VALUES (?, ?, ?)")?
                    .execute((&kept.name, kept.version, &kept.text))?;
                Ok(())
            }
            Some(Kept::Rollout(rollout)) => {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO rollouts(definition, partition, version, percent) VALUES (?, ?, ?, ?)",
                )?
                .execute((&rollout.definition, row.partition, rollout.version, rollout.percent))?;
                Ok(())
            }
            Some(Kept::Early { .. }) | None => Ok(()),
        }
    }
}

fn put_saga(tx: &Transaction<'_>, saga: &Saga) -> rusqlite::Result<()> {
    let steps: Vec<&str> = saga.current_steps().collect();
    tx.prepare_cached(
        "INSERT INTO sagas(started, id, definition, version, status, step, customer, waiting, updated) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(started, id) DO UPDATE SET \
         status = excluded.status, step = excluded.step, waiting = excluded.waiting, updated = excluded.updated",
    )?
    .execute((
        saga.started.0,
        saga.id.to_string(),
        &saga.definition,
        saga.version,
        saga.status.as_str(),
        steps.join(", "),
        &saga.customer,
        saga.waiting_since().map(|at| at.0),
        saga.updated.0,
    ))?;
    Ok(())
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
    /// Whose it is, if that is known.
    pub customer: Option<String>,
    /// When the wait for the step began that is waited for longest, in milliseconds since the epoch.
    pub waiting: Option<i64>,
    /// When it began, in milliseconds since the epoch.
    pub started: i64,
    /// When it last changed.
    pub updated: i64,
}

/// The newest sagas that fit, before a place in the list, newest first.
pub fn list(
    connection: &Connection,
    filter: &Filter,
    before: Option<&(i64, String)>,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let (clauses, mut values) = filter.clauses();
    let (started, id) = before.map_or((i64::MAX, String::new()), Clone::clone);
    values.push(("started", Value::from(started)));
    values.push(("id", Value::from(id)));
    values.push(("limit", Value::from(i64::try_from(limit).unwrap_or(i64::MAX))));
    let mut query = connection.prepare_cached(&format!(
        "SELECT id, definition, version, status, step, customer, waiting, started, updated FROM sagas \
         WHERE (started, id) < (:started, :id){clauses} ORDER BY started DESC, id DESC LIMIT :limit"
    ))?;
    let names: Vec<String> = values.iter().map(|(name, _)| format!(":{name}")).collect();
    let named: Vec<(&str, &dyn ToSql)> =
        names.iter().map(String::as_str).zip(values.iter().map(|(_, value)| value as &dyn ToSql)).collect();
    let rows = query.query_map(named.as_slice(), |row| {
        Ok(Listed {
            id: row.get(0)?,
            definition: row.get(1)?,
            version: row.get(2)?,
            status: row.get(3)?,
            step: row.get(4)?,
            customer: row.get(5)?,
            waiting: row.get(6)?,
            started: row.get(7)?,
            updated: row.get(8)?,
        })
    })?;
    rows.collect()
}

/// The definitions that sagas of this journal began on: name, version, text.
pub fn definitions(connection: &Connection) -> rusqlite::Result<Vec<(String, u32, String)>> {
    let mut query = connection.prepare_cached("SELECT name, version, text FROM definitions ORDER BY name, version")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Of a definition, how many partitions have which rollout: version, percent, count.
pub fn rollouts(connection: &Connection, definition: &str) -> rusqlite::Result<Vec<(u32, u8, i64)>> {
    let mut query = connection.prepare_cached(
        "SELECT version, percent, count(*) FROM rollouts WHERE definition = ? GROUP BY version, percent",
    )?;
    let rows = query.query_map([definition], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
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
        Kept::Early { .. } | Kept::Definition(_) | Kept::Rollout(_) => None,
    })
}
