//! The one rule by which every reader of a journal decides which records are valid. Owners, standbys, views and
//! checkers use this code, so that all agree, whichever instance wrote a record and when.

use serde::{Deserialize, Serialize};

use crate::record::Head;

/// A reader's judgement of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A claim: its writer owns the partition from here on.
    Claim,
    /// An entry that counts.
    Valid,
    /// An entry that counts for no reader.
    Void,
    /// An operator's acceptance of a loss: no claim owns the partition from here on, until the next.
    Acceptance,
}

/// The protocol's rules. All hold in production; the model switches each off to prove that its absence is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    /// A valid entry names the last claim as its owner.
    pub(crate) require_owner: bool,
    /// A valid entry has the next seq.
    pub(crate) require_seq: bool,
    /// Messages are sent only once their entry was read back.
    pub(crate) require_read_back: bool,
    /// An acknowledged entry counts as read back only behind the last record known.
    pub(crate) require_adjacent: bool,
    /// The delivered mark covers acknowledged messages only.
    pub(crate) require_honest_mark: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            require_owner: true,
            require_seq: true,
            require_read_back: true,
            require_adjacent: true,
            require_honest_mark: true,
        }
    }
}

/// The state of a reader within one partition of a journal.
///
/// An entry is **valid** if its owner is the last claim before it and its seq is the next one; else it is **void**.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct Reader {
    /// Offset of the last claim.
    pub claim: Option<i64>,
    /// The seq of the next valid entry.
    pub next_seq: u64,
}

impl Reader {
    /// A reader that continues after a claim at `offset`.
    pub fn after_claim(offset: i64) -> Self {
        Self { claim: Some(offset), next_seq: 0 }
    }

    /// Judges the record at `offset`. Records are given in order, each once.
    pub fn judge(&mut self, offset: i64, head: Head) -> Verdict {
        self.judge_by(Rules::default(), offset, head)
    }

    /// As [`Reader::judge`], by some of the rules.
    pub(crate) fn judge_by(&mut self, rules: Rules, offset: i64, head: Head) -> Verdict {
        match head {
            Head::Claim { .. } => {
                self.claim = Some(offset);
                self.next_seq = 0;
                Verdict::Claim
            }
            Head::Acceptance => {
                *self = Self::default();
                Verdict::Acceptance
            }
            Head::Entry { owner, seq } if self.accepts(rules, owner, seq) => {
                self.next_seq = seq.saturating_add(1);
                Verdict::Valid
            }
            Head::Entry { .. } | Head::Garbage => Verdict::Void,
        }
    }

    fn accepts(self, rules: Rules, owner: i64, seq: u64) -> bool {
        let is_owner = self.claim == Some(owner) || !rules.require_owner;
        let is_next = self.next_seq == seq || !rules.require_seq;
        is_owner && is_next
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

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
            entry(5, 1),
            Head::Acceptance,
            entry(5, 2),
        ];
        let verdicts: Vec<Verdict> = (0..).zip(log).map(|(offset, head)| reader.judge(offset, head)).collect();
        use Verdict::{Acceptance, Claim, Valid, Void};
        let expected = [Void, Claim, Valid, Valid, Void, Claim, Void, Valid, Void, Void, Valid, Acceptance, Void];
        assert_eq!(verdicts, expected);
    }
}
