//! Connections to the view's file.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long SQLite waits for a lock; only a backup or an operator can hold one.
const BUSY: Duration = Duration::from_secs(10);

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
