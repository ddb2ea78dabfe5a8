//! Moving and deleting a SQLite file together with its write-ahead log.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The files of a database. The log comes first: a database without it is an earlier state of itself, but a log without
/// its database would be applied to the next database of this name.
fn files(directory: &Path, name: &str) -> [PathBuf; 3] {
    ["db-wal", "db-shm", "db"].map(|extension| directory.join(format!("{name}.{extension}")))
}

/// Renames a database, if there is one.
pub(super) fn rename(directory: &Path, from: &str, to: &str) -> anyhow::Result<()> {
    for (from, to) in files(directory, from).iter().zip(files(directory, to)) {
        if from.exists() {
            fs::rename(from, &to).with_context(|| format!("{} can't be renamed", from.display()))?;
        }
    }
    Ok(())
}

/// Deletes a database, if there is one.
pub(super) fn remove(directory: &Path, name: &str) -> anyhow::Result<()> {
    for path in files(directory, name) {
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("{} can't be removed", path.display()))?;
        }
    }
    Ok(())
}
