//! Where the states are that are not in memory.

use std::collections::BTreeMap;

use crate::entity::Key;
use crate::error::StoreError;

/// The durable states of a partition (the view).
pub trait Store<E> {
    /// Returns the entity's last durable state.
    ///
    /// # Errors
    /// [`StoreError`]; the worker then steps down.
    fn load(&self, key: &Key) -> Result<Option<E>, StoreError>;

    /// Returns the entities whose keys begin with `prefix`, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`]; the worker then steps down.
    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, StoreError>;
}

impl<E: Clone> Store<E> for BTreeMap<Key, E> {
    fn load(&self, key: &Key) -> Result<Option<E>, StoreError> {
        Ok(self.get(key).cloned())
    }

    fn with_prefix(&self, prefix: &str) -> Result<Vec<E>, StoreError> {
        let from = self.range(prefix.to_owned()..);
        Ok(from.take_while(|(key, _)| key.starts_with(prefix)).map(|(_, state)| state.clone()).collect())
    }
}
