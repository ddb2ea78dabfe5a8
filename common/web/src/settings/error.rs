//! Faults of settings, in sentences for the operator who starts the service.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde_json::Value;

use super::secret::is_secret;

/// Settings that prevent the start of the service.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of `--config` can't be read.
    #[error("the settings file {} can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Not TOML.
    #[error("{origin} is not valid TOML: {reason}")]
    Syntax {
        /// The file, or the built-in defaults.
        origin: String,
        /// Line, column and what was expected.
        reason: String,
    },
    /// The sources can't be merged.
    #[error("the settings can't be merged: {0}")]
    Merge(String),
    /// All unknown keys and invalid values.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
}

/// One invalid setting: `kafka.partitions = 0 (from order.toml): must be a whole number from 1 to 10000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its full dotted path.
    pub key: String,
    /// Its value as TOML; masked if it is a secret.
    pub value: String,
    /// The file or the environment variable that sets it.
    pub origin: String,
    /// The fault, and the allowed values.
    pub allowed: String,
}

impl Fault {
    pub(super) fn new(path: &[String], value: Option<&Value>, origin: &str, allowed: impl Into<String>) -> Self {
        let value = match value {
            Some(_) if is_secret(path.last().map_or("", String::as_str)) => "\"***\"".to_owned(),
            Some(value) => written(value),
            None => "(nothing)".to_owned(),
        };
        Self { key: dotted(path), value, origin: origin.to_owned(), allowed: allowed.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} (from {}): {}", self.key, self.value, self.origin, self.allowed)
    }
}

/// A path in TOML's notation: `kafka.client."security.protocol"`, `stock.items[0].name`.
pub(super) fn dotted(path: &[String]) -> String {
    let bare = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    path.iter().fold(String::new(), |all, segment| match segment {
        index if index.starts_with('[') => format!("{all}{index}"),
        segment => {
            let name = if bare(segment) { segment.clone() } else { format!("{segment:?}") };
            if all.is_empty() { name } else { format!("{all}.{name}") }
        }
    })
}

/// A value as inline TOML; cut if it is long.
fn written(value: &Value) -> String {
    let text = match value {
        Value::Object(table) => {
            let secret = |k: &str, v: &Value| if is_secret(k) { "\"***\"".to_owned() } else { written(v) };
            let pairs: Vec<_> = table.iter().map(|(k, v)| format!("{k} = {}", secret(k, v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    };
    if text.chars().count() <= 120 { text } else { format!("{}…", text.chars().take(119).collect::<String>()) }
}
