//! The owner of a partition: it makes messages and timers into entries, and acts on the entries that it reads back.

mod batch;
mod decide;
mod drain;
mod effects;
mod in_flight;
mod inbox;
mod outbox;
mod timers;

use std::sync::Arc;

use vocabulary::blob::Json;
use vocabulary::messages::{Damage, Message};
use vocabulary::time::Timestamp;

use self::batch::{Batch, WRITE_OVERHEAD, encoding};
use self::decide::{Decided, Decider, Ended};
use self::effects::Effects;
use self::in_flight::{Appended, Consequences, InFlight};
use self::inbox::{Inbox, Isolated, Unwritten};
use self::outbox::Outbox;
use self::timers::Timers;
use crate::cache::{Cache, Cached};
use crate::entity::{Entity, Key};
use crate::error::{Failure, Refusal, StepDown};
use crate::handler::Handler;
use crate::interface::{Env, Output, Snapshot, Ticket};
use crate::limits::Limits;
use crate::partition::Partition;
use crate::quarantine::Quarantine;
use crate::record::{Entry, Head, Record, Write, size_of};
use crate::rule::{Reader, Rules, Verdict};

/// How far a requested drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Drain {
    NotRequested,
    Requested,
    Done,
}

/// The owner of a partition, from its claim on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner<E, A> {
    claim: i64,
    partition: Partition,
    limits: Limits,
    rules: Rules,
    reader: Reader,
    next_seq: u64,
    /// The claim's own decision is still to be made.
    claim_undecided: bool,
    /// The side effects of the loaded entities are still to be requested.
    loaded_unrequested: bool,
    drain: Drain,
    pub(crate) inbox: Inbox,
    cache: Cache<E>,
    timers: Timers,
    in_flight: InFlight<A>,
    effects: Effects,
    outbox: Outbox,
    /// A valid entry changed the partition's inputs.
    inputs_changed: bool,
}

impl<E: Entity, A: Clone + Eq> Owner<E, A> {
    pub(crate) fn new(claim: i64, partition: Partition, limits: Limits, rules: Rules) -> Self {
        Self {
            claim,
            partition,
            limits,
            rules,
            reader: Reader::after_claim(claim),
            next_seq: 0,
            claim_undecided: true,
            loaded_unrequested: true,
            drain: Drain::NotRequested,
            inbox: Inbox::default(),
            cache: Cache::default(),
            timers: Timers::default(),
            in_flight: InFlight::default(),
            effects: Effects::default(),
            outbox: Outbox::new(claim.saturating_add(1)),
            inputs_changed: false,
        }
    }

    /// Takes the view's content over, and sends the messages again that may not have been delivered: as many as the
    /// producer may hold, and the others as these are acknowledged.
    pub(crate) fn load(&mut self, snapshot: Snapshot<E>, out: &mut Vec<Output<A>>) {
        for (key, state) in snapshot.open {
            self.timers.set(&key, state.wake_at());
            self.cache.entities.insert(key, Cached::loaded(state));
        }
        for (key, at) in snapshot.resting {
            self.timers.set(&key, Some(at));
        }
        self.inbox.load(snapshot.positions, snapshot.ends);
        for (offset, messages) in snapshot.unsent {
            let bytes = messages.iter().map(size_of).sum();
            self.outbox.push(offset, Arc::new(messages), bytes);
        }
        self.send_next(out);
    }

    /// Takes a message of an input, or what could be read of one.
    pub(crate) fn enqueue(&mut self, message: Message, damage: Option<Damage>) {
        self.inbox.enqueue(self.partition, message, damage);
    }

    /// Takes a message that was handed over without a topic. It is declined until the topics are read to the ends seen
    /// at the claim, and once a drain is requested.
    pub(crate) fn enqueue_direct(&mut self, message: Message, ticket: Ticket, out: &mut Vec<Output<A>>) {
        if self.inbox.is_caught_up() && self.drain == Drain::NotRequested {
            self.inbox.enqueue_direct(message, ticket);
        } else {
            out.push(Output::Declined(ticket));
        }
    }

    /// An input has no message before `next`.
    pub(crate) fn skip(&mut self, source: &str, next: i64) {
        self.inbox.skip(self.partition, source, next);
    }

