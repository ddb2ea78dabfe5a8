//! Keeps real messages and states for the releases to come: with `RECORD_MESSAGES=DIR` a run of the scenarios writes a
//! few of each kind there, one file a topic. `tests/contract.rs` reads the kept ones with today's types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use common::journal::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{JOURNALS, messages};
use crate::files;
use crate::kafka::Lying;

/// Of each kind so many are kept.
const OF_EACH: usize = 2;

/// A message or a state, as it lay on its topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The message's type; of a state what its key begins with.
    pub kind: String,
    /// The message's key, or the state's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The message's headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What it says.
    pub value: Value,
}

impl Kept {
    /// What it is, and how it says that things stand: of each a few are kept.
    fn sort(&self) -> String {
        let told = ["outcome", "status", "action", "operation"];
        let told = told.iter().filter_map(|name| self.value.get(name).and_then(Value::as_str));
        told.fold(self.kind.clone(), |all, one| format!("{all} {one}"))
    }
}

/// Where the messages of earlier releases are, a directory each.
pub fn releases() -> PathBuf {
    files::root().join("tests/messages")
}

/// The kept messages of one release, by topic.
///
/// # Errors
/// A file that can't be read.
pub fn kept(release: &Path) -> Result<BTreeMap<String, Vec<Kept>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(release)? {
        let path = entry?.path();
        let topic = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&path)?;
        all.insert(topic, serde_json::from_str(&text).with_context(|| path.display().to_string())?);
    }
    Ok(all)
}

/// Keeps a few of what lies on a topic, where a directory is asked for.
///
/// # Errors
/// When a file can't be written.
pub fn keep(topic: &str, lying: &[Lying]) -> Result<()> {
    let Some(directory) = std::env::var_os("RECORD_MESSAGES").map(PathBuf::from) else { return Ok(()) };
    let found: Vec<Kept> = if JOURNALS.iter().any(|journal| journal.topic == topic) {
        lying.iter().filter_map(|record| Record::decode(&record.value).ok()).flat_map(states).collect()
    } else {
        lying.iter().filter_map(message).collect()
    };
    let file = files::root().join(directory).join(format!("{topic}.json"));
    let mut all: Vec<Kept> = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Vec::new(),
    };
    for one in found {
        if all.iter().filter(|known| known.sort() == one.sort()).count() < OF_EACH && !all.contains(&one) {
            all.push(one);
        }
    }
    all.sort_by_key(Kept::sort);
    if all.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(file.parent().context("a directory")?)?;
    Ok(std::fs::write(file, format!("{}\n", serde_json::to_string_pretty(&all)?))?)
}

/// A message that the contract knows.
fn message(lying: &Lying) -> Option<Kept> {
    let mut known = messages().filter(|entry| entry.topic == lying.topic);
    // Scenarios also say what nobody can read.
    let entry = known.find(|entry| entry.kind == lying.kind() && (entry.read)(&lying.value).is_ok())?;
    let kind = entry.kind;
    let key = lying.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
    let value = serde_json::from_slice(&lying.value).ok()?;
    Some(Kept { kind: kind.to_owned(), key, headers: lying.headers.clone(), value })
}

/// The states of a record. What they are is told by how their keys begin.
fn states(record: Record) -> Vec<Kept> {
    let Record::Entry(entry) = record else { return Vec::new() };
    let state = |write: common::journal::Write| {
        let key = write.key.to_string();
        let value: Value = serde_json::to_value(write.state?).ok()?;
        let kind = key.split('/').next().unwrap_or_default().to_owned();
        Some(Kept { kind, key: Some(key), headers: BTreeMap::new(), value })
    };
    entry.entities.into_iter().filter_map(state).collect()
}
