//! The definitions that operators deployed, by partition.

use rusqlite::{Connection, Transaction};

use super::audit;
use crate::entity::{DefinitionId, DeployedDefinition, Deployments};

/// Writes the deployed definitions of a partition.
pub(super) fn put(tx: &Transaction<'_>, partition: i32, deployments: &Deployments) -> rusqlite::Result<()> {
    if partition == 0 {
        audit::put_deployments(tx, &deployments.records)?;
    }
    tx.prepare_cached("DELETE FROM deployed WHERE partition = ?")?.execute([partition])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO deployed(name, version, partition, hash, revision, active) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for DeployedDefinition { id, hash, revision, is_active } in &deployments.definitions {
        let revision = i64::try_from(*revision).unwrap_or(i64::MAX);
        insert.execute((&id.name, id.version, partition, hash, revision, is_active))?;
    }
    Ok(())
}

/// The definitions on which new sagas of every partition start, of so many partitions, by name and version.
pub fn deployed(connection: &Connection, partitions: i32) -> rusqlite::Result<Vec<DefinitionId>> {
    let mut query = connection.prepare_cached(
        "SELECT name, version FROM deployed WHERE active = 1 GROUP BY name, version HAVING count(*) = ? \
         ORDER BY name, version",
    )?;
    let rows = query.query_map([partitions], |row| Ok(DefinitionId { name: row.get(0)?, version: row.get(1)? }))?;
    rows.collect()
}

/// A deployed definition on a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedRow {
    /// The partition.
    pub partition: i32,
    /// The hash of its text.
    pub hash: String,
    /// The number of the last request.
    pub revision: u64,
    /// True while new sagas start on it.
    pub is_active: bool,
}

/// A definition on the partitions that know it.
pub fn deployed_on(connection: &Connection, id: &DefinitionId) -> rusqlite::Result<Vec<DeployedRow>> {
    let mut query = connection
        .prepare_cached("SELECT partition, hash, revision, active FROM deployed WHERE name = ? AND version = ?")?;
    let rows = query.query_map((&id.name, id.version), |row| {
        let revision = row.get::<_, i64>(2)?.unsigned_abs();
        Ok(DeployedRow { partition: row.get(0)?, hash: row.get(1)?, revision, is_active: row.get(3)? })
    })?;
    rows.collect()
}
