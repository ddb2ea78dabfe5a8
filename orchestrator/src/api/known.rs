//! Definitions by name and version, to look up those of listed sagas, and those parsed from stored texts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use saga::{AttemptLimit, Definition, call_for};

use crate::definitions::parse_stored;
use crate::view::{DefinitionRow, Listed};

/// A definition, and whether new sagas start on it.
#[derive(Clone, Debug)]
pub(crate) struct KnownDefinition {
    pub(crate) definition: Arc<Definition>,
    /// This instance has a file of it.
    pub(crate) has_file: bool,
    /// It is deployed on every partition.
    pub(crate) is_deployed: bool,
}

impl KnownDefinition {
    /// Returns true if new sagas can start on it.
    pub(crate) const fn is_active(&self) -> bool {
        self.has_file || self.is_deployed
    }
}

/// The stored definitions that were parsed, as many as the view has rows.
#[derive(Clone, Default)]
pub(super) struct ParsedDefinitions(Arc<Mutex<BTreeMap<(String, u32), Parsed>>>);

struct Parsed {
    text: String,
    /// `None` if this release cannot read the text.
    definition: Option<Arc<Definition>>,
}

impl ParsedDefinitions {
    /// The definition of a row, parsed once; `None` if this release cannot read it. A version that is deployed again
    /// may have a text with other comments.
    pub(super) fn of(&self, row: &DefinitionRow) -> Option<Arc<Definition>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (row.name.clone(), row.version);
        if let Some(parsed) = all.get(&key).filter(|parsed| parsed.text == row.text) {
            return parsed.definition.clone();
        }
        let definition = parse_stored(&row.name, row.version, &row.text).map(Arc::new);
        all.insert(key, Parsed { text: row.text.clone(), definition: definition.clone() });
        definition
    }
}

/// Definitions by name and version.
#[derive(Clone, Debug)]
pub(crate) struct KnownDefinitions(Vec<KnownDefinition>);

impl KnownDefinitions {
    /// These definitions.
    pub(super) const fn new(all: Vec<KnownDefinition>) -> Self {
        Self(all)
    }

    /// The definition of a file.
    #[cfg(test)]
    pub(crate) fn of_file(text: &str) -> Self {
        let definition = Arc::new(Definition::parse("test.toml", text).unwrap());
        Self(vec![KnownDefinition { definition, has_file: true, is_deployed: false }])
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Definition> {
        self.0.iter().map(|known| known.definition.as_ref())
    }

    /// The definition of a listed saga.
    pub(crate) fn of(&self, saga: &Listed) -> Option<&Definition> {
        self.named(&saga.definition, saga.version)
    }

    /// The definition of this name and version.
    pub(crate) fn named(&self, name: &str, version: u32) -> Option<&Definition> {
        self.all().find(|known| known.name == name && known.version == version)
    }

    /// The most attempts of the action that a listed saga waits for; `None` if it has no attempt or no limit.
    pub(crate) fn attempt_limit(&self, saga: &Listed) -> Option<u32> {
        let attempt = saga.attempt.as_ref()?;
        match call_for(self.of(saga)?, &attempt.step, attempt.action)?.retry.attempts {
            AttemptLimit::AtMost(most) => Some(most),
            AttemptLimit::Unlimited => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_text_is_parsed_once_and_another_text_replaces_it() {
        let parsed = ParsedDefinitions::default();
        let row = |text: String| DefinitionRow { name: "order".to_owned(), version: 1, text };
        let text = include_str!("../../sagas/order.toml");
        let first = parsed.of(&row(text.to_owned())).unwrap();
        let again = parsed.clone().of(&row(text.to_owned())).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "the state of each request has the same definitions");
        let commented = format!("{text}# Deployed again.\n");
        let other = parsed.of(&row(commented.clone())).unwrap();
        assert!(!Arc::ptr_eq(&first, &other) && other.source() == commented);
        assert!(Arc::ptr_eq(&other, &parsed.of(&row(commented)).unwrap()));
        assert!(parsed.of(&row("not a definition".to_owned())).is_none());
        assert_eq!(parsed.0.lock().unwrap().len(), 1);
    }
}
