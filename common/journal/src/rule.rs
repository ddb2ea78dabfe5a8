//! The one rule by which every reader of a journal tells what happened. Owner, standbys, views and checkers all use this
//! code, so that they agree whoever wrote what and when.

use serde::{Deserialize, Serialize};

use super::record::Head;

/// How a record is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A claim: whoever wrote it owns the partition from here on.
    Claim,
    /// An entry that happened.
    Valid,
    /// An entry that never happened, for anybody.
    Void,
}

/// A reader's place in one partition of a journal.
///
/// An entry is **valid** when its owner is the last claim before it and its seq is the next one; else it is **void**.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct Reader {
    /// Offset of the last claim.
    pub claim: Option<i64>,
    /// The seq the next valid entry has.
    pub next_seq: u64,
    #[cfg(test)]
    #[serde(skip)]
    pub(super) off: Off,
}

/// Rules that a test switches off, to see that its absence is caught.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Off {
    pub(super) owner: bool,
    pub(super) seq: bool,
}

impl Reader {
    /// A reader that goes on after a claim at `offset`.
    pub fn after_claim(offset: i64) -> Self {
        Self { claim: Some(offset), ..Self::default() }
    }

    /// Judges the record at `offset`. Records are given in order, each once.
    pub fn judge(&mut self, offset: i64, head: Head) -> Verdict {
        match head {
            Head::Claim { .. } => {
                self.claim = Some(offset);
                self.next_seq = 0;
                Verdict::Claim
            }
            Head::Entry { owner, seq } if self.accepts(owner, seq) => {
                self.next_seq = seq.saturating_add(1);
                Verdict::Valid
            }
            Head::Entry { .. } | Head::Garbage => Verdict::Void,
        }
    }

    #[cfg(not(test))]
    fn accepts(&self, owner: i64, seq: u64) -> bool {
        self.claim == Some(owner) && self.next_seq == seq
    }

    #[cfg(test)]
    fn accepts(&self, owner: i64, seq: u64) -> bool {
        (self.off.owner || self.claim == Some(owner)) && (self.off.seq || self.next_seq == seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const CLAIM: Head = Head::Claim { nonce: Uuid::nil() };

    fn entry(owner: i64, seq: u64) -> Head {
        Head::Entry { owner, seq }
    }

    #[test]
    fn only_the_last_claims_next_entry_is_valid() {
        let mut reader = Reader::default();
        let log = [
            entry(0, 0),
            CLAIM,
            entry(1, 0),
            entry(1, 1),
            entry(1, 1),
            CLAIM,
            entry(1, 2),
            entry(5, 0),
            entry(5, 2),
            Head::Garbage,
        ];
        let verdicts: Vec<Verdict> = (0..).zip(log).map(|(offset, head)| reader.judge(offset, head)).collect();
        use Verdict::{Claim, Valid, Void};
        assert_eq!(verdicts, [Void, Claim, Valid, Valid, Void, Claim, Void, Valid, Void, Void]);
    }
}
