//! The orchestrator's tables: the columns by which sagas are found. Their states are in `entities`.

mod audit;
mod deployed;
mod list;
mod search;
mod tasks;
pub mod webhooks;

use std::collections::BTreeMap;
use std::time::Duration;

use common::time::Timestamp;
use common::view::{Row, Rows};
use rusqlite::{Connection, OptionalExtension as _, Transaction, named_params};
use saga::{Action, Saga};
use uuid::Uuid;

pub use self::audit::{Act, ActCursor, ActFilter, acts, acts_below, sagas_below};
pub use self::deployed::{DeployedRow, deployed, deployed_on};
pub use self::list::{Cursor, Listed, ListedAttempt, count, is_text_search_cut, list};
use self::search::Terms;
pub use self::search::{Found, MAX_SEARCH, search};
pub use self::tasks::{MOST_COUNTED, TaskCursor, TaskFilter, TaskRow, open_tasks, task, tasks};
use crate::dead_letters::PutBack;
use crate::entity::webhooks::WebhookEntity;
use crate::entity::{Entity, StoredRollout, saga_key};
use crate::inspect::purchase::Purchase;
use crate::inspect::trouble::current_attempt;
use crate::stats;

/// Writes a row per saga.
pub struct SagaRows;

impl Rows for SagaRows {
    type Entity = Entity;
    const SCHEMA: &'static str = include_str!("view.sql");
    /// A saga changes six times within a few tens of milliseconds, and its pages are for people.
    const PACE: Duration = Duration::from_millis(100);

    fn apply(tx: &Transaction<'_>, row: &Row<'_, Entity>) -> rusqlite::Result<()> {
        match row.state {
            Some(Entity::Saga(saga)) => {
                put_saga(tx, saga, row.at.0)?;
                tasks::put(tx, saga)?;
                audit::put_operations(tx, saga)
            }
            Some(Entity::Definition(stored)) => {
                tx.prepare_cached("INSERT OR REPLACE INTO definitions(name, version, text) VALUES (?, ?, ?)")?
                    .execute((&stored.name, stored.version, &stored.text))?;
                Ok(())
            }
            Some(Entity::Rollout(StoredRollout { rollout, records, .. })) => {
                if row.partition == 0 {
                    audit::put_rollouts(tx, &rollout.definition, records)?;
                }
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO rollouts(definition, partition, version, percent) VALUES (?, ?, ?, ?)",
                )?
                .execute((&rollout.definition, row.partition, rollout.version, rollout.percent))?;
                Ok(())
            }
            Some(Entity::Letter(put_back)) => {
                audit::put_letter(tx, put_back)?;
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO letters(topic, partition, offset, by, why, source, at) \
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute((
                    &put_back.topic,
                    put_back.partition,
                    put_back.offset,
                    &put_back.by,
                    &put_back.why,
                    &put_back.from,
                    put_back.at.0,
                ))?;
                Ok(())
            }
            Some(Entity::Deployed(deployments)) => deployed::put(tx, row.partition, deployments),
            Some(Entity::Webhook(WebhookEntity::Index(index))) if row.partition == 0 => {
                audit::put_webhooks(tx, &index.records)
            }
            Some(Entity::Early { .. } | Entity::Webhook(_)) | None => Ok(()),
        }
    }
}

fn put_saga(tx: &Transaction<'_>, saga: &Saga, at: i64) -> rusqlite::Result<()> {
    let before = stats::before(tx, saga)?;
    let counted = stats::put(tx, saga, before.as_deref(), at)?;
    let steps: Vec<&str> = saga.current_steps().collect();
    let Terms { mail, tracking } = Terms::of(saga);
    let current = current_attempt(saga);
    let money = Purchase::money_of(saga);
    tx.prepare_cached(PUT_SAGA)?.execute(named_params! {
        ":started": saga.started.0,
        ":id": saga.id.to_string(),
        ":definition": saga.definition,
        ":version": saga.version,
        ":status": saga.status.as_str(),
        ":step": steps.join(", "),
        ":customer": saga.customer,
        ":waiting": saga.waiting_since().map(|at| at.0),
        ":updated": saga.updated.0,
        ":retrying": current.as_ref().is_some_and(|current| current.is_retrying),
        ":counted": counted,
        ":mail": mail,
        ":tracking": tracking,
        ":ending": saga.ending.as_ref().map(|ending| ending.status.as_str()),
        ":ending_reason": saga.ending.as_ref().and_then(|ending| ending.reason.as_deref()),
        ":attempt_step": current.as_ref().map(|current| current.step),
        ":attempt": current.as_ref().map(|current| current.number),
        ":undoing": current.as_ref().map(|current| current.action == Action::Compensate),
        ":error": current.as_ref().and_then(|current| current.error),
        ":amount": money.as_ref().map(|money| money.minor),
        ":currency": money.as_ref().map(|money| money.currency.as_str()),
    })?;
    Ok(())
}

