//! The side effects that were requested and are still wanted.

use std::collections::BTreeMap;

use crate::entity::{Intent, Key};
use crate::interface::Output;

/// The ids of requested side effects, by entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Effects {
    requested: BTreeMap<Key, Vec<String>>,
}

impl Effects {
    /// Requests the intents of an entity's durable state that are new, and abandons those that it no longer has.
    pub(super) fn reconcile<A>(&mut self, key: &Key, intents: Vec<Intent<A>>, out: &mut Vec<Output<A>>) {
        let before = self.requested.remove(key).unwrap_or_default();
        let gone = before.iter().filter(|id| !intents.iter().any(|intent| intent.id == **id));
        out.extend(gone.cloned().map(Output::Abandon));
        let ids: Vec<String> = intents.iter().map(|intent| intent.id.clone()).collect();
        out.extend(intents.into_iter().filter(|intent| !before.contains(&intent.id)).map(Output::Execute));
        if !ids.is_empty() {
            self.requested.insert(key.clone(), ids);
        }
    }
}
