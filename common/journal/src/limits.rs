//! The limits of batches and of what is in flight.

use vocabulary::topics::{BATCH_MAX_BYTES, JOURNAL_MAX_BYTES};

/// How far deciding may run ahead of reading back, and how large a batch may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Messages in a batch.
    pub batch_messages: usize,
    /// Estimated bytes of a batch's record.
    pub batch_bytes: usize,
    /// Records appended and not yet read back.
    pub ahead_records: usize,
    /// Their estimated bytes.
    pub ahead_bytes: usize,
    /// Open entities kept in memory. Beyond that, idle ones are evicted and read from the view when they are needed;
    /// entities that the view has not yet applied, or that have intents, stay.
    pub open_in_memory: usize,
    /// With a record in flight, a further one is appended only when at least this many messages wait: small batches
    /// gather while the broker is busy with the last one (Nagle's idea, RFC 896).
    pub gather: usize,
    /// Messages of outboxes that the brokers have not acknowledged. From here on nothing is decided and no further
    /// outbox is given to the producer: a partition whose outputs can't be delivered waits instead of growing.
    pub undelivered_messages: usize,
    /// Their estimated bytes.
    pub undelivered_bytes: usize,
    /// Bytes of a record that the journal takes.
    pub record_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_messages: 500,
            batch_bytes: BATCH_MAX_BYTES,
            ahead_records: 4,
            ahead_bytes: 4 << 20,
            open_in_memory: 50_000,
            gather: 32,
            undelivered_messages: 20_000,
            undelivered_bytes: 32 << 20,
            record_bytes: JOURNAL_MAX_BYTES,
        }
    }
}
