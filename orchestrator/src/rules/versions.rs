//! The definitions that sagas run on: those of the files, those deployed by operators, and those only the journal still
//! has. Each is stored in the journal when it is first used, so that a saga can go on after its file is removed, and a
//! changed file cannot change running sagas.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use common::journal::{Store, StoreError, Transaction};
use saga::{Definition, Receive};
use similar::TextDiff;

use crate::definitions::Definitions;
use crate::entity::{
    DEFINITIONS, DEPLOYED, DefinitionId, DeployedDefinition, Deployments, Entity, StoredDefinition, definition_key,
};

/// The definitions of a partition.
pub struct Active<'v> {
    /// Those on which new sagas start.
    pub startable: Cow<'v, Definitions>,
    /// These and those that were deployed: their sagas may run, and their start topics are read.
    pub read: Cow<'v, Definitions>,
}

/// All known definitions.
pub struct Versions {
    known: Definitions,
    /// Definitions from the journal, by name and version; a stored definition never changes.
    stored: RwLock<BTreeMap<(String, u32), Arc<Definition>>>,
    /// The `receive` parts of all definitions by topic, those of the files first; looked up for every message.
    receives: RwLock<BTreeMap<String, Arc<[Receive]>>>,
}

impl Versions {
    pub fn new(known: Definitions) -> Self {
        let versions = Self { known, stored: RwLock::default(), receives: RwLock::default() };
        versions.index_receives();
        versions
    }

    fn index_receives(&self) {
        let stored = self.stored.read().unwrap_or_else(PoisonError::into_inner);
        let mut by_topic = BTreeMap::<String, Vec<Receive>>::new();
        for receive in self.known.all().chain(stored.values().map(AsRef::as_ref)).flat_map(Definition::receives) {
            by_topic.entry(receive.topic.clone()).or_default().push(receive.clone());
        }
        *self.receives.write().unwrap_or_else(PoisonError::into_inner) =
            by_topic.into_iter().map(|(topic, receives)| (topic, receives.into())).collect();
    }

    pub const fn known(&self) -> &Definitions {
        &self.known
    }