    /// When a timer can fire next. A timer that is due waits while nothing may be appended, and so must a worker that
    /// sleeps until then.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        if self.inbox.is_caught_up() && self.may_append() { self.timers.next() } else { None }
    }

    /// When the earliest undecided timer is due, also while it can't be decided.
    pub(crate) fn earliest_timer(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Takes a record of the journal, and acts on it if it is a valid entry of this owner.
    pub(crate) fn read_back(&mut self, offset: i64, head: Head, out: &mut Vec<Output<A>>) -> Verdict {
        let verdict = self.reader.judge_by(self.rules, offset, head);
        if verdict == Verdict::Valid
            && let Some(Appended { seq, consequences, .. }) = self.in_flight.pop()
        {
            self.act_on(offset, seq, consequences, out);
        }
        self.outbox.read_back(offset);
        verdict
    }

    /// Acts on a valid entry of this owner.
    fn act_on(&mut self, offset: i64, seq: u64, consequences: Consequences<A>, out: &mut Vec<Output<A>>) {
        let Consequences { outbox, outbox_bytes, intents, closed, direct, set_aside, inputs_changed } = consequences;
        if self.rules.require_read_back {
            self.outbox.push(offset, outbox, outbox_bytes);
            self.send_next(out);
        }
        out.extend(direct.into_iter().map(Output::Accepted));
        for (key, intents) in intents {
            self.effects.reconcile(&key, intents, out);
        }
        self.cache.close(offset, seq, closed);
        self.inputs_changed |= inputs_changed;
        for Isolated { topic, offset, reason } in set_aside {
            out.push(Output::SetAside { topic, offset, reason });
        }
    }

    /// Returns true if a valid entry of this claim changed the partition's inputs.
    pub(crate) const fn has_other_inputs(&self) -> bool {
        self.inputs_changed
    }

    /// The record that is missing before this one, which is void: an append of this claim was acknowledged and lost.
    pub(crate) fn lost_before(&self, head: Head) -> Option<Failure> {
        match head {
            Head::Entry { owner, seq } if owner == self.claim && seq > self.reader.next_seq => {
                Some(Failure::Lost { expected: self.reader.next_seq, found: seq })
            }
            Head::Entry { .. } | Head::Claim { .. } | Head::Acceptance | Head::Garbage => None,
        }
    }

    /// The seq of the oldest entry that was not read back.
    pub(crate) fn first_in_flight(&self) -> Option<u64> {
        self.in_flight.first_seq()
    }

    /// A message of the outbox of the record at `offset` was acknowledged.
    pub(crate) fn delivered(&mut self, offset: i64, out: &mut Vec<Output<A>>) {
        self.outbox.delivered(offset);
        self.send_next(out);
    }

    /// Gives the producer what waits, as far as there is room.
    fn send_next(&mut self, out: &mut Vec<Output<A>>) {
        while let Some((offset, messages)) = self.outbox.next(&self.limits) {
            out.push(Output::Send { offset, messages });
        }
    }

    /// Messages that the brokers have not acknowledged.
    pub(crate) fn undelivered(&self) -> usize {
        self.outbox.undelivered()
    }

    /// Returns true if nothing is decided because too much is undelivered.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.outbox.has_room(&self.limits)
    }

    pub(crate) fn pump<H>(
        &mut self,
        env: &Env<'_, H>,
        quarantine: &mut Quarantine,
        out: &mut Vec<Output<A>>,
    ) -> Result<(), Ended>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        self.cache.evict_closed(env.view_applied);
        if std::mem::take(&mut self.loaded_unrequested) {
            self.request_loaded_intents(env.handler, out);
        }
        self.cache.evict_idle(self.limits.open_in_memory);
        while self.may_append() && self.has_work(env.now) {
            // The claim's own decision may be nothing, and then what waits is decided at once.
            let was_undecided = self.claim_undecided;
            if !self.append(env, quarantine, out)? && !was_undecided {
                break;
            }
        }
        if self.drain == Drain::Requested {
            self.try_drain(out);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.cache.entities.contains_key(key)
    }

    /// Returns true if the view has applied the claim's own decisions. They are in the first entry, if they changed or
    /// sent anything.
    pub(crate) fn is_open(&self) -> bool {
        let mut unapplied = self.in_flight.first_seq().into_iter().chain(self.cache.first_unapplied());
        !self.claim_undecided && unapplied.all(|seq| seq != 0)
    }

    /// Requests the side effects of the entities that were loaded.
    fn request_loaded_intents<H>(&mut self, handler: &H, out: &mut Vec<Output<A>>)
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        let wanted = |(key, cached): (&Key, &Cached<E>)| {
            let intents = handler.intents(key, cached.state.as_ref()?);
            (!intents.is_empty()).then(|| (key.clone(), intents))
        };
        let all: Vec<_> = self.cache.entities.iter().filter_map(wanted).collect();
        for (key, intents) in all {
            self.cache.acting.insert(key.clone());
            self.effects.reconcile(&key, intents, out);
        }
    }

    fn may_append(&self) -> bool {
        let gathered = self.in_flight.is_empty() || self.inbox.len() >= self.limits.gather;
        let has_room = self.in_flight.has_room(&self.limits) && self.outbox.has_room(&self.limits);
        has_room && self.drain == Drain::NotRequested && gathered
    }

    fn has_work(&self, now: Timestamp) -> bool {
        self.claim_undecided || self.inbox.len() > 0 || self.next_timer().is_some_and(|at| at <= now)
    }

    /// Decides one batch and appends its entry, if it changed or sent anything. Returns false if it decided nothing.
    fn append<H>(
        &mut self,
        env: &Env<'_, H>,
        quarantine: &mut Quarantine,
        out: &mut Vec<Output<A>>,
    ) -> Result<bool, Ended>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        let decider = Decider {
            partition: self.partition,
            limits: &self.limits,
            inbox: &mut self.inbox,
            cache: &mut self.cache,
            timers: &mut self.timers,
            quarantine,
        };
        let decides_claim = std::mem::take(&mut self.claim_undecided);
        let mut decided = decider.decide(env, decides_claim)?;
        let messages = decided.triggers.others - usize::from(decides_claim);
        let traced = std::mem::take(&mut decided.traced);
        let counted = Output::Decided { messages, timers: decided.triggers.timers.len(), traced };
        out.extend(decided.declined.drain(..).map(Output::Declined));
        // Timers of a batch that can't be written are suspected again.
        quarantine.timers_decided(&decided.triggers.timers);
        if decided.dirty.is_empty() && decided.outbox.is_empty() {
            out.push(counted);
            return Ok(self.progress(decided, out));
        }
        let triggers = std::mem::take(&mut decided.triggers);
        let written =
            self.write(decided, env.handler).and_then(|batch| batch.fits(self.limits.record_bytes).map(|()| batch));
        let batch = match written {
            Ok(batch) => batch,
            Err(reason) => {
                return Err(Ended { reason, batch: triggers.failed(self.inbox.positions(), self.partition) });
            }
        };
        out.push(counted);
        self.append_batch(batch, out);
        Ok(true)
    }

    /// Moves the positions behind messages whose decisions changed and sent nothing. The next entry carries them: if it
    /// is not written, a successor reads these messages again, and decides the same. Direct messages get an entry: a
    /// valid one proves that the decision was the owner's.
    fn progress(&mut self, decided: Decided, out: &mut Vec<Output<A>>) -> bool {
        let Decided { positions, last, set_aside, direct, triggers, .. } = decided;
        let decided_any = triggers.others > 0 || !triggers.timers.is_empty();
        let progress = Unwritten { positions, last, set_aside, messages: triggers.others };
        let can_wait = self.inbox.leave_unwritten(progress) && direct.is_empty();
        if !can_wait {
            self.append_batch(Batch::mark(direct), out);
        }
        decided_any
    }

    /// Writes the changed entities: their JSON, timers and intents.
    fn write<H>(&mut self, decided: Decided, handler: &H) -> Result<Batch<A>, StepDown>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        let mut bytes = decided.outbox_bytes;
        let mut entities = Vec::with_capacity(decided.dirty.len());
        let mut intents = Vec::new();
        let mut closed = Vec::new();
        for key in decided.dirty {
            let Some(cached) = self.cache.entities.get_mut(&key) else { continue };
            cached.seq = Some(self.next_seq);
            let open = cached.state.as_ref().filter(|state| state.is_open());
            self.timers.set(&key, open.and_then(|state| state.wake_at()));
            let wanted = cached.state.as_ref().map(|state| handler.intents(&key, state)).unwrap_or_default();
            if !wanted.is_empty() && !open.is_some_and(Entity::has_intents) {
                return Err(StepDown::Refused(Refusal::HiddenIntents(key)));
            }
            if open.is_none() {
                closed.push(key.clone());
            }
            let acting = &mut self.cache.acting;
            let changed = if wanted.is_empty() { acting.remove(&key) } else { acting.insert(key.clone()) };
            if changed || !wanted.is_empty() {
                intents.push((key.clone(), wanted));
            }
            let state = cached.state.as_ref().map(Json::of).transpose().map_err(|error| encoding(&key, &error))?;
            cached.bytes = key.len() + state.as_ref().map_or(0, |json| json.text().len()) + WRITE_OVERHEAD;
            bytes += cached.bytes;
            entities.push(Write { key, state });
        }
        let Decided { positions, last, outbox, outbox_bytes, set_aside, direct, inputs_changed, .. } = decided;
        let outbox = Arc::new(outbox);
        let consequences = Consequences { outbox, outbox_bytes, intents, closed, direct, set_aside, inputs_changed };
        Ok(Batch { positions, last, entities, consequences, bytes })
    }

    fn append_batch(&mut self, batch: Batch<A>, out: &mut Vec<Output<A>>) {
        let Batch { positions, last, entities, mut consequences, bytes } = batch;
        let seq = self.next_seq;
        self.next_seq += 1;
        let mut delivered = self.outbox.take_mark();
        if !self.rules.require_honest_mark {
            delivered += 2;
        }
        let mut read = self.inbox.take_unwritten();
        read.positions.extend(positions);
        read.last.extend(last);
        read.set_aside.append(&mut consequences.set_aside);
        consequences.set_aside = read.set_aside;
        let entry = Entry {
            owner: self.claim,
            seq,
            positions: read.positions,
            last: read.last,
            delivered,
            entities,
            outbox: consequences.outbox.clone(),
        };
        if !self.rules.require_read_back {
            out.push(Output::Send { offset: -1, messages: consequences.outbox.clone() });
        }
        self.in_flight.push(Appended { seq, bytes, consequences });
        out.push(Output::Append(Arc::new(Record::Entry(entry))));
    }
}
