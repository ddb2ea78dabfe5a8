//! Which definition a saga runs on. Every definition is kept in the journal when it is first seen, so that a saga can go on
//! when its file is gone, and so that nobody changes what running sagas do by changing a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use common::journal::{Key, Store, StoreError, Transaction};
use common::messages::Unreadable;
use saga::{Definition, Receive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use uuid::Uuid;

use super::Kept;
use crate::definitions::Definitions;

/// `ce_type` of another rollout; one message for each partition.
pub const ROLLOUT_SET: &str = "rollout.set";

/// A definition as it was when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Its canonical hash then.
    pub hash: String,
    /// The text of its file.
    pub text: String,
}

/// New sagas begin on `version` for this percentage of ids, the others on the newest of the other versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rollout {
    /// Of which definition.
    pub definition: String,
    /// The version.
    pub version: u32,
    /// 0 to 100.
    pub percent: u8,
}

/// `rollout.set`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetRollout {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// What.
    #[serde(flatten)]
    pub rollout: Rollout,
}

/// The key of a stored definition.
pub fn definition_key(name: &str, version: u32) -> Key {
    format!("{DEFINITIONS}{name}/{version}")
}

/// What the keys of stored definitions begin with.
const DEFINITIONS: &str = "definition/";

/// The key of a definition's rollout.
pub fn rollout_key(name: &str) -> Key {
    format!("rollout/{name}")
}

/// Definitions from files, and those that only the journal still has.
pub(super) struct Versions {
    known: Definitions,
    /// Read from the journal once; what is there never changes.
    read: RwLock<BTreeMap<(String, u32), Arc<Definition>>>,
    /// The waits of all of them by topic, those of files first: each message on another topic asks.
    receives: RwLock<BTreeMap<String, Arc<[Receive]>>>,
}

impl Versions {
    pub(super) fn new(known: Definitions) -> Self {
        let versions = Self { known, read: RwLock::default(), receives: RwLock::default() };
        versions.gather();
        versions
    }

    fn gather(&self) {
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        let mut by_topic = BTreeMap::<String, Vec<Receive>>::new();
        for receive in self.known.all().chain(read.values().map(AsRef::as_ref)).flat_map(Definition::receives) {
            by_topic.entry(receive.topic.clone()).or_default().push(receive.clone());
        }
        *self.receives.write().unwrap_or_else(PoisonError::into_inner) =
            by_topic.into_iter().map(|(topic, receives)| (topic, receives.into())).collect();
    }

    pub(super) const fn known(&self) -> &Definitions {
        &self.known
    }

    /// Keeps every definition that is new here; one that is not what it was ends the process.
    pub(super) fn store(&self, tx: &mut Transaction<'_, Kept>) {
        for definition in self.known.all() {
            let key = definition_key(&definition.name, definition.version);
            match tx.get(&key) {
                Some(Kept::Definition(stored)) => {
                    if let Some(why) = changed(stored, definition) {
                        return tx.refuse(why);
                    }
                }
                Some(Kept::Saga(_) | Kept::Early { .. } | Kept::Rollout(_) | Kept::Letter(_)) | None => {
                    let (name, version, hash) = (definition.name.clone(), definition.version, definition.hash());
                    let text = definition.source().to_owned();
                    tx.put(key, Kept::Definition(Stored { name, version, hash: hash.to_owned(), text }));
                }
            }
        }
    }

    /// The definition that the saga of this key began with, if there is such a saga.
    pub(super) fn of(&self, tx: &mut Transaction<'_, Kept>, key: &str) -> Option<Arc<Definition>> {
        let saga = tx.get(key)?.saga()?;
        match self.known.of(&saga.definition, saga.version) {
            Some(definition) => Some(definition.clone()),
            None => {
                let (name, version) = (saga.definition.clone(), saga.version);
                self.stored(tx, &name, version)
            }
        }
    }

    /// Reads what only the journal has, and says on which topics those sagas wait.
    pub(super) fn remember(&self, kept: &dyn Store<Kept>) -> Result<BTreeSet<String>, StoreError> {
        let mut topics = BTreeSet::new();
        for kept in kept.with_prefix(DEFINITIONS)? {
            let Kept::Definition(stored) = kept else { continue };
            if self.known.of(&stored.name, stored.version).is_some() {
                continue;
            }
            let Some(definition) = stored.read().map(Arc::new) else { continue };
            topics.extend(definition.receives().map(|receive| receive.topic.clone()));
            self.read.write().unwrap_or_else(PoisonError::into_inner).insert((stored.name, stored.version), definition);
        }
        self.gather();
        Ok(topics)
    }

    /// The waits on a topic.
    pub(super) fn receives(&self, topic: &str) -> Option<Arc<[Receive]>> {
        self.receives.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }

