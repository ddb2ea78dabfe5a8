//! The view's file: its place, its lock, and when it must be recreated.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use journal::Reader;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

/// How long SQLite waits for a lock; only a backup or an operator can hold one.
const BUSY: Duration = Duration::from_secs(10);

/// The tables that every service has.
const SCHEMA: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE partitions(partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, claim INTEGER, nonce TEXT,
  next_seq INTEGER NOT NULL, delivered INTEGER NOT NULL, positions TEXT NOT NULL);
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

/// An opened view file, locked for this process.
#[derive(Debug)]
pub struct ViewFile {
    path: PathBuf,
    _lock: File,
}

impl ViewFile {
    /// Locks the directory and opens the file in it. Recreates the file if it is of another schema or cluster, or can't
    /// be read.
    ///
    /// # Errors
    /// [`InUse`], or an error of the file system or SQLite.
    pub fn open(directory: &Path, own_schema: &str, cluster: &str) -> anyhow::Result<Self> {
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
        let file = Self { path: directory.join("view.db"), _lock: lock };
        let schema = format!("{SCHEMA}{own_schema}");
        if let Some(reason) = file.unusable(&schema, cluster) {
            if file.path.exists() {
                tracing::info!(view = %file.path.display(), reason, "the view is rebuilt from the journal");
            }
            file.make(&schema, cluster)?;
        }
        Ok(file)
    }

    /// Why the file can't be used.
    fn unusable(&self, schema: &str, cluster: &str) -> Option<&'static str> {
        if !self.path.exists() {
            return Some("there is no file");
        }
        let Ok(connection) = self.connect(true) else { return Some("it can't be opened") };
        let meta = |name: &str| {
            connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get::<_, String>(0)).ok()
        };
        match (meta("schema"), meta("cluster")) {
            (Some(s), _) if s != schema => Some("its tables are of another version"),
            (Some(_), Some(c)) if c == cluster => None,
            (Some(_), Some(_)) => Some("it is of another Kafka cluster"),
            (None, _) | (_, None) => Some("it is incomplete"),
        }
    }

    /// Replaces the file by an empty one.
    ///
    /// # Errors
    /// An error of the file system or SQLite.
    pub fn make(&self, schema: &str, cluster: &str) -> anyhow::Result<()> {
        for name in ["view.db", "view.db-wal", "view.db-shm"] {
            let path = self.path.with_file_name(name);
            if path.exists() {
                fs::remove_file(&path).with_context(|| format!("{} can't be removed", path.display()))?;
            }
        }
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
    /// As [`ViewFile::make`].
    pub fn remake(&self) -> anyhow::Result<()> {
        let (schema, cluster): (String, String) = {
            let connection = self.connect(true)?;
            let meta =
                |name: &str| connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get(0));
            (meta("schema")?, meta("cluster")?)
        };
        self.make(&schema, &cluster)
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

/// Opens a connection, in WAL mode: the file survives the death of the process; a power loss costs a rebuild at most.
pub(super) fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
    };
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    if read_only {
        connection.execute_batch("PRAGMA cache_size = -512")?;
    } else {
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; \
             PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;",
        )?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "CREATE TABLE x(a);";

    fn mark(file: &ViewFile) {
        file.connect(false).unwrap().execute("INSERT INTO x VALUES (1)", []).unwrap();
    }

    fn marked(file: &ViewFile) -> bool {
        file.connect(true).unwrap().query_row("SELECT count(*) FROM x", [], |r| r.get::<_, i64>(0)).unwrap() == 1
    }

    #[test]
    fn a_view_is_kept_and_rebuilt_when_it_is_of_another_schema_or_cluster_or_broken() {
        let dir = tempfile::tempdir().unwrap();
        let open = |schema: &str, cluster: &str| ViewFile::open(dir.path(), schema, cluster).unwrap();
        mark(&open(OWN, "a"));
        assert!(marked(&open(OWN, "a")), "kept");
        assert!(!marked(&open("CREATE TABLE x(a, b);", "a")), "another schema");
        mark(&open(OWN, "a"));
        assert!(!marked(&open(OWN, "b")), "another cluster");
        mark(&open(OWN, "b"));
        fs::write(dir.path().join("view.db"), "not a database").unwrap();
        assert!(!marked(&open(OWN, "b")), "broken");
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = ViewFile::open(dir.path(), OWN, "a").unwrap();
        let second = ViewFile::open(dir.path(), OWN, "a").unwrap_err();
        assert!(second.to_string().contains("is in use by another instance"), "{second}");
    }
}
