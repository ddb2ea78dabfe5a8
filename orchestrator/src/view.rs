//! The orchestrator's table: what sagas are found by. Their states are in `entities`.

mod list;

use std::collections::BTreeMap;

use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use saga::{Saga, StepStatus};
use uuid::Uuid;

pub use self::list::{Listed, count, list};
use crate::conduct::{Kept, saga_key};
use crate::letters::PutBack;
use crate::stats;

/// Writes a row per saga.
pub struct SagaRows;

impl Rows for SagaRows {
    type Entity = Kept;
    const SCHEMA: &'static str = include_str!("view.sql");

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Kept>) -> rusqlite::Result<()> {
        match row.state {
            Some(Kept::Saga(saga)) => put_saga(tx, saga, row.at.0),
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
            Some(Kept::Letter(told)) => {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO letters(topic, partition, offset, by, why, at) VALUES (?, ?, ?, ?, ?, ?)",
                )?
                .execute((
                    &told.topic,
                    told.partition,
                    told.offset,
                    &told.by,
                    &told.why,
                    told.at.0,
                ))?;
                Ok(())
            }
            Some(Kept::Early { .. }) | None => Ok(()),
        }
    }
}

fn put_saga(tx: &Transaction<'_>, saga: &Saga, at: i64) -> rusqlite::Result<()> {
    let before = stats::before(tx, saga)?;
    let counted = stats::put(tx, saga, before.as_deref(), at)?;
    let steps: Vec<&str> = saga.current_steps().collect();
    tx.prepare_cached(
        "INSERT INTO sagas(started, id, definition, version, status, step, customer, waiting, retrying, \
         updated, counted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(started, id) DO UPDATE SET \
         status = excluded.status, step = excluded.step, waiting = excluded.waiting, \
         retrying = excluded.retrying, updated = excluded.updated, counted = excluded.counted",
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
        saga.current().any(|step| step.status == StepStatus::Retrying),
        saga.updated.0,
        counted,
    ))?;
    Ok(())
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

/// The dead letters of a topic that were put back.
pub fn put_back(connection: &Connection, topic: &str) -> rusqlite::Result<Vec<PutBack>> {
    let mut query =
        connection.prepare_cached("SELECT topic, partition, offset, by, why, at FROM letters WHERE topic = ?")?;
    let rows = query.query_map([topic], |row| {
        Ok(PutBack {
            topic: row.get(0)?,
            partition: row.get(1)?,
            offset: row.get(2)?,
            by: row.get(3)?,
            why: row.get(4)?,
            at: Timestamp(row.get(5)?),
        })
    })?;
    rows.collect()
}

/// How many dead letters of each topic were put back.
pub fn put_back_counts(connection: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut query = connection.prepare_cached("SELECT topic, count(*) FROM letters GROUP BY topic")?;
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
        Kept::Early { .. } | Kept::Definition(_) | Kept::Rollout(_) | Kept::Letter(_) => None,
    })
}
