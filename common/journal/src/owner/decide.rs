//! Deciding one batch: which messages and timers go into it, and what the handler makes of them.

use vocabulary::messages::Outgoing;

use super::inbox::Inbox;
use super::timers::Timers;
use crate::cache::Cache;
use crate::entity::{Entity, Key};
use crate::error::StepDown;
use crate::handler::{Handler, Trigger};
use crate::interface::Env;
use crate::limits::Limits;
use crate::partition::Partition;
use crate::record::{Positions, size_of};
use crate::transaction::{Changes, Savepoint, Transaction};

/// The decisions of a batch.
pub(super) struct Decided {
    pub(super) positions: Positions,
    /// Changed keys, sorted, each once.
    pub(super) dirty: Vec<Key>,
    pub(super) outbox: Vec<Outgoing>,
    /// Estimated bytes of the outbox.
    pub(super) outbox_bytes: usize,
}

/// The parts of an owner that deciding works on.
pub(super) struct Decider<'a, E> {
    pub(super) partition: Partition,
    pub(super) limits: &'a Limits,
    pub(super) inbox: &'a mut Inbox,
    pub(super) cache: &'a mut Cache<E>,
    pub(super) timers: &'a mut Timers,
}

impl<E: Entity> Decider<'_, E> {
    /// Calls the handler for the claim, if it is undecided, and for due timers and waiting messages, up to the limits
    /// of a batch.
    pub(super) fn decide<H>(self, env: &Env<'_, H>, claim_undecided: bool) -> Result<Decided, StepDown>
    where
        H: Handler<Entity = E>,
    {
        let mut tx = Transaction::new(&mut self.cache.entities, env.store, self.partition);
        let mut positions = Positions::new();
        if claim_undecided {
            let _ = env.handler.decide(&mut tx, Trigger::Claimed, env.now);
        }
        let mut bytes = 0;
        let mut counted = Savepoint::default();
        for _ in 0..self.limits.batch_messages {
            let due = if self.inbox.is_caught_up() { self.timers.pop_due(env.now) } else { None };
            if let Some(key) = due {
                let _ = env.handler.decide(&mut tx, Trigger::Timer(&key), env.now);
            } else if let Some((message, size)) = self.inbox.pop() {
                // A state may take over the content of a message.
                bytes += size;
                let before = tx.savepoint();
                if let Err(reason) = env.handler.decide(&mut tx, Trigger::Message(&message), env.now) {
                    tx.roll_back(before);
                    env.handler.unreadable(&message, &reason).into_iter().for_each(|letter| tx.send(letter));
                }
                positions.insert(message.topic.to_string(), message.offset.saturating_add(1));
            } else {
                break;
            }
            bytes += tx.bytes_since(counted);
            counted = tx.savepoint();
            if bytes >= self.limits.batch_bytes {
                break;
            }
        }
        let Changes { mut dirty, loaded, outbox } = tx.finish()?;
        dirty.sort_unstable();
        dirty.dedup();
        self.cache.evict_unchanged(&loaded, &dirty);
        self.inbox.advance(&positions);
        let outbox_bytes = outbox.iter().map(size_of).sum();
        Ok(Decided { positions, dirty, outbox, outbox_bytes })
    }
}
