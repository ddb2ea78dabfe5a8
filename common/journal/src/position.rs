//! Recognises a topic that can't be read on from a stored position: it was truncated, made anew, or its retention has
//! passed the position. Positions are never skipped without an operator's decision.

use crate::record::LastMessage;

/// Why a topic can't be read on from a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PositionFault {
    /// The messages at the position were deleted.
    #[error("it begins at {begins} (retention has passed, or records were deleted)")]
    Expired {
        /// The topic's first offset.
        begins: i64,
    },
    /// The topic ends before the position.
    #[error("it ends at {ends} (it was truncated or made anew)")]
    Beyond {
        /// The topic's end.
        ends: i64,
    },
    /// The last message read is no longer there.
    #[error("its message at {offset} is not the one that was read (it was truncated or made anew)")]
    Replaced {
        /// The offset of the last message read.
        offset: i64,
    },
}

/// A topic, as far as it is known at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicRange {
    /// Its first offset.
    pub begins: i64,
    /// The offset behind its last record.
    pub ends: i64,
}

impl TopicRange {
    /// The offset at which the last message read must still be; `None` if it has expired.
    pub fn proof(self, last: Option<LastMessage>) -> Option<i64> {
        last.map(|last| last.offset).filter(|offset| (self.begins..self.ends).contains(offset))
    }

    /// Checks that the topic can be read on from `position`. `last` is the last message that was read, `found` the
    /// timestamp of the message that is now at [`TopicRange::proof`].
    ///
    /// # Errors
    /// [`PositionFault`].
    pub fn check(self, position: i64, last: Option<LastMessage>, found: Option<i64>) -> Result<(), PositionFault> {
        let Self { begins, ends } = self;
        if position > ends {
            return Err(PositionFault::Beyond { ends });
        }
        if position < begins {
            return Err(PositionFault::Expired { begins });
        }
        match (self.proof(last), last) {
            (Some(offset), Some(last)) if found != Some(last.at) => Err(PositionFault::Replaced { offset }),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: TopicRange = TopicRange { begins: 10, ends: 20 };

    fn last(offset: i64) -> Option<LastMessage> {
        Some(LastMessage { offset, at: 7 })
    }

    #[test]
    fn a_position_within_the_topic_behind_the_message_that_was_read_is_good() {
        assert_eq!(TOPIC.check(15, last(14), Some(7)), Ok(()));
        assert_eq!(TOPIC.check(20, last(19), Some(7)), Ok(()), "at the end");
        assert_eq!(TOPIC.check(10, last(9), None), Ok(()), "the message read has expired, the next has not");
        assert_eq!(TOPIC.check(15, None, None), Ok(()), "stored by an earlier release");
    }

    #[test]
    fn a_position_that_is_gone_is_noticed() {
        assert_eq!(TOPIC.check(9, last(8), None), Err(PositionFault::Expired { begins: 10 }));
        assert_eq!(TOPIC.check(21, last(20), None), Err(PositionFault::Beyond { ends: 20 }));
    }

    #[test]
    fn a_topic_made_anew_that_has_grown_past_the_position_is_noticed() {
        let replaced = Err(PositionFault::Replaced { offset: 14 });
        assert_eq!(TOPIC.check(15, last(14), Some(8)), replaced, "another message");
        assert_eq!(TOPIC.check(15, last(14), None), replaced, "no message");
    }
}