    /// One whose file is gone.
    fn stored(&self, tx: &mut Transaction<'_, Kept>, name: &str, version: u32) -> Option<Arc<Definition>> {
        let key = (name.to_owned(), version);
        if let Some(read) = self.read.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(read.clone());
        }
        let Some(Kept::Definition(stored)) = tx.get(&definition_key(name, version)) else { return None };
        let definition = Arc::new(stored.read()?);
        self.read.write().unwrap_or_else(PoisonError::into_inner).insert(key, definition.clone());
        Some(definition)
    }
}

impl Stored {
    /// The definition. `None`: it is written in a way that is not understood any more.
    pub fn read(&self) -> Option<Definition> {
        let place = format!("{} version {} in the journal", self.name, self.version);
        match Definition::parse(&place, &self.text) {
            Ok(definition) => Some(definition),
            Err(errors) => {
                for error in errors {
                    tracing::error!("{error}");
                }
                None
            }
        }
    }
}

/// What changed, where a definition is not what it was. Compared is what the texts mean now: a release that reads more out
/// of a definition changes nothing about it.
fn changed(stored: &Stored, now: &Definition) -> Option<String> {
    let then = stored.read();
    if then.as_ref().map_or(stored.hash.as_str(), Definition::hash) == now.hash() {
        return None;
    }
    let canonical = |definition: &Definition| serde_json::to_string_pretty(definition).unwrap_or_default();
    let (old, new) = match &then {
        Some(then) => (canonical(then), canonical(now)),
        None => (stored.text.clone(), now.source().to_owned()),
    };
    let diff = TextDiff::from_lines(&old, &new).unified_diff().context_radius(2).header("then", "now").to_string();
    Some(format!(
        "{name} version {version} is not what it was when sagas began on it; write version = {next} for what changed, \
         beside the old file, or take the change back:\n{diff}",
        name = now.name,
        version = now.version,
        next = now.version.saturating_add(1),
    ))
}

/// The definition that a new saga begins on, of several versions, the newest first.
pub(super) fn choose(tx: &mut Transaction<'_, Kept>, begun: &[&Arc<Definition>], id: Uuid) -> Option<Arc<Definition>> {
    let newest = begun.first()?;
    if begun.len() == 1 {
        return Some(Arc::clone(newest));
    }
    let Some(Kept::Rollout(rollout)) = tx.get(&rollout_key(&newest.name)) else { return Some(Arc::clone(newest)) };
    let Some(rolled) = begun.iter().find(|definition| definition.version == rollout.version) else {
        return Some(Arc::clone(newest));
    };
    let other = begun.iter().find(|definition| definition.version != rollout.version)?;
    Some(Arc::clone(if share(id) < rollout.percent { rolled } else { other }))
}

/// The hundredth that an id is in: UUIDv5 of the id, so that any kind of id is spread evenly.
fn share(id: Uuid) -> u8 {
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).as_u64_pair().1;
    u8::try_from(hash % 100).unwrap_or(0)
}

/// Sets another rollout on this partition.
pub(super) fn set_rollout(
    tx: &mut Transaction<'_, Kept>,
    definitions: &Definitions,
    set: SetRollout,
) -> Result<(), Unreadable> {
    let SetRollout { by, why, rollout } = set;
    let (name, version, percent) = (rollout.definition.clone(), rollout.version, rollout.percent);
    if percent > 100 {
        return Err(Unreadable::Malformed(format!("percent is {percent}: it must be from 0 to 100")));
    }
    if definitions.of(&name, version).is_none() {
        return Err(Unreadable::Malformed(format!("there is no definition {name} version {version}")));
    }
    tracing::info!(definition = name, version, percent, by, why, "rollout");
    tx.put(rollout_key(&name), Kept::Rollout(rollout));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_ids_is_a_tenth() {
        let below = |percent: u8| (0..20_000_u128).filter(|n| share(Uuid::from_u128(*n)) < percent).count();
        assert!((1_800..2_200).contains(&below(10)), "{}", below(10));
        assert_eq!((below(0), below(100)), (0, 20_000));
    }

    #[test]
    fn what_changed_is_shown() {
        let text = include_str!("../../sagas/order.toml");
        let then = Definition::parse("then", text).unwrap();
        let (name, version, hash) = (then.name.clone(), then.version, then.hash().to_owned());
        let stored = Stored { name, version, hash, text: text.to_owned() };
        let commented = format!("# said again\n{text}");
        assert_eq!(changed(&stored, &Definition::parse("now", &commented).unwrap()), None);
        let now = text.replacen("timeout = \"10s\"", "timeout = \"20s\"", 1);
        let told = changed(&stored, &Definition::parse("now", &now).unwrap()).unwrap();
        assert!(told.contains("order version 3 is not what it was"), "{told}");
        assert!(told.contains("-        \"timeout\": \"10s\"\n+        \"timeout\": \"20s\""), "{told}");
        let stored = Stored { text: "nonsense".to_owned(), ..stored };
        assert!(changed(&stored, &Definition::parse("now", &now).unwrap()).unwrap().contains("-nonsense"));
    }
}
