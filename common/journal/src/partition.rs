//! A partition's number among all.

use std::borrow::Cow;

use vocabulary::messages::Message;

use crate::record::position_key;

/// The partition that a worker owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) number: i32,
    /// How many partitions every topic has.
    pub(crate) count: i32,
}

impl Partition {
    /// The name of the message's partition in [`Positions`](crate::Positions).
    pub(crate) fn position_key(self, message: &Message) -> Cow<'_, str> {
        position_key(&message.topic, message.partition, self.count)
    }
}
