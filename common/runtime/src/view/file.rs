//! The view's file: its place, its lock, and when it must be replaced. A view is never deleted before the journal has
//! rebuilt it.
//!
//! | file | what |
//! |---|---|
//! | `view.db` | the view |
//! | `view.replaced.db` | the former view, until `view.db` is complete |
//! | `view.other-log.db`, `view.other-log-2.db` … | views of other logs, which this journal can't rebuild |

mod aside;
mod unusable;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use journal::Reader;
use rusqlite::Connection;
use uuid::Uuid;

use self::unusable::{Unusable, unusable};
use super::connection::connect;

/// The names of the files, without their extensions.
const CURRENT: &str = "view";
const REPLACED: &str = "view.replaced";
const OTHER_LOG: &str = "view.other-log";

/// The tables that every service has.
const SCHEMA: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions(partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, claim INTEGER, nonce TEXT,
  next_seq INTEGER NOT NULL, delivered INTEGER NOT NULL, positions TEXT NOT NULL, last TEXT NOT NULL);
CREATE TABLE entities(partition INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, open INTEGER NOT NULL,
  wake INTEGER, acting INTEGER NOT NULL, PRIMARY KEY(key, partition)) WITHOUT ROWID;
CREATE INDEX waking_entities ON entities(partition, wake) WHERE wake IS NOT NULL;
CREATE INDEX acting_entities ON entities(partition) WHERE acting;
CREATE TABLE outbox(partition INTEGER NOT NULL, offset INTEGER NOT NULL, messages TEXT NOT NULL,
  PRIMARY KEY(partition, offset)) WITHOUT ROWID;
";

/// Another process uses the directory's view.
#[derive(Debug, thiserror::Error)]
#[error(
    "view.directory: {0} is in use by another instance. \
     Instances on one host need a view directory (and a port) each"
)]
pub struct InUse(String);

/// The file's progress in one partition, and the claim that identifies the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The partition.
    pub partition: i32,
    /// The next offset to apply.
    pub next_offset: i64,
    /// The last claim: its offset and nonce.
    pub claim: Option<(i64, Uuid)>,
    /// The reader's state after the last applied record.
    pub reader: Reader,
}

/// If a view can be built from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// The journal is whole.
    Possible,
    /// It is not, for this reason.
    Impossible(String),
}

/// An opened view file, locked for this process.
#[derive(Debug)]
pub struct ViewFile {
    path: PathBuf,
    rebuild: Rebuild,
    _lock: File,
}

impl ViewFile {
    /// Locks the directory and opens the file in it. Replaces a file that can't be used, if `rebuild` is possible.
    ///
    /// # Errors
    /// [`InUse`], a file that can't be used and can't be rebuilt, or an error of the file system or SQLite. Nothing is
    /// changed then.
    pub fn open(directory: &Path, own_schema: &str, cluster: &str, rebuild: Rebuild) -> anyhow::Result<Self> {
        let name = directory.display().to_string();
        fs::create_dir_all(directory).with_context(|| format!("view.directory: {name} can't be created"))?;
        let lock = File::create(directory.join("view.lock"))
            .with_context(|| format!("view.directory: {name} can't be written"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(InUse(name).into()),
            Err(TryLockError::Error(e)) => {
                return Err(e).with_context(|| format!("view.directory: {name} can't be locked"));
            }
        }
        let file = Self { path: directory.join("view.db"), rebuild, _lock: lock };
        let schema = format!("{SCHEMA}{own_schema}");
        if let Some(reason) = unusable(&file.path, &schema, cluster) {
            let replaced = file.path.with_file_name(format!("{REPLACED}.db"));
            if unusable(&replaced, &schema, cluster).is_none() {
                tracing::info!(view = %file.path.display(), "the view that was being replaced is used again");
                aside::remove(directory, CURRENT)?;
                aside::rename(directory, REPLACED, CURRENT)?;
            } else {
                file.replace(&reason, &schema, cluster)?;
            }
        }
        Ok(file)
    }

    /// Sets the file aside and creates an empty one.
    fn replace(&self, reason: &Unusable, schema: &str, cluster: &str) -> anyhow::Result<()> {
        let view = self.path.display();
        if let Rebuild::Impossible(why) = &self.rebuild {
            bail!(
                "the view {view} must be rebuilt from the journal ({reason}), but {why}. It is kept. {}",
                reason.remedy()
            );
        }
        if self.path.exists() {
            tracing::warn!(%view, "the view is rebuilt from the journal: {reason}");
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        if reason.is_of_another_log() {
            // This journal can't rebuild it.
            let name = free_name(directory);
            aside::rename(directory, CURRENT, &name)?;
            tracing::warn!("the former view is kept as {}", directory.join(format!("{name}.db")).display());
        } else if !directory.join(format!("{REPLACED}.db")).exists() {
            aside::rename(directory, CURRENT, REPLACED)?;
        }
        // What is left was being built when the process ended.
        aside::remove(directory, CURRENT)?;
        self.create(schema, cluster)
    }

    fn create(&self, schema: &str, cluster: &str) -> anyhow::Result<()> {
        let connection = self.connect(false).with_context(|| format!("{} can't be created", self.path.display()))?;
        connection.execute_batch(schema)?;
        let mut insert = connection.prepare("INSERT INTO meta(name, value) VALUES (?, ?)")?;
        insert.execute(("schema", schema))?;
        insert.execute(("cluster", cluster))?;
        Ok(())
    }

    /// Replaces the file, which is of another log, by an empty one of the same schema and cluster.
    ///
    /// # Errors
    /// If the journal can't rebuild it, or an error of the file system or SQLite.
    pub fn remake(&self, reason: &str) -> anyhow::Result<()> {
        let (schema, cluster): (String, String) = {
            let connection = self.connect(true)?;
            let meta =
                |name: &str| connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get(0));
            (meta("schema")?, meta("cluster")?)
        };
        self.replace(&Unusable::OtherLog(reason.to_owned()), &schema, &cluster)
    }

    /// Deletes the view that this one replaces, once this one is complete.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn discard_replaced(&self) -> anyhow::Result<()> {
        aside::remove(self.path.parent().unwrap_or(Path::new(".")), REPLACED)
    }

    /// A connection, for the one writer or for reading.
    ///
    /// # Errors
    /// SQLite's.
    pub fn connect(&self, read_only: bool) -> rusqlite::Result<Connection> {
        connect(&self.path, read_only)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its progress, partition by partition.
    ///
    /// # Errors
    /// SQLite's.
    pub fn identities(&self) -> rusqlite::Result<Vec<Identity>> {
        let connection = self.connect(true)?;
        let mut all = connection.prepare("SELECT partition, next_offset, claim, nonce, next_seq FROM partitions")?;
        let rows = all.query_map([], |row| {
            let offset: Option<i64> = row.get(2)?;
            let nonce: Option<String> = row.get(3)?;
            let claim = offset.zip(nonce.and_then(|n| Uuid::parse_str(&n).ok()));
            let mut reader = offset.map_or_else(Reader::default, Reader::after_claim);
            reader.next_seq = row.get::<_, i64>(4)?.cast_unsigned();
            Ok(Identity { partition: row.get(0)?, next_offset: row.get(1)?, claim, reader })
        })?;
        rows.collect()
    }
}

/// The name under which a view of another log is kept: none of an earlier one is taken.
fn free_name(directory: &Path) -> String {
    let mut name = OTHER_LOG.to_owned();
    let mut number = 1_u32;
    while directory.join(format!("{name}.db")).exists() {
        number += 1;
        name = format!("{OTHER_LOG}-{number}");
    }
    name
}

#[cfg(test)]
mod tests;
