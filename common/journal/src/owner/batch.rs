//! The content of an entry to be appended, and the check that it can be.

use vocabulary::topics;

use super::in_flight::Consequences;
use crate::entity::Key;
use crate::error::{Failure, StepDown};
use crate::interface::Ticket;
use crate::record::{LastMessages, Positions, Write, size_of};

/// Estimated bytes of an entry that only carries the delivered mark.
const MARK_BYTES: usize = 64;
/// Bytes that surround a state and its key in an entry.
pub(super) const WRITE_OVERHEAD: usize = 32;
/// More than the bytes of an entry's other members: positions, numbers and names.
const ENTRY_OVERHEAD: usize = 16 * 1024;

/// The content of an entry to be appended, and its consequences.
pub(super) struct Batch<A> {
    pub(super) positions: Positions,
    pub(super) last: LastMessages,
    pub(super) entities: Vec<Write>,
    pub(super) consequences: Consequences<A>,
    pub(super) bytes: usize,
}

impl<A> Batch<A> {
    /// An entry that only carries the delivered mark, and accepts these direct messages.
    pub(super) fn mark(direct: Vec<Ticket>) -> Self {
        Self {
            positions: Positions::new(),
            last: LastMessages::new(),
            entities: Vec::new(),
            consequences: Consequences::accept(direct),
            bytes: MARK_BYTES,
        }
    }

    /// Checks that the batch's record is at most `limit` bytes, and that each of its messages can be sent.
    pub(super) fn fits(&self, limit: usize) -> Result<(), StepDown> {
        // Encoding at most doubles what was estimated: it escapes quotes, or is Base64.
        let fits_record = self.bytes.saturating_mul(2).saturating_add(ENTRY_OVERHEAD) <= limit;
        if fits_record && self.bytes <= topics::INPUT_MAX_BYTES {
            return Ok(());
        }
        for message in &*self.consequences.outbox {
            let limit = topics::max_bytes(&message.topic);
            let bytes = size_of(message);
            if bytes > limit {
                let topic = message.topic.to_string();
                return Err(StepDown::Failed(Failure::MessageTooLong { topic, bytes, limit }));
            }
        }
        if fits_record {
            return Ok(());
        }
        let outbox = serde_json::to_vec(&self.consequences.outbox).map_or(usize::MAX, |json| json.len());
        let states: usize = self.entities.iter().map(written_bytes).sum();
        let bytes = outbox.saturating_add(states).saturating_add(ENTRY_OVERHEAD);
        if bytes > limit {
            return Err(StepDown::Failed(Failure::RecordTooLong { bytes, limit }));
        }
        Ok(())
    }
}

/// The bytes of a state in an entry. Its key is escaped.
fn written_bytes(write: &Write) -> usize {
    2 * write.key.len() + write.state.as_ref().map_or(0, |json| json.text().len()) + WRITE_OVERHEAD
}

/// The end of a claim because a state can't be encoded.
pub(super) fn encoding(key: &Key, error: &serde_json::Error) -> StepDown {
    StepDown::Failed(Failure::Encoding { what: format!("the state of {key}"), reason: error.to_string() })
}
