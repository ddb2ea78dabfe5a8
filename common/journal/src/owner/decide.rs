//! Deciding one batch: which messages and timers go into it, and what the handler makes of them.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vocabulary::messages::{Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;

use super::inbox::{Inbox, Isolated, Origin, Received};
use super::timers::Timers;
use crate::cache::Cache;
use crate::entity::{Entity, Key};
use crate::error::{Failure, StepDown};
use crate::handler::{Handler, Trigger, decide_checked};
use crate::interface::{Env, Ticket, TracedTimer};
use crate::limits::Limits;
use crate::partition::Partition;
use crate::quarantine::{FailedBatch, Quarantine};
use crate::record::{LastMessage, LastMessages, Positions, set_of_partition, size_of};
use crate::transaction::{Changes, Savepoint, Transaction};

/// The decisions of a batch.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) positions: Positions,
    /// The last message of each topic.
    pub(super) last: LastMessages,
    /// Changed keys, sorted, each once.
    pub(super) dirty: Vec<Key>,
    pub(super) outbox: Vec<Outgoing>,
    /// Estimated bytes of the outbox.
    pub(super) outbox_bytes: usize,
    pub(super) set_aside: Vec<Isolated>,
    /// The direct messages that were decided.
    pub(super) direct: Vec<Ticket>,
    /// The direct messages that can't be read.
    pub(super) declined: Vec<Ticket>,
    pub(super) triggers: Triggers,
    /// The timers whose traces are sampled.
    pub(super) traced: Vec<TracedTimer>,
    /// The partition has other inputs from here on.
    pub(super) inputs_changed: bool,
}

/// What a batch was decided about, to find the cause if it can't be appended.
#[derive(Default)]
pub(super) struct Triggers {
    /// The number of messages, and 1 for the claim.
    pub(super) others: usize,
    /// Those that are messages of topics.
    of_topics: usize,
    /// The only one of them, if it is a message. Its id is read if the batch can't be appended.
    only: Option<Received>,
    /// The entities whose timers fired.
    pub(super) timers: Vec<Key>,
}

impl Triggers {
    /// The messages and timers among which the cause is. `positions` are those after the batch. `None` for several
    /// direct messages: their senders send them over their topics, where the cause is found.
    pub(super) fn failed(self, positions: &Positions, partition: Partition) -> Option<FailedBatch> {
        let Self { others, of_topics, only, mut timers } = self;
        if others == 1
            && timers.is_empty()
            && let Some(received) = only
        {
            return Some(failed_message(&received, partition));
        }
        if others == 0
            && timers.len() == 1
            && let Some(only) = timers.pop()
        {
            return Some(FailedBatch::Timer(only));
        }
        let suspects = of_topics > 0 || !timers.is_empty();
        suspects.then(|| FailedBatch::Several { before: positions.clone(), timers })
    }

    /// Keeps a message that was decided, if it is the only one.
    fn decided(&mut self, received: Received) {
        self.only = (self.others == 1).then_some(received);
    }
}

/// A claim ended because a batch could not be decided or appended.
pub(crate) struct Ended {
    pub(crate) reason: StepDown,
    /// The batch, if messages may be the cause.
    pub(crate) batch: Option<FailedBatch>,
}

impl From<StepDown> for Ended {
    fn from(reason: StepDown) -> Self {
        Self { reason, batch: None }
    }
}

/// The parts of an owner that deciding works on.
pub(super) struct Decider<'a, E> {
    pub(super) partition: Partition,
    pub(super) limits: &'a Limits,
    pub(super) inbox: &'a mut Inbox,
    pub(super) cache: &'a mut Cache<E>,
    pub(super) timers: &'a mut Timers,
    pub(super) quarantine: &'a Quarantine,
}

impl<E: Entity> Decider<'_, E> {
    /// The most timers and messages of the next batch. While messages or the next timer are suspected of having ended a
    /// claim, a batch has one trigger, which may be the claim.
    fn max_triggers(&self, now: Timestamp, claim_undecided: bool) -> usize {
        let is_suspect = |key| self.quarantine.suspects_timer(key);
        let suspicious = self.quarantine.is_suspicious(self.inbox.positions())
            || self.inbox.is_caught_up() && self.timers.next_due(now).is_some_and(is_suspect);
        match (suspicious, claim_undecided) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => self.limits.batch_messages,
        }
    }

    /// Calls the handler for the claim, if it is undecided, and for due timers and waiting messages, up to the limits
    /// of a batch.
    pub(super) fn decide<H>(self, env: &Env<'_, H>, claim_undecided: bool) -> Result<Decided, Ended>
    where
        H: Handler<Entity = E>,
    {
        let triggers = self.max_triggers(env.now, claim_undecided);
        let mut tx = Transaction::new(&mut self.cache.entities, env.store, self.partition);
        let mut decided = Decided::default();
        if claim_undecided {
            decided.triggers.others = 1;
            let _ = guarded(|| env.handler.decide(&mut tx, Trigger::Claimed, env.now)).map_err(StepDown::Failed)?;
        }
        let mut bytes = 0;
        let mut counted = Savepoint::default();
        for _ in 0..triggers {
            let due = if self.inbox.is_caught_up() { pop_due(self.timers, self.quarantine, env.now) } else { None };
            if let Some(key) = due {
                decided.traced.extend(decide_timer(env, &mut tx, &key)?);
                decided.triggers.timers.push(key);
            } else if let Some((received, size)) = self.inbox.pop() {
                // A state may take over the content of a message.
                bytes += size;
                decided.triggers.others += 1;
                let is_decided = match &received.origin {
                    Origin::Direct(ticket) => {
                        decide_direct(env, &mut tx, &received.message, *ticket, self.quarantine, &mut decided)?
                    }
                    Origin::Topic | Origin::Damaged(_) => {
                        decide_received(env, &mut tx, &received, self.partition, self.quarantine, &mut decided)?;
                        true
                    }
                };
                if is_decided {
                    decided.triggers.decided(received);
                }
            } else {
                break;
            }
            bytes += tx.bytes_since(counted);
            counted = tx.savepoint();
            if bytes >= self.limits.batch_bytes {
                break;
            }
        }
        let Changes { mut dirty, loaded, outbox, inputs_changed } = tx.finish()?;
        dirty.sort_unstable();
        dirty.dedup();
        self.cache.evict_unchanged(&loaded, &dirty);
        self.inbox.advance(&decided.positions);
        decided.outbox_bytes = outbox.iter().map(size_of).sum();
        Ok(Decided { dirty, outbox, inputs_changed, ..decided })
    }
}

