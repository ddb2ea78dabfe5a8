//! What a journal contains at a start: its beginning, and the partition count with which it was written.

use anyhow::bail;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use crate::view::Rebuild;
use crate::worker::client;
use crate::worker::journal_log::claim_at;

/// A journal's content, as far as a start depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// The partition count of its first claim; `None` if it is empty.
    pub(crate) partitions: Option<i32>,
    /// If a view can be built from it.
    pub(crate) rebuild: Rebuild,
}

impl Written {
    /// The content of a journal that does not exist.
    pub(crate) fn nothing() -> Self {
        Self { partitions: None, rebuild: Rebuild::Possible }
    }

    /// Reads the content of a journal with `count` partitions.
    pub(crate) fn read<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        journal: &str,
        count: i32,
    ) -> anyhow::Result<Self> {
        let mut ends = Vec::new();
        for partition in 0..count {
            let range = client::range(consumer, journal, partition)?;
            ends.push((partition, range.begins, range.ends));
        }
        let first = ends.iter().find(|(_, low, high)| low < high);
        let claim = first.map(|(partition, low, _)| claim_at(consumer, journal, *partition, *low)).transpose()?;
        let recorded = claim.flatten().and_then(|claim| claim.partitions);
        Ok(Self { partitions: recorded.or_else(|| inferred(&ends)), rebuild: rebuild(journal, &ends) })
    }

    /// Refuses another partition count than the journal's.
    ///
    /// # Errors
    /// Both counts, and what follows.
    pub(crate) fn check(&self, journal: &str, partitions: i32) -> anyhow::Result<()> {
        match self.partitions {
            Some(written) if written != partitions => bail!(
                "kafka.partitions is {partitions}, but {journal} is written with {written} partitions: with another \
                 count the messages of a key go to another partition than its state. Set kafka.partitions = {written}, \
                 also if partitions were added to topics"
            ),
            Some(_) | None => Ok(()),
        }
    }
}

/// The count of a journal of an earlier release, whose claims do not name it. Every partition is claimed at the first
/// start, so that partitions added later are empty.
fn inferred(ends: &[(i32, i64, i64)]) -> Option<i32> {
    let last = ends.iter().rev().find(|(_, _, high)| *high > 0);
    last.map(|(partition, ..)| partition.saturating_add(1))
}

fn rebuild(journal: &str, ends: &[(i32, i64, i64)]) -> Rebuild {
    match ends.iter().find(|(_, low, _)| *low > 0) {
        Some((partition, low, _)) => Rebuild::Impossible(format!(
            "{journal}-{partition} begins at offset {low}: its records before are deleted (retention, or deletion)"
        )),
        None => Rebuild::Possible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_added_later_do_not_count() {
        assert_eq!(inferred(&[(0, 0, 5), (1, 0, 3)]), Some(2));
        assert_eq!(inferred(&[(0, 0, 5), (1, 0, 3), (2, 0, 0), (3, 0, 0)]), Some(2));
        assert_eq!(inferred(&[(0, 7, 7), (1, 0, 0)]), Some(1), "all records are deleted");
        assert_eq!(inferred(&[(0, 0, 0), (1, 0, 0)]), None);
    }

    #[test]
    fn a_journal_without_its_beginning_builds_no_view() {
        assert_eq!(rebuild("j", &[(0, 0, 5), (1, 0, 0)]), Rebuild::Possible);
        let Rebuild::Impossible(reason) = rebuild("j", &[(0, 0, 5), (1, 2, 5)]) else { panic!() };
        assert!(reason.starts_with("j-1 begins at offset 2"), "{reason}");
    }

    #[test]
    fn another_count_than_the_journals_is_refused() {
        let written = Written { partitions: Some(2), rebuild: Rebuild::Possible };
        assert!(written.check("j", 2).is_ok());
        let refused = written.check("j", 3).unwrap_err().to_string();
        assert!(refused.contains("Set kafka.partitions = 2"), "{refused}");
        assert!(Written::nothing().check("j", 3).is_ok());
    }
}
