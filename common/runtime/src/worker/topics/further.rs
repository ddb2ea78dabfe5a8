//! The inputs that the handler adds while the service runs, as the owners of the partitions read them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The further inputs of each owned partition, with their partition counts when it was claimed.
#[derive(Debug, Default)]
pub(crate) struct FurtherInputs(Mutex<BTreeMap<i32, BTreeMap<String, i32>>>);

impl FurtherInputs {
    /// Records the inputs that the owner of a partition reads, and their numbers of partitions.
    pub(crate) fn set(&self, partition: i32, counts: BTreeMap<String, i32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, counts);
    }

    /// The partition is not owned here any more.
    pub(crate) fn release(&self, partition: i32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
    }

    /// All, each with the smallest count that an owner knows.
    pub(super) fn all(&self) -> BTreeMap<String, i32> {
        let mut all = BTreeMap::<String, i32>::new();
        for (topic, count) in self.0.lock().unwrap_or_else(PoisonError::into_inner).values().flatten() {
            let known = all.entry(topic.clone()).or_insert(*count);
            *known = (*known).min(*count);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_count_of_the_owned_partitions_counts() {
        let further = FurtherInputs::default();
        let counts = |count| BTreeMap::from([("a".to_owned(), count)]);
        further.set(0, counts(2));
        further.set(1, counts(3));
        assert_eq!(further.all(), counts(2));
        further.set(0, BTreeMap::new());
        assert_eq!(further.all(), counts(3));
        further.release(1);
        assert_eq!(further.all(), BTreeMap::new());
    }
}
