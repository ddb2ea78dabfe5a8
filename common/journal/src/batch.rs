//! What an owner keeps in memory, and how it makes a batch of messages into one entry.

mod decide;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::core::{Env, Limits, Output, Snapshot, StepDown};
use super::handler::Cached;
use super::outbox::Outbox;
use super::record::{Entry, Head, Positions, Record, Write};
use super::rule::{Reader, Verdict};
use super::timers::Timers;
use super::{Entity, Handler, Intent, Key};
use vocabulary::blob::Json;
use vocabulary::messages::{Message, Outgoing};
use vocabulary::time::Timestamp;

/// How many entities are looked at in one round for some that can rest.
const LOOKED_THROUGH: usize = 512;

/// An entry that was appended and not yet read back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InFlight<A> {
    seq: u64,
    bytes: usize,
    outbox: Arc<Vec<Outgoing>>,
    intents: Vec<(Key, Vec<Intent<A>>)>,
    closed: Vec<Key>,
}

/// The owner of a partition, from its claim on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner<E, A> {
    claim: i64,
    place: (i32, i32),
    limits: Limits,
    reader: Reader,
    next_seq: u64,
    fresh: bool,
    pub(super) draining: bool,
    drained: bool,
    entities: BTreeMap<Key, Cached<E>>,
    timers: Timers,
    pub(super) positions: Positions,
    /// Like the positions, with what waits in the queue: what comes twice is taken once.
    received: Positions,
    /// Ends that must be reached before timers fire; emptied as they are.
    ends: Positions,
    pub(super) queue: VecDeque<Message>,
    pub(super) queued_bytes: usize,
    in_flight: VecDeque<InFlight<A>>,
    pub(super) outbox: Outbox,
    /// Acts asked for, by entity.
    issued: BTreeMap<Key, Vec<String>>,
    /// Keys whose last decided state wants acts.
    acting: BTreeSet<Key>,
    /// Closed entities that stay until the view has applied their record: (offset, seq, keys).
    closing: VecDeque<(i64, u64, Vec<Key>)>,
    /// The view has applied our entries before this one.
    applied: u64,
    /// Up to which key open entities were last looked through for some that can rest.
    looked: Key,
    #[cfg(test)]
    off: super::model::Off,
}

