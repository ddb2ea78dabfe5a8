//! The content of an entry to be appended, and the check that it can be.

use std::sync::Arc;

use vocabulary::messages::Outgoing;
use vocabulary::topics;

use super::inbox::Isolated;
use crate::entity::{Intent, Key};
use crate::error::{Failure, StepDown};
use crate::interface::Ticket;
use crate::record::{LastMessages, Positions, Write, size_of};

/// Estimated bytes of an entry that only carries the delivered mark.
const MARK_BYTES: usize = 64;
/// Bytes that surround a state and its key in an entry.
pub(super) const WRITE_OVERHEAD: usize = 32;
/// More than the bytes of an entry's other members: positions, numbers and names.
const ENTRY_OVERHEAD: usize = 16 * 1024;

/// The content of an entry to be appended.
pub(super) struct Batch<A> {
    pub(super) positions: Positions,
    pub(super) last: LastMessages,
    pub(super) outbox: Arc<Vec<Outgoing>>,
    pub(super) outbox_bytes: usize,
    pub(super) entities: Vec<Write>,
    pub(super) intents: Vec<(Key, Vec<Intent<A>>)>,
    pub(super) closed: Vec<Key>,
    pub(super) direct: Vec<Ticket>,
    pub(super) set_aside: Vec<Isolated>,
    pub(super) bytes: usize,
}

impl<A> Batch<A> {
    /// An entry that only carries the delivered mark.
    pub(super) fn mark() -> Self {
        Self {
            positions: Positions::new(),
            last: LastMessages::new(),
            outbox: Arc::default(),
            outbox_bytes: 0,
            entities: Vec::new(),
            intents: Vec::new(),
            closed: Vec::new(),
            direct: Vec::new(),
            set_aside: Vec::new(),
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
        for message in &*self.outbox {
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
        let outbox = serde_json::to_vec(&self.outbox).map_or(usize::MAX, |json| json.len());
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
