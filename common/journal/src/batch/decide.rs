//! Deciding one batch: which messages and timers go into it, and what the handler makes of them.

use super::Owner;
use crate::core::{Env, StepDown};
use crate::record::{Positions, size_of};
use crate::{Entity, Handler, Key, Transaction, Trigger};
use vocabulary::messages::Outgoing;

/// What the handler said about a batch.
pub(super) struct Decided {
    pub(super) positions: Positions,
    pub(super) dirty: Vec<Key>,
    pub(super) outbox: Vec<Outgoing>,
    /// Estimated bytes of the outbox.
    pub(super) said: usize,
}

impl<E: Entity, A: Clone + Eq> Owner<E, A> {
    /// Calls the handler for timers that are due and messages that wait, up to the limits of a batch.
    pub(super) fn decide<H>(&mut self, env: &Env<'_, H>) -> Result<Decided, StepDown>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        let (partition, partitions) = self.place;
        let (dirty, outbox) = (Vec::new(), Vec::new());
        let mut tx = Transaction {
            partition,
            partitions,
            memory: &mut self.entities,
            store: env.store,
            dirty,
            outbox,
            broken: None,
            loaded: Vec::new(),
        };
        let mut positions = Positions::new();
        if std::mem::take(&mut self.fresh) {
            let _ = env.handler.decide(&mut tx, Trigger::Claimed, env.now);
        }
        let (mut bytes, mut counted) = (0, (0, 0));
        for _ in 0..self.limits.batch_messages {
            let due = if self.ends.is_empty() { self.timers.pop_due(env.now) } else { None };
            if let Some(key) = due {
                let _ = env.handler.decide(&mut tx, Trigger::Timer(&key), env.now);
            } else if let Some(message) = self.queue.pop_front() {
                // What a message brings may go into a state.
                let size = message.size();
                (self.queued_bytes, bytes) = (self.queued_bytes.saturating_sub(size), bytes + size);
                let (said, dirtied) = (tx.outbox.len(), tx.dirty.len());
                if let Err(reason) = env.handler.decide(&mut tx, Trigger::Message(&message), env.now) {
                    tx.outbox.truncate(said);
                    tx.dirty.truncate(dirtied);
                    tx.outbox.extend(env.handler.unreadable(&message, &reason));
                }
                positions.insert(message.topic.to_string(), message.offset.saturating_add(1));
            } else {
                break;
            }
            bytes += tx.weight(counted);
            counted = (tx.outbox.len(), tx.dirty.len());
            if bytes >= self.limits.batch_bytes {
                break;
            }
        }
        if let Some(reason) = tx.broken {
            return Err(reason);
        }
        let Transaction { mut dirty, outbox, loaded, .. } = tx;
        dirty.sort_unstable();
        dirty.dedup();
        self.forget_loaded(loaded, &dirty);
        for (topic, next) in &positions {
            self.positions.insert(topic.clone(), *next);
            self.ends.retain(|t, end| t != topic || *next < *end);
        }
        let said = outbox.iter().map(size_of).sum();
        Ok(Decided { positions, dirty, outbox, said })
    }

    /// Closed entities that were only looked at are not kept.
    fn forget_loaded(&mut self, loaded: Vec<Key>, dirty: &[Key]) {
        for key in loaded.iter().filter(|key| dirty.binary_search(key).is_err()) {
            let cached = self.entities.get(key);
            if cached.is_some_and(|c| c.seq.is_none() && !c.state.as_ref().is_some_and(Entity::is_open)) {
                self.entities.remove(key);
            }
        }
    }
}
