//! Definitions by name and version, to look up those of listed sagas.

use std::sync::Arc;

use saga::{AttemptLimit, Definition, call_for};

use crate::view::Listed;

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
