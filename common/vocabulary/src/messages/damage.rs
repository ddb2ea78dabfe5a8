//! Offsets whose bytes a consumer can't read.

use std::fmt;

/// A range of offsets of one partition that a consumer can't read, or of which it can read a part only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// What is wrong with the bytes.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, problem } = self;
        if first == last {
            write!(f, "offset {first} can't be read: {problem}")
        } else {
            write!(f, "offsets {first} to {last} can't be read: {problem}")
        }
    }
}