/// Writes a row, or what may change of it.
const PUT_SAGA: &str = "INSERT INTO sagas(started, id, definition, version, status, step, customer, waiting, updated, \
    retrying, counted, mail, tracking, ending, ending_reason, attempt_step, attempt, undoing, error, amount, currency) \
    VALUES (:started, :id, :definition, :version, :status, :step, :customer, :waiting, :updated, :retrying, :counted, \
    :mail, :tracking, :ending, :ending_reason, :attempt_step, :attempt, :undoing, :error, :amount, :currency) \
    ON CONFLICT(started, id) DO UPDATE SET status = excluded.status, step = excluded.step, \
    waiting = excluded.waiting, updated = excluded.updated, retrying = excluded.retrying, counted = excluded.counted, \
    mail = excluded.mail, tracking = excluded.tracking, ending = excluded.ending, \
    ending_reason = excluded.ending_reason, attempt_step = excluded.attempt_step, attempt = excluded.attempt, \
    undoing = excluded.undoing, error = excluded.error, amount = excluded.amount, currency = excluded.currency";

/// A stored definition.
#[derive(Clone, Debug)]
pub struct DefinitionRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The text of its file.
    pub text: String,
}

/// The definitions that sagas of this journal started on.
pub fn definitions(connection: &Connection) -> rusqlite::Result<Vec<DefinitionRow>> {
    let mut query = connection.prepare_cached("SELECT name, version, text FROM definitions ORDER BY name, version")?;
    let rows =
        query.query_map([], |row| Ok(DefinitionRow { name: row.get(0)?, version: row.get(1)?, text: row.get(2)? }))?;
    rows.collect()
}

/// A rollout, and the number of partitions that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutRow {
    /// The version.
    pub version: u32,
    /// The share of new sagas that start on it, 0 to 100.
    pub percent: u8,
    /// The number of partitions.
    pub partitions: i64,
}

/// The rollouts of a definition.
pub fn rollouts(connection: &Connection, definition: &str) -> rusqlite::Result<Vec<RolloutRow>> {
    let mut query = connection.prepare_cached(
        "SELECT version, percent, count(*) FROM rollouts WHERE definition = ? GROUP BY version, percent",
    )?;
    let rows = query.query_map([definition], |row| {
        Ok(RolloutRow { version: row.get(0)?, percent: row.get(1)?, partitions: row.get(2)? })
    })?;
    rows.collect()
}

/// The dead letters of a topic that were put back.
pub fn put_back(connection: &Connection, topic: &str) -> rusqlite::Result<Vec<PutBack>> {
    let mut query = connection
        .prepare_cached("SELECT topic, partition, offset, by, why, source, at FROM letters WHERE topic = ?")?;
    let rows = query.query_map([topic], |row| {
        Ok(PutBack {
            topic: row.get(0)?,
            partition: row.get(1)?,
            offset: row.get(2)?,
            by: row.get(3)?,
            why: row.get(4)?,
            from: row.get(5)?,
            at: Timestamp(row.get(6)?),
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

/// The saga with an id; `None` without a saga that can be read.
pub fn readable_saga(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<Saga>> {
    Ok(state(connection, id)?.and_then(|text| saga(&text).ok().flatten()))
}

/// Parses such a state; `None` if it is not a saga's.
pub fn saga(state: &str) -> serde_json::Result<Option<Saga>> {
    serde_json::from_str(state).map(Entity::into_saga)
}

/// Views in memory, and the plans of queries.
#[cfg(test)]
pub(crate) mod testing {
    use rusqlite::params_from_iter;

    use super::*;

    /// A view without sagas.
    pub(crate) fn empty() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SagaRows::SCHEMA).unwrap();
        connection
    }

    /// The lines of the plan of a query, whose parameters may have any value.
    pub(crate) fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut query = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = params_from_iter(vec![1; query.parameter_count()]);
        query.query_map(values, |row| row.get(3)).unwrap().map(Result::unwrap).collect()
    }
}
