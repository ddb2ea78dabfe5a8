//! Which partitions of the inputs a worker reads: its own number of each, and of topics to which partitions were added
//! also those beyond `kafka.partitions` whose number modulo that is its own. A producer that spreads keys over all
//! partitions of a topic with a multiple of the count then still reaches the worker of the key.

use journal::position_key;

/// A partition of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Its name in [`journal::Positions`].
    pub(super) key: String,
}

/// The partitions of a topic with `count` partitions that one of `workers` workers reads.
pub(super) fn of_topic(topic: &str, count: i32, worker: i32, workers: i32) -> Vec<Source> {
    let own = (worker..count.max(worker.saturating_add(1))).step_by(usize::try_from(workers).unwrap_or(1).max(1));
    let source = |partition| Source {
        topic: topic.to_owned(),
        partition,
        key: position_key(topic, partition, workers).into_owned(),
    };
    own.map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by(worker: i32, count: i32) -> Vec<(i32, String)> {
        of_topic("t", count, worker, 2).into_iter().map(|source| (source.partition, source.key)).collect()
    }

    #[test]
    fn every_partition_is_read_by_one_worker_and_positions_of_the_usual_ones_keep_their_names() {
        assert_eq!(read_by(0, 2), [(0, "t".to_owned())]);
        assert_eq!(read_by(1, 2), [(1, "t".to_owned())]);
        assert_eq!(read_by(0, 5), [(0, "t".to_owned()), (2, "t/2".to_owned()), (4, "t/4".to_owned())]);
        assert_eq!(read_by(1, 5), [(1, "t".to_owned()), (3, "t/3".to_owned())]);
    }

    #[test]
    fn the_worker_of_a_key_stays_the_same_with_a_multiple_of_the_partitions() {
        for key in ["a", "b", "order-1", "order-2", ""] {
            let before = vocabulary::topics::partition_of(key.as_bytes(), 3);
            let after = vocabulary::topics::partition_of(key.as_bytes(), 12);
            assert!(of_topic("t", 12, before, 3).iter().any(|source| source.partition == after), "{key}");
        }
    }
}
