//! How many messages of the inputs wait for a decision, as far as it is known without a request to the broker: the ends
//! come from the statistics of the consumers, the positions from the workers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use journal::{Positions, split_position_key};
use rdkafka::Statistics;

/// A partition of an input.
type Source = (String, i32);

/// What is known of one partition of an input.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The first and the next offset of the topic.
    range: Option<(i64, i64)>,
    /// The next offset to decide.
    position: Option<i64>,
}

/// What is known of all inputs.
#[derive(Debug, Default)]
struct Inputs {
    sources: BTreeMap<Source, Known>,
    /// The partitions that this instance owns. A consumer's last statistics may come after its claim.
    owned: BTreeSet<i32>,
}

/// The inputs of the partitions that this instance owns.
#[derive(Debug)]
pub(super) struct InputLag {
    partitions: i32,
    known: Mutex<Inputs>,
}

impl InputLag {
    pub(super) fn new(partitions: i32) -> Self {
        Self { partitions, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Inputs> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the positions of a partition's owner.
    pub(super) fn set_positions(&self, partition: i32, positions: &Positions) {
        let mut known = self.known();
        known.owned.insert(partition);
        for (key, next) in positions {
            let (topic, number) = split_position_key(key, partition);
            known.sources.entry((topic.to_owned(), number)).or_default().position = Some(*next);
        }
    }

    /// Records the ends that a consumer of the inputs knows.
    pub(super) fn set_ends(&self, statistics: &Statistics) {
        let mut known = self.known();
        for (name, topic) in &statistics.topics {
            for (number, partition) in &topic.partitions {
                // Unknown offsets are negative.
                if *number >= 0 && partition.lo_offset >= 0 && partition.hi_offset >= 0 {
                    let range = Some((partition.lo_offset, partition.hi_offset));
                    known.sources.entry((name.clone(), *number)).or_default().range = range;
                }
            }
        }
    }

    /// The partition is no longer owned.
    pub(super) fn release(&self, partition: i32) {
        let mut known = self.known();
        known.owned.remove(&partition);
        known.sources.retain(|(_, number), _| number.checked_rem(self.partitions) != Some(partition));
    }

    /// The messages that wait, by topic.
    pub(super) fn by_topic(&self) -> BTreeMap<String, i64> {
        let mut lag: BTreeMap<String, i64> = BTreeMap::new();
        let known = self.known();
        let is_owned = |number: i32| number.checked_rem(self.partitions).is_some_and(|of| known.owned.contains(&of));
        for ((topic, _), known) in known.sources.iter().filter(|((_, number), _)| is_owned(*number)) {
            let Some((low, high)) = known.range else { continue };
            let position = known.position.unwrap_or(low).max(low);
            *lag.entry(topic.clone()).or_default() += high.saturating_sub(position).max(0);
        }
        lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(topic: &str, partition: i32, low: i64, high: i64) -> Statistics {
        let mut statistics = Statistics::default();
        let known = rdkafka::statistics::Partition { lo_offset: low, hi_offset: high, ..Default::default() };
        statistics.topics.entry(topic.to_owned()).or_default().partitions.insert(partition, known);
        statistics
    }

    #[test]
    fn the_lag_is_what_lies_behind_the_positions_of_owned_partitions() {
        let lag = InputLag::new(2);
        lag.set_ends(&statistics("in", 0, 5, 12));
        assert_eq!(lag.by_topic(), BTreeMap::new(), "not owned yet");
        lag.set_positions(0, &Positions::new());
        assert_eq!(lag.by_topic(), BTreeMap::from([("in".to_owned(), 7)]), "a topic that was never read");
        lag.set_positions(0, &Positions::from([("in".to_owned(), 10)]));
        lag.set_ends(&statistics("in", 3, -1001, -1001));
        assert_eq!(lag.by_topic(), BTreeMap::from([("in".to_owned(), 2)]));
        lag.set_positions(1, &Positions::new());
        lag.set_ends(&statistics("in", 3, 0, 4));
        assert_eq!(lag.by_topic(), BTreeMap::from([("in".to_owned(), 6)]), "an added partition of worker 1");
        lag.release(1);
        lag.set_ends(&statistics("in", 3, 0, 4));
        assert_eq!(lag.by_topic(), BTreeMap::from([("in".to_owned(), 2)]));
    }
}
