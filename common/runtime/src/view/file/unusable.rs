//! Why a view's file can't be used.

use std::fmt;
use std::path::Path;

use crate::view::connection::connect;

/// Why a view's file can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Missing,
    OtherVersion,
    OtherCluster,
    /// It is of another log of the same cluster, for this reason.
    OtherLog(String),
    Broken,
}

impl Unusable {
    /// Returns true if this journal is not the one it was built from.
    pub(super) fn is_of_another_log(&self) -> bool {
        match self {
            Self::OtherCluster | Self::OtherLog(_) => true,
            Self::Missing | Self::OtherVersion | Self::Broken => false,
        }
    }

    /// What an operator can do if the journal can't rebuild it.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::OtherVersion => "Start the release that wrote it, which continues with it",
            Self::Missing | Self::Broken => {
                "Copy the view of another instance of the service, which must be stopped, or a backup of either"
            }
            Self::OtherCluster | Self::OtherLog(_) => "Check kafka.brokers and view.directory, or restore the journal",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no file"),
            Self::OtherVersion => f.write_str("its tables are of another version"),
            Self::OtherCluster => f.write_str("it is of another Kafka cluster"),
            Self::OtherLog(reason) => write!(f, "it is of another log: {reason}"),
            Self::Broken => f.write_str("it is incomplete, or not a database"),
        }
    }
}

/// Why the file at `path` can't be used; `None` if it can.
pub(super) fn unusable(path: &Path, schema: &str, cluster: &str) -> Option<Unusable> {
    if !path.exists() {
        return Some(Unusable::Missing);
    }
    let Ok(connection) = connect(path, true) else { return Some(Unusable::Broken) };
    let meta = |name: &str| {
        connection.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| row.get::<_, String>(0)).ok()
    };
    match (meta("schema"), meta("cluster")) {
        (Some(s), _) if s != schema => Some(Unusable::OtherVersion),
        (Some(_), Some(c)) if c == cluster => None,
        (Some(_), Some(_)) => Some(Unusable::OtherCluster),
        (None, _) | (_, None) => Some(Unusable::Broken),
    }
}
