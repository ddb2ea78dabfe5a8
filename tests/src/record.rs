//! Records real messages and states for later releases: with `RECORD_MESSAGES=DIR` a run of the scenarios writes a few
//! of each kind there, one file per topic. `tests/contract.rs` reads the recorded messages with the current types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use common::journal::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{JOURNALS, messages as contract_messages};
use crate::files;
use crate::kafka::ConsumedMessage;

/// Recorded messages of each kind.
const PER_KIND: usize = 2;

/// A recorded message or entity state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedMessage {
    /// The message's type; for a state, the prefix of its key.
    pub kind: String,
    /// The message's key, or the state's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The message's headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The value as JSON.
    pub value: Value,
}

impl RecordedMessage {
    /// The kind with the fields that distinguish its variants.
    fn variant(&self) -> String {
        let fields = ["outcome", "status", "action", "operation"];
        let values = fields.iter().filter_map(|name| self.value.get(name).and_then(Value::as_str));
        values.fold(self.kind.clone(), |all, one| format!("{all} {one}"))
    }
}

/// The directory of recorded messages, with a directory for each release.
pub fn releases() -> PathBuf {
    files::root().join("tests/messages")
}

/// The recorded messages of one release, by topic.
///
/// # Errors
/// A file that can't be read.
pub fn read(release: &Path) -> Result<BTreeMap<String, Vec<RecordedMessage>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(release)? {
        let path = entry?.path();
        let topic = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&path)?;
        all.insert(topic, serde_json::from_str(&text).with_context(|| path.display().to_string())?);
    }
    Ok(all)
}

/// Records a few messages of a topic if `RECORD_MESSAGES` names a directory.
///
/// # Errors
/// When a file can't be written.
pub fn write(topic: &str, messages: &[ConsumedMessage]) -> Result<()> {
    let Some(directory) = std::env::var_os("RECORD_MESSAGES").map(PathBuf::from) else { return Ok(()) };
    let found: Vec<RecordedMessage> = if JOURNALS.iter().any(|journal| journal.topic == topic) {
        messages.iter().filter_map(|record| Record::decode(&record.value).ok()).flat_map(states).collect()
    } else {
        messages.iter().filter_map(message).collect()
    };
    let file = files::root().join(directory).join(format!("{topic}.json"));
    let mut all: Vec<RecordedMessage> = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Vec::new(),
    };
    for one in found {
        if all.iter().filter(|known| known.variant() == one.variant()).count() < PER_KIND && !all.contains(&one) {
            all.push(one);
        }
    }
    all.sort_by_key(RecordedMessage::variant);
    if all.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(file.parent().context("a directory")?)?;
    Ok(std::fs::write(file, format!("{}\n", serde_json::to_string_pretty(&all)?))?)
}

/// The recorded form of a message that the contract has.
fn message(consumed: &ConsumedMessage) -> Option<RecordedMessage> {
    let mut known = contract_messages().filter(|entry| entry.topic == consumed.topic);
    // Scenarios also publish unreadable messages.
    let entry = known.find(|entry| entry.kind == consumed.kind() && (entry.read)(&consumed.value).is_ok())?;
    let kind = entry.kind;
    let key = consumed.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
    let value = serde_json::from_slice(&consumed.value).ok()?;
    Some(RecordedMessage { kind: kind.to_owned(), key, headers: consumed.headers.clone(), value })
}

/// The entity states of a journal record. The prefix of the key is the kind.
fn states(record: Record) -> Vec<RecordedMessage> {
    let Record::Entry(entry) = record else { return Vec::new() };
    let state = |write: common::journal::Write| {
        let key = write.key.to_string();
        let value: Value = serde_json::to_value(write.state?).ok()?;
        let kind = key.split('/').next().unwrap_or_default().to_owned();
        Some(RecordedMessage { kind, key: Some(key), headers: BTreeMap::new(), value })
    };
    entry.entities.into_iter().filter_map(state).collect()
}
