//! A partition's positions, by the records of its journal.

use crate::record::{LastMessages, Positions, Record};
use crate::rule::{Reader, Verdict};

/// Follows the records of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Judges the records.
    pub reader: Reader,
    /// The next offset to read of each input.
    pub positions: Positions,
    /// The last message read of each input.
    pub last: LastMessages,
}

impl Replay {
    /// Applies the next record, and takes the positions out of it. Returns false if the record is void.
    pub fn apply<O>(&mut self, offset: i64, record: &mut Record<O>) -> bool {
        match (self.reader.judge(offset, record.head()), record) {
            (Verdict::Valid, Record::Entry(entry)) => {
                self.positions.append(&mut entry.positions);
                self.last.append(&mut entry.last);
                true
            }
            (Verdict::Claim, Record::Claim(_)) => true,
            (Verdict::Acceptance, Record::Acceptance(acceptance)) => {
                acceptance.apply(&mut self.positions, &mut self.last)
            }
            (
                Verdict::Valid | Verdict::Void | Verdict::Claim | Verdict::Acceptance,
                Record::Claim(_) | Record::Entry(_) | Record::Acceptance(_),
            ) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vocabulary::time::Timestamp;

    use super::*;
    use crate::record::{Acceptance, Claim, Entry, LastMessage, Messages};

    fn entry(owner: i64, seq: u64, next: i64) -> Record {
        let positions = Positions::from([("t".to_owned(), next)]);
        let last = LastMessages::from([("t".to_owned(), LastMessage { offset: next - 1, at: 7 })]);
        let outbox = Messages::default();
        Record::Entry(Entry { owner, seq, positions, last, delivered: 0, entities: Vec::new(), outbox })
    }

    #[test]
    fn positions_follow_valid_entries_and_acceptances_that_count() {
        let claim = Claim { nonce: Uuid::from_u128(1), instance: "a".into(), partitions: Some(2) };
        let accept = |from, to| {
            let why = "restored".to_owned();
            Record::Acceptance(Acceptance { topic: "t".into(), from, to, why, by: "ops".into(), at: Timestamp(5) })
        };
        let steps = [
            (Record::Claim(claim), true, None),
            (entry(0, 0, 4), true, Some(4)),
            (entry(0, 2, 9), false, Some(4)),
            (accept(3, 20), false, Some(4)),
            (accept(4, 20), true, Some(20)),
            (entry(0, 1, 5), false, Some(20)),
        ];
        let mut replay = Replay::default();
        for ((mut record, counts, position), offset) in steps.into_iter().zip(0..) {
            assert_eq!(replay.apply(offset, &mut record), counts, "offset {offset}");
            assert_eq!(replay.positions.get("t").copied(), position, "offset {offset}");
        }
        assert_eq!(replay.last, LastMessages::new(), "the acceptance forgets the last message");
    }
}
