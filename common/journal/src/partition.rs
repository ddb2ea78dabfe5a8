//! A partition's number among all.

/// The partition that a worker owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) number: i32,
    /// How many partitions every topic has.
    pub(crate) count: i32,
}