/// The next entity whose timer is due. Held timers are dropped.
fn pop_due(timers: &mut Timers, quarantine: &Quarantine, now: Timestamp) -> Option<Key> {
    loop {
        let key = timers.pop_due(now)?;
        if !quarantine.holds_timer(&key) {
            return Some(key);
        }
    }
}

/// Decides a timer, and returns it if its trace is sampled. A panic ends the claim, and names the entity.
fn decide_timer<H: Handler>(
    env: &Env<'_, H>,
    tx: &mut Transaction<'_, H::Entity>,
    key: &Key,
) -> Result<Option<TracedTimer>, Ended> {
    let traced = tx.get(key).and_then(|entity| TracedTimer::of(key, entity));
    let decided = guarded(|| env.handler.decide(tx, Trigger::Timer(key), env.now));
    let ended = |reason| Ended { reason: StepDown::Failed(reason), batch: Some(FailedBatch::Timer(key.clone())) };
    decided.map(|_| traced).map_err(ended)
}

/// Decides a message of a topic, or sets it aside, and moves the position of its topic.
fn decide_received<H: Handler>(
    env: &Env<'_, H>,
    tx: &mut Transaction<'_, H::Entity>,
    received: &Received,
    partition: Partition,
    quarantine: &Quarantine,
    decided: &mut Decided,
) -> Result<(), Ended> {
    let Received { message, origin } = received;
    let source = partition.position_key(message);
    let offset = message.offset;
    let damage = if let Origin::Damaged(damage) = origin { Some(damage) } else { None };
    if let Some(reason) = quarantine.reason(&source, offset).or_else(|| quarantine.reason_of(message)) {
        let reason = Unreadable::SetAside(reason.to_string());
        tx.send(env.handler.set_aside(message, &reason));
        decided.set_aside.push(Isolated { topic: source.clone().into_owned(), offset, reason });
    } else if let Some(damage) = damage {
        let reason = Unreadable::Damaged(damage.clone());
        env.handler.unreadable(message, &reason).into_iter().for_each(|letter| tx.send(letter));
        decided.set_aside.push(Isolated { topic: source.clone().into_owned(), offset, reason });
    } else {
        let ended =
            |reason| Ended { reason: StepDown::Failed(reason), batch: Some(failed_message(received, partition)) };
        if let Err(reason) = decide_message(env, tx, message).map_err(ended)? {
            env.handler.unreadable(message, &reason).into_iter().for_each(|letter| tx.send(letter));
        }
    }
    set_of_partition(&mut decided.positions, &source, offset.saturating_add(1));
    if damage.is_none() {
        set_of_partition(&mut decided.last, &source, LastMessage { offset, at: message.timestamp.0 });
    }
    decided.triggers.of_topics += 1;
    Ok(())
}

fn failed_message(received: &Received, partition: Partition) -> FailedBatch {
    let Received { message, origin } = received;
    let id = id_of(message);
    match origin {
        Origin::Direct(_) => FailedBatch::Direct(id),
        Origin::Topic | Origin::Damaged(_) => {
            let source = partition.position_key(message).into_owned();
            FailedBatch::Message { source, offset: message.offset, id }
        }
    }
}

fn id_of(message: &Message) -> Option<String> {
    message.given_id().map(Cow::into_owned)
}

/// Decides a direct message. One that can't be read is declined; if the handler panics, the claim ends. Its sender
/// sends it over its topic, and there it becomes a dead letter. Returns false if it was set aside before.
fn decide_direct<H: Handler>(
    env: &Env<'_, H>,
    tx: &mut Transaction<'_, H::Entity>,
    message: &Message,
    ticket: Ticket,
    quarantine: &Quarantine,
    decided: &mut Decided,
) -> Result<bool, Ended> {
    if quarantine.reason_of(message).is_some() {
        decided.declined.push(ticket);
        return Ok(false);
    }
    let ended = |reason| Ended { reason: StepDown::Failed(reason), batch: Some(FailedBatch::Direct(id_of(message))) };
    match decide_message(env, tx, message).map_err(ended)? {
        Ok(()) => decided.direct.push(ticket),
        Err(_) => decided.declined.push(ticket),
    }
    Ok(true)
}

/// Calls the handler for a message. The inner error is that the message is unreadable: then it changed nothing. The
/// outer one is a panic.
fn decide_message<H: Handler>(
    env: &Env<'_, H>,
    tx: &mut Transaction<'_, H::Entity>,
    message: &Message,
) -> Result<Result<(), Unreadable>, Failure> {
    let before = tx.savepoint();
    let decided = guarded(|| decide_checked(env.handler, tx, Trigger::Message(message), env.now))?;
    if decided.is_err() {
        tx.roll_back(before);
    }
    Ok(decided)
}

/// Calls a handler. After a panic its states are unusable: the claim must end.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| Failure::Panicked(text_of(&*panic)))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