impl<E: Entity, A: Clone + Eq> Owner<E, A> {
    pub(super) fn new(claim: i64, reader: Reader, limits: Limits, place: (i32, i32)) -> Self {
        Self {
            claim,
            place,
            limits,
            reader,
            next_seq: 0,
            fresh: true,
            draining: false,
            drained: false,
            entities: BTreeMap::new(),
            timers: Timers::default(),
            positions: Positions::new(),
            received: Positions::new(),
            ends: Positions::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: VecDeque::new(),
            outbox: Outbox::new(claim.saturating_add(1)),
            issued: BTreeMap::new(),
            acting: BTreeSet::new(),
            closing: VecDeque::new(),
            applied: 0,
            looked: Key::new(),
            #[cfg(test)]
            off: super::model::Off::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn set_off(&mut self, off: super::model::Off) {
        self.off = off;
        self.reader.off = off.rule;
    }

    /// Takes over what the view holds, and says again what may not have arrived.
    pub(super) fn load(&mut self, snapshot: Snapshot<E>, out: &mut Vec<Output<A>>) {
        for (key, state) in snapshot.open {
            self.timers.set(&key, state.wake_at());
            self.entities.insert(key, Cached { state: Some(state), seq: None, bytes: 0 });
        }
        for (key, at) in snapshot.resting {
            self.timers.set(&key, Some(at));
        }
        self.received = snapshot.positions.clone();
        self.positions = snapshot.positions;
        self.ends = snapshot.ends;
        let positions = &self.positions;
        self.ends.retain(|topic, end| positions.get(topic).copied().unwrap_or(0) < *end);
        for (offset, messages) in snapshot.unsent {
            self.outbox.sent(offset, messages.len());
            out.push(Output::Send { offset, messages: Arc::new(messages) });
        }
    }

    pub(super) fn enqueue(&mut self, message: Message) {
        let next = self.received.entry(message.topic.to_string()).or_insert(0);
        if message.offset >= *next {
            *next = message.offset.saturating_add(1);
            self.queued_bytes += message.size();
            self.queue.push_back(message);
        }
    }

    /// When a timer can fire next: one that is due waits for what is underway, and so must whoever sleeps until then.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        if self.ends.is_empty() && self.may_append() { self.timers.next() } else { None }
    }

    /// A record of the journal: what of ours is valid happens now.
    pub(super) fn read_back(&mut self, offset: i64, head: Head, out: &mut Vec<Output<A>>) -> Verdict {
        let verdict = self.reader.judge(offset, head);
        if verdict == Verdict::Valid
            && let Some(entry) = self.in_flight.pop_front()
        {
            if self.readback() {
                self.say(offset, &entry.outbox, out);
            }
            for (key, intents) in entry.intents {
                self.ask(&key, intents, out);
            }
            self.closing.push_back((offset, entry.seq, entry.closed));
        }
        self.outbox.read_back(offset);
        verdict
    }

    fn say(&mut self, offset: i64, messages: &Arc<Vec<Outgoing>>, out: &mut Vec<Output<A>>) {
        if !messages.is_empty() {
            self.outbox.sent(offset, messages.len());
            out.push(Output::Send { offset, messages: messages.clone() });
        }
    }

    /// Asks for the acts that an entity's durable state wants and that were not asked for before.
    fn ask(&mut self, key: &Key, intents: Vec<Intent<A>>, out: &mut Vec<Output<A>>) {
        let before = self.issued.remove(key).unwrap_or_default();
        let gone = before.iter().filter(|id| !intents.iter().any(|i| i.id == **id));
        out.extend(gone.cloned().map(Output::Abandon));
        let ids: Vec<String> = intents.iter().map(|i| i.id.clone()).collect();
        out.extend(intents.into_iter().filter(|i| !before.contains(&i.id)).map(Output::Execute));
        if !ids.is_empty() {
            self.issued.insert(key.clone(), ids);
        }
    }

    pub(super) fn pump<H>(&mut self, env: &Env<'_, H>, out: &mut Vec<Output<A>>) -> Result<(), StepDown>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        self.evict(env.view_applied);
        if self.fresh {
            self.ask_for_open(env.handler, out);
        }
        self.rest_some();
        while self.may_append() && self.has_work(env.now) {
            if !self.append(env, out)? {
                break;
            }
        }
        if self.draining {
            self.drain(out);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn holds(&self, key: &str) -> bool {
        self.entities.contains_key(key)
    }

    /// The claim's own decisions stand in its first entry, if they said anything.
    pub(super) fn is_open(&self) -> bool {
        let first = self.in_flight.front().map(|entry| entry.seq).into_iter();
        let mut waited_for = first.chain(self.closing.front().map(|(_, seq, _)| *seq));
        !self.fresh && !waited_for.any(|seq| seq == 0)
    }

    fn ask_for_open<H: Handler<Entity = E, SideEffect = A>>(&mut self, handler: &H, out: &mut Vec<Output<A>>) {
        let wanted = |(key, cached): (&Key, &Cached<E>)| {
            let intents = handler.intents(key, cached.state.as_ref()?);
            (!intents.is_empty()).then(|| (key.clone(), intents))
        };
        let all: Vec<_> = self.entities.iter().filter_map(wanted).collect();
        for (key, intents) in all {
            self.acting.insert(key.clone());
            self.ask(&key, intents, out);
        }
    }

    fn may_append(&self) -> bool {
        let bytes: usize = self.in_flight.iter().map(|entry| entry.bytes).sum();
        let room = self.in_flight.len() < self.limits.ahead_records && bytes < self.limits.ahead_bytes;
        room && !self.draining && (self.in_flight.is_empty() || self.queue.len() >= self.limits.gather)
    }

    fn has_work(&self, now: Timestamp) -> bool {
        self.fresh || !self.queue.is_empty() || self.next_timer().is_some_and(|at| at <= now)
    }

    /// Decides one batch and appends its entry; whether there was anything to append.
    fn append<H>(&mut self, env: &Env<'_, H>, out: &mut Vec<Output<A>>) -> Result<bool, StepDown>
    where
        H: Handler<Entity = E, SideEffect = A>,
    {
        let batch = self.decide(env)?;
        if batch.positions.is_empty() && batch.dirty.is_empty() && batch.outbox.is_empty() {
            return Ok(false);
        }
        let mut bytes = batch.said;
        let (mut entities, mut intents, mut closed) = (Vec::with_capacity(batch.dirty.len()), Vec::new(), Vec::new());
        for key in batch.dirty {
            let Some(cached) = self.entities.get_mut(&key) else { continue };
            cached.seq = Some(self.next_seq);
            let open = cached.state.as_ref().filter(|state| state.is_open());
            self.timers.set(&key, open.and_then(|state| state.wake_at()));
            let wanted = cached.state.as_ref().map(|s| env.handler.intents(&key, s)).unwrap_or_default();
            if !wanted.is_empty() && !open.is_some_and(Entity::has_intents) {
                // They would be forgotten by the next claim.
                return Err(StepDown::Refused(format!("{key} wants to act, and its state does not say so")));
            }
            if open.is_none() {
                closed.push(key.clone());
            }
            let changed = if wanted.is_empty() { self.acting.remove(&key) } else { self.acting.insert(key.clone()) };
            if changed || !wanted.is_empty() {
                intents.push((key.clone(), wanted));
            }
            let failed = |e| StepDown::Failed(format!("state of {key}: {e}"));
            let state = cached.state.as_ref().map(Json::of).transpose().map_err(failed)?;
            cached.bytes = key.len() + state.as_ref().map_or(0, |s| s.text().len()) + 32;
            bytes += cached.bytes;
            entities.push(Write { key, state });
        }
        let (outbox, positions) = (Arc::new(batch.outbox), batch.positions);
        self.finish(Batch { positions, outbox, entities, intents, closed, bytes }, out);
        Ok(true)
    }

    fn finish(&mut self, batch: Batch<A>, out: &mut Vec<Output<A>>) {
        let Batch { positions, outbox, entities, intents, closed, bytes } = batch;
        let (seq, delivered) = (self.next_seq, self.take_mark());
        self.next_seq += 1;
        let entry = Entry { owner: self.claim, seq, positions, delivered, entities, outbox: outbox.clone() };
        if !self.readback() {
            out.push(Output::Send { offset: -1, messages: outbox.clone() });
        }
        self.in_flight.push_back(InFlight { seq, bytes, outbox, intents, closed });
        out.push(Output::Append(Arc::new(Record::Entry(entry))));
    }

    /// Drops closed entities whose last record the view has applied.
    fn evict(&mut self, view_applied: i64) {
        while self.closing.front().is_some_and(|(offset, ..)| *offset < view_applied) {
            let Some((_, seq, keys)) = self.closing.pop_front() else { return };
            self.applied = seq.saturating_add(1);
            for key in keys {
                if self.entities.get(&key).is_some_and(|cached| cached.seq == Some(seq)) {
                    self.entities.remove(&key);
                }
            }
        }
    }

    /// Drops open entities that the view has as they are and that want no acts, while memory holds too many: a few at a
    /// time, in the order of their keys, which for ids that grow with time begins with the oldest.
    fn rest_some(&mut self) {
        let too_many = self.entities.len().saturating_sub(self.limits.open_in_memory);
        if too_many == 0 {
            return;
        }
        let after = (Bound::Excluded(&self.looked), Bound::Unbounded);
        let next: Vec<&Key> = self.entities.range::<Key, _>(after).map(|(key, _)| key).take(LOOKED_THROUGH).collect();
        let last = next.last().filter(|_| next.len() == LOOKED_THROUGH).map(|key| (*key).clone());
        let rests = |key: &&Key| {
            let cached = self.entities.get(*key);
            let rests = cached.is_some_and(|c| c.state.is_some() && c.seq.is_none_or(|seq| seq < self.applied));
            rests && !self.acting.contains(*key)
        };
        let resting: Vec<Key> = next.into_iter().filter(rests).take(too_many).cloned().collect();
        for key in resting {
            self.entities.remove(&key);
        }
        self.looked = last.unwrap_or_default();
    }

    /// With nothing underway: one more entry for the mark, if a successor would otherwise send again; then done.
    fn drain(&mut self, out: &mut Vec<Output<A>>) {
        if !self.in_flight.is_empty() || !self.outbox.is_quiet() || self.drained {
            return;
        }
        if self.outbox.wants_mark() {
            self.mark(out);
        } else {
            self.drained = true;
            out.push(Output::Drained);
        }
    }

    /// Appends an entry that only carries the delivered mark.
    fn mark(&mut self, out: &mut Vec<Output<A>>) {
        let (positions, outbox, entities, intents) = (Positions::new(), Arc::default(), Vec::new(), Vec::new());
        self.finish(Batch { positions, outbox, entities, intents, closed: Vec::new(), bytes: 64 }, out);
    }

    /// When idle, writes the delivered mark, so that a take-over long after repeats nothing.
    pub(super) fn rest(&mut self, out: &mut Vec<Output<A>>) {
        if self.in_flight.is_empty() && self.queue.is_empty() && self.outbox.wants_mark() {
            self.mark(out);
        }
    }

    #[cfg(not(test))]
    fn take_mark(&mut self) -> i64 {
        self.outbox.take_mark()
    }

    #[cfg(test)]
    fn take_mark(&mut self) -> i64 {
        self.outbox.take_mark() + if self.off.honest_mark { 2 } else { 0 }
    }

    #[cfg(not(test))]
    fn readback(&self) -> bool {
        true
    }

    #[cfg(test)]
    fn readback(&self) -> bool {
        !self.off.readback
    }
}

/// A batch ready to be an entry.
struct Batch<A> {
    positions: Positions,
    outbox: Arc<Vec<Outgoing>>,
    entities: Vec<Write>,
    intents: Vec<(Key, Vec<Intent<A>>)>,
    closed: Vec<Key>,
    bytes: usize,
}