    /// The definitions of this partition: those of the files, and those deployed.
    pub fn active(&self, tx: &mut Transaction<'_, Entity>) -> Active<'_> {
        let known = || Active { startable: Cow::Borrowed(&self.known), read: Cow::Borrowed(&self.known) };
        let Some(Entity::Deployed(deployed)) = tx.get(DEPLOYED) else { return known() };
        if deployed.definitions.is_empty() {
            return known();
        }
        let mut startable = Vec::new();
        let mut read = Vec::new();
        for DeployedDefinition { id, is_active, .. } in deployed.definitions.clone() {
            let Some(definition) = self.find_stored(tx, &id.name, id.version) else { continue };
            startable.extend(is_active.then(|| definition.clone()));
            read.push(definition);
        }
        Active { startable: Cow::Owned(self.known.with(startable)), read: Cow::Owned(self.known.with(read)) }
    }

    /// Stores a definition that is deployed.
    pub fn deploy(&self, tx: &mut Transaction<'_, Entity>, definition: Arc<Definition>) {
        tx.put(definition_key(&definition.name, definition.version), Entity::Definition(stored_form(&definition)));
        let key = (definition.name.clone(), definition.version);
        self.stored.write().unwrap_or_else(PoisonError::into_inner).insert(key, definition);
        self.index_receives();
    }

    /// The error if another text of this definition is stored.
    pub fn conflict(&self, tx: &mut Transaction<'_, Entity>, definition: &Definition) -> Option<String> {
        let stored = tx.get(&definition_key(&definition.name, definition.version)).and_then(Entity::definition);
        stored.and_then(|stored| changed(stored, definition))
    }

    /// Stores every new definition; refuses the claim, which ends the process, if one has changed, or does not fit
    /// those that are deployed.
    pub fn store(&self, tx: &mut Transaction<'_, Entity>) {
        if tx.get(DEPLOYED).is_none() {
            // Looked up for every message: an absent entity would be searched for in the view each time.
            tx.put(DEPLOYED, Entity::Deployed(Deployments::default()));
        }
        let problems = self.active(tx).startable.conflicting();
        if !problems.is_empty() {
            let problems = problems.join("; ");
            return tx.refuse(format!("the definitions of the files do not fit the deployed ones: {problems}"));
        }
        for definition in self.known.all() {
            let key = definition_key(&definition.name, definition.version);
            match tx.get(&key).and_then(Entity::definition) {
                Some(stored) => {
                    if let Some(why) = changed(stored, definition) {
                        return tx.refuse(why);
                    }
                }
                None => tx.put(key, Entity::Definition(stored_form(definition))),
            }
        }
    }

    /// The definition of the saga with this key, if there is such a saga.
    pub fn of(&self, tx: &mut Transaction<'_, Entity>, key: &str) -> Option<Arc<Definition>> {
        let saga = tx.get(key)?.saga()?;
        match self.known.of(&saga.definition, saga.version) {
            Some(definition) => Some(definition.clone()),
            None => {
                let name = saga.definition.clone();
                let version = saga.version;
                self.find_stored(tx, &name, version)
            }
        }
    }

    /// Loads the definitions that only the journal has. Returns the topics on which their sagas wait, and the
    /// start topics of those that were deployed.
    pub fn load(&self, store: &dyn Store<Entity>) -> Result<BTreeSet<String>, StoreError> {
        let mut topics = BTreeSet::new();
        let deployed = match store.load(&DEPLOYED.to_owned())? {
            Some(Entity::Deployed(deployed)) => deployed,
            Some(_) | None => Deployments::default(),
        };
        for entity in store.with_prefix(DEFINITIONS)? {
            let Entity::Definition(stored) = entity else { continue };
            if self.known.of(&stored.name, stored.version).is_some() {
                continue;
            }
            let Some(definition) = stored.parse().map(Arc::new) else { continue };
            topics.extend(definition.receives().map(|receive| receive.topic.clone()));
            let id = DefinitionId { name: stored.name.clone(), version: stored.version };
            topics.extend(deployed.find(&id).map(|_| definition.start.topic.clone()));
            self.stored
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((stored.name, stored.version), definition);
        }
        self.index_receives();
        Ok(topics)
    }

    /// Returns true if a definition reads a topic.
    pub fn reads(&self, tx: &mut Transaction<'_, Entity>, topic: &str) -> bool {
        self.receives(topic).is_some() || self.active(tx).read.all().any(|known| known.start.topic == topic)
    }

    /// The `receive` parts on a topic.
    pub fn receives(&self, topic: &str) -> Option<Arc<[Receive]>> {
        self.receives.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }

    /// A definition without a file.
    fn find_stored(&self, tx: &mut Transaction<'_, Entity>, name: &str, version: u32) -> Option<Arc<Definition>> {
        let key = (name.to_owned(), version);
        if let Some(known) = self.stored.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(known.clone());
        }
        let Some(Entity::Definition(stored)) = tx.get(&definition_key(name, version)) else { return None };
        let definition = Arc::new(stored.parse()?);
        self.stored.write().unwrap_or_else(PoisonError::into_inner).insert(key, definition.clone());
        Some(definition)
    }
}

fn stored_form(definition: &Definition) -> StoredDefinition {
    StoredDefinition {
        name: definition.name.clone(),
        version: definition.version,
        hash: definition.hash().to_owned(),
        text: definition.source().to_owned(),
    }
}

/// The error if a definition has changed. Both texts are parsed by this release before they are compared: a release
/// that reads more keys of a definition does not change it.
fn changed(stored: &StoredDefinition, now: &Definition) -> Option<String> {
    if stored.text == now.source() {
        return None;
    }
    let then = stored.parse();
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
        "{name} version {version} has changed since sagas started on it; add the change as version = {next} in its own \
         file, or revert it:\n{diff}",
        name = now.name,
        version = now.version,
        next = now.version.saturating_add(1),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_definition_is_reported_with_a_diff() {
        let text = include_str!("../../sagas/order.toml");
        let then = Definition::parse("then", text).unwrap();
        let stored = stored_form(&then);
        let commented = format!("# a comment\n{text}");
        assert_eq!(changed(&stored, &Definition::parse("now", &commented).unwrap()), None);
        let now = text.replacen("timeout = \"10s\"", "timeout = \"20s\"", 1);
        let error = changed(&stored, &Definition::parse("now", &now).unwrap()).unwrap();
        assert!(error.contains("order version 8 has changed"), "{error}");
        assert!(error.contains("-        \"timeout\": \"10s\"\n+        \"timeout\": \"20s\""), "{error}");
        let stored = StoredDefinition { text: "nonsense".to_owned(), ..stored };
        assert!(changed(&stored, &Definition::parse("now", &now).unwrap()).unwrap().contains("-nonsense"));
    }
}
