//! Since when a consumer group makes no progress: the time of the oldest message that it has not processed. Read only
//! for partitions whose position did not move between two looks, since reading a message takes a consumer of its own.

use std::collections::HashMap;

use vocabulary::time::Timestamp;

/// The most partitions of a group of which the oldest message is read.
const MOST: usize = 16;

/// The committed position of a group in a partition with later messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    pub topic: String,
    pub partition: i32,
    pub position: i64,
    pub end: i64,
}

struct Seen {
    position: i64,
    /// The time of the message at the position, once it was read.
    oldest: Option<Timestamp>,
}

/// The positions seen at the last look.
#[derive(Default)]
pub(super) struct Stalled(HashMap<String, HashMap<(String, i32), Seen>>);

impl Stalled {
    /// Takes note of a group's positions. Returns those whose oldest message is to be read: they have not moved since
    /// the last look, or the group has no members.
    pub(super) fn look(&mut self, group: &str, behind: &[Behind], has_members: bool) -> Vec<Behind> {
        let known = self.0.entry(group.to_owned()).or_default();
        let mut next = HashMap::new();
        let mut wanted = Vec::new();
        for one in behind {
            let key = (one.topic.clone(), one.partition);
            let same = known.remove(&key).filter(|seen| seen.position == one.position);
            let is_stalled = same.is_some() || !has_members;
            let oldest = same.and_then(|seen| seen.oldest);
            if is_stalled && oldest.is_none() && wanted.len() < MOST {
                wanted.push(one.clone());
            }
            next.insert(key, Seen { position: one.position, oldest });
        }
        *known = next;
        wanted
    }

    /// Stores the time of the oldest message.
    pub(super) fn learn(&mut self, group: &str, behind: &Behind, oldest: Timestamp) {
        let seen = self.0.get_mut(group).and_then(|all| all.get_mut(&(behind.topic.clone(), behind.partition)));
        if let Some(seen) = seen.filter(|seen| seen.position == behind.position) {
            seen.oldest = Some(oldest);
        }
    }

    /// The time of the oldest message that the group has not processed, if it makes no progress.
    pub(super) fn since(&self, group: &str) -> Option<Timestamp> {
        self.0.get(group)?.values().filter_map(|seen| seen.oldest).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(position: i64) -> Behind {
        Behind { topic: "payment-commands".to_owned(), partition: 0, position, end: 100 }
    }

    #[test]
    fn a_group_stalls_once_its_position_stays_or_it_has_no_members() {
        let mut stalled = Stalled::default();
        assert_eq!(stalled.look("payments", &[behind(5)], true), [], "it may be about to move");
        assert_eq!(stalled.look("payments", &[behind(6)], true), [], "it moves");
        assert_eq!(stalled.look("payments", &[behind(6)], true), [behind(6)]);
        stalled.learn("payments", &behind(6), Timestamp(7_000));
        assert_eq!(stalled.look("payments", &[behind(6)], true), [], "the message was read already");
        assert_eq!(stalled.since("payments"), Some(Timestamp(7_000)));
        assert_eq!(stalled.look("payments", &[behind(7)], true), []);
        assert_eq!(stalled.since("payments"), None, "it moves again");
        assert_eq!(stalled.look("orders", &[behind(1)], false), [behind(1)]);
        assert_eq!(stalled.look("payments", &[], true), []);
    }
}
