//! The explored system: a log, two workers that may both believe they own it, and every event that can happen to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;
use vocabulary::time::Timestamp;

use super::tallies::{DIRECT, INPUT, Tallies, Tally, input_of, message};
use crate::core::Core;
use crate::entity::NoSideEffect;
use crate::error::Failure;
use crate::interface::{Env, Input, Output, Snapshot, Ticket};
use crate::limits::Limits;
use crate::record::{Acceptance, Positions, Record};
use crate::rule::{Reader, Rules, Verdict};

/// The bounds of the exploration, and the rules in force.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    pub(super) rules: Rules,
    pub(super) inputs: i64,
    pub(super) claims: u8,
    /// Crashes, revocations, failed appends and failed sends.
    pub(super) faults: u8,
    pub(super) marks: u8,
    /// Losses that an operator accepts.
    pub(super) acceptances: u8,
    /// Direct messages.
    pub(super) direct: u8,
    pub(super) limits: Limits,
}

/// One instance: the real protocol, and what its shell has in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Instance {
    pub(super) core: Core<Tally, NoSideEffect>,
    /// The next record to read back.
    pub(super) at: usize,
    /// Offsets of its appends whose acknowledgements are under way, in order.
    pub(super) acks: VecDeque<i64>,
    /// At its producer, in order.
    pub(super) appends: VecDeque<Arc<Record>>,
    pub(super) sends: VecDeque<(i64, u64)>,
    /// The claim whose state must be loaded.
    load: Option<i64>,
    next_input: i64,
    /// A failure that is not yet reported to the worker.
    failed: bool,
}

/// The whole system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct System {
    pub(super) log: Vec<Arc<Record>>,
    pub(super) instances: [Instance; 2],
    /// Appends of producers that were dropped, each in its order: they may still land.
    pub(super) late: Vec<VecDeque<Arc<Record>>>,
    /// Outputs that were delivered, as bits.
    pub(super) arrived: u64,
    /// Direct messages that were accepted, as bits.
    pub(super) accepted: u64,
    pub(super) direct: u8,
    pub(super) claims: u8,
    pub(super) faults: u8,
    pub(super) marks: u8,
    pub(super) acceptances: u8,
}

impl System {
    /// Fails a request of the instance, which `take` removes; the failure is reported later.
    fn fails(&mut self, i: usize, take: impl FnOnce(&mut Instance) -> bool) {
        self.instances[i].failed = take(&mut self.instances[i]);
        self.faults += 1;
    }
}

/// What can happen. The number is that of the instance, or of the late producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Claim(usize),
    /// The oldest append at the producer lands.
    Lands(usize),
    /// The oldest acknowledgement of an append arrives.
    Acknowledged(usize),
    Read(usize),
    /// The view has applied the claim, and nothing after it.
    Load(usize),
    /// The view has applied everything there is.
    LoadAhead(usize),
    Decide(usize),
    /// A direct message.
    Direct(usize),
    Rest(usize),
    /// The oldest message at the producer is delivered and acknowledged.
    Arrives(usize),
    /// The oldest append fails for good; those behind it may still land, before the failure is reported or later.
    AppendFails(usize),
    SendFails(usize),
    FailureReported(usize),
    Revoked(usize),
    /// The process ends at once, and a new one starts.
    Crash(usize),
    LateLands(usize),
    /// An operator's acceptance lands, at the position of the journal: nothing is skipped, and the claim ends.
    Accept,
}

impl Protocol {
    pub(super) fn start(&self) -> System {
        let instance = self.instance();
        let instances = [instance.clone(), instance];
        System {
            log: Vec::new(),
            instances,
            late: Vec::new(),
            arrived: 0,
            accepted: 0,
            direct: 0,
            claims: 0,
            faults: 0,
            marks: 0,
            acceptances: 0,
        }
    }

    fn instance(&self) -> Instance {
        let core = Core::with_rules(0, 1, self.limits, self.rules);
        let appends = VecDeque::new();
        let sends = VecDeque::new();
        let acks = VecDeque::new();
        Instance { core, at: 0, acks, appends, sends, load: None, next_input: 0, failed: false }
    }

    /// The events that can happen next.
    pub(super) fn enabled(&self, s: &System, all: &mut Vec<Event>) {
        for (i, instance) in s.instances.iter().enumerate() {
            let faulty = s.faults < self.faults;
            if instance.core.is_idle() {
                if s.claims < self.claims {
                    all.push(Event::Claim(i));
                }
                continue;
            }
            let mut may = |when: bool, event: Event| all.extend(when.then_some(event));
            may(instance.at < s.log.len(), Event::Read(i));
            may(!instance.appends.is_empty(), Event::Lands(i));
            may(!instance.acks.is_empty(), Event::Acknowledged(i));
            may(!instance.sends.is_empty(), Event::Arrives(i));
            may(instance.load.is_some(), Event::Load(i));
            may(instance.load.is_some_and(|at| at + 1 < s.log.len() as i64), Event::LoadAhead(i));
            may(instance.failed, Event::FailureReported(i));
            may(faulty && !instance.failed && !instance.appends.is_empty(), Event::AppendFails(i));
            may(faulty && !instance.failed && !instance.sends.is_empty(), Event::SendFails(i));
            may(faulty, Event::Crash(i));
            if instance.core.is_owner() {
                let more = instance.next_input < self.inputs && instance.core.queued() == 0;
                may(more, Event::Decide(i));
                may(s.direct < self.direct && instance.core.queued() == 0, Event::Direct(i));
                may(s.marks < self.marks && self.would_mark(instance), Event::Rest(i));
            } else {
                may(faulty, Event::Revoked(i));
            }
        }
        all.extend((0..s.late.len()).map(Event::LateLands));
        if s.acceptances < self.acceptances && s.claims > 0 {
            all.push(Event::Accept);
        }
    }

    /// Returns true if [`Input::Idle`] would append a mark.
    fn would_mark(&self, instance: &Instance) -> bool {
        let mut out = Vec::new();
        instance.core.clone().handle(Input::Idle, &mut out);
        !out.is_empty()
    }

    /// The state after an event.
    pub(super) fn apply(&self, s: &System, event: Event) -> System {
        let mut n = s.clone();
        match event {
            Event::Claim(i) => {
                n.claims += 1;
                n.instances[i].at = n.log.len();
                let nonce = Uuid::from_u128(n.claims.into());
                self.input(&mut n, i, Input::Assigned { nonce, instance: String::new() });
            }
            Event::Lands(i) => {
                n.instances[i].acks.push_back(n.log.len() as i64);
                n.log.extend(n.instances[i].appends.pop_front());
            }
            Event::Acknowledged(i) => self.acknowledge(&mut n, i),
            Event::Read(i) => self.read(&mut n, i),
            Event::Load(i) | Event::LoadAhead(i) => {
                let claim = n.instances[i].load.take().unwrap() as usize;
                let until = if event == Event::Load(i) { claim + 1 } else { n.log.len() };
                let snapshot = self.snapshot(&n.log[..until]);
                self.input(&mut n, i, Input::Loaded(snapshot));
            }
            Event::Decide(i) => {
                let offset = n.instances[i].next_input;
                n.instances[i].next_input += 1;
                self.input(&mut n, i, Input::Message(message(offset)));
            }
            Event::Direct(i) => self.direct(&mut n, i),
            Event::Rest(i) => {
                n.marks += 1;
                self.input(&mut n, i, Input::Idle);
            }
            Event::Arrives(i) => {
                let (offset, output) = n.instances[i].sends.pop_front().unwrap();
                n.arrived |= 1 << output;
                self.input(&mut n, i, Input::Delivered { offset });
            }
            Event::AppendFails(i) => n.fails(i, |instance| instance.appends.pop_front().is_some()),
            Event::SendFails(i) => n.fails(i, |instance| instance.sends.pop_front().is_some()),
            Event::FailureReported(i) => self.input(&mut n, i, Input::Failed(Failure::Stalled)),
            Event::Revoked(i) => {
                n.faults += 1;
                self.input(&mut n, i, Input::Revoked);
                self.drop_producer(&mut n, i);
            }
            Event::Crash(i) => {
                n.faults += 1;
                self.drop_producer(&mut n, i);
                n.instances[i] = self.instance();
            }
            Event::Accept => self.accept(&mut n),
            Event::LateLands(producer) => {
                n.log.extend(n.late[producer].pop_front());
                n.late.retain(|queue| !queue.is_empty());
            }
        }
        n
    }

    /// Gives an instance the oldest acknowledgement of its appends.
    fn acknowledge(&self, n: &mut System, i: usize) {
        let offset = n.instances[i].acks.pop_front().unwrap();
        let head = n.log[offset as usize].head();
        self.input(n, i, Input::Stored { offset, head });
    }

    /// Gives an instance the next record. What it reads need not be acknowledged: fewer states with the same future.
    fn read(&self, n: &mut System, i: usize) {
        let instance = &mut n.instances[i];
        let offset = instance.at as i64;
        instance.at += 1;
        instance.acks.retain(|ack| *ack > offset);
        let head = n.log[offset as usize].head();
        self.input(n, i, Input::ReadBack { offset, head });
    }

    /// Hands the next direct message to an instance.
    fn direct(&self, n: &mut System, i: usize) {
        let ticket = Ticket::from(n.direct);
        n.direct += 1;
        let message = message(DIRECT + ticket.cast_signed());
        self.input(n, i, Input::Direct { message, ticket });
    }

    /// Appends an acceptance of the position that the log has.
    fn accept(&self, n: &mut System) {
        n.acceptances += 1;
        let position = Self::position(&self.snapshot(&n.log).positions);
        let topic = INPUT.to_owned();
        let by = String::new();
        let why = String::new();
        let acceptance = Acceptance { topic, from: position, to: position, why, by, at: Timestamp(0) };
        n.log.push(Arc::new(Record::Acceptance(acceptance)));
    }

    /// Gives the protocol an input, lets it decide, and takes its outputs.
    fn input(&self, n: &mut System, i: usize, input: Input<Tally>) {
        let mut out = Vec::new();
        let store: BTreeMap<String, Tally> = BTreeMap::new();
        let core = &mut n.instances[i].core;
        core.handle(input, &mut out);
        core.pump(&Env { handler: &Tallies, store: &store, now: Timestamp(0), view_applied: 0 }, &mut out);
        // A mere statistic, which would make equal states differ.
        core.voids = 0;
        for output in out {
            let instance = &mut n.instances[i];
            match output {
                Output::Append(record) => instance.appends.push_back(record),
                Output::Decided { .. } => {}
                Output::Load { claim } => instance.load = Some(claim),
                Output::Claimed(positions) => instance.next_input = positions.get(INPUT).copied().unwrap_or(0),
                Output::Send { offset, messages } => {
                    instance.sends.extend(messages.iter().map(|m| (offset, input_of(m))))
                }
                Output::StepDown(_) => self.drop_producer(n, i),
                Output::Accepted(ticket) => n.accepted |= 1 << ticket,
                Output::Declined(_) => {}
                Output::Execute(_)
                | Output::Abandon(_)
                | Output::SetAside { .. }
                | Output::TimerHeld { .. }
                | Output::Drained => {
                    unreachable!("no side effects, no drain, no message that can't be processed")
                }
            }
        }
    }

    /// Queued appends may land later; queued messages are lost.
    fn drop_producer(&self, n: &mut System, i: usize) {
        let dropped = std::mem::replace(&mut n.instances[i], self.instance());
        // The rest is reset, so that equal situations are equal states: only the log matters from here on.
        n.instances[i].core = dropped.core;
        if !dropped.appends.is_empty() {
            n.late.push(dropped.appends);
            n.late.sort_by_key(|queue| queue.front().map(|r| rank(r)));
        }
    }

    /// The view's content after applying `log`.
    fn snapshot(&self, log: &[Arc<Record>]) -> Snapshot<Tally> {
        let mut snapshot = Snapshot::default();
        let mut reader = Reader::default();
        let mut delivered = 0;
        for (offset, record) in (0..).zip(log) {
            let Record::Entry(entry) = &**record else {
                reader.judge_by(self.rules, offset, record.head());
                continue;
            };
            if reader.judge_by(self.rules, offset, record.head()) != Verdict::Valid {
                continue;
            }
            snapshot.positions.extend(entry.positions.clone());
            for write in &entry.entities {
                let state = write.state.as_ref().map(|json| json.read().unwrap());
                snapshot.open = state.map(|tally| (write.key.clone(), tally)).into_iter().collect();
            }
            delivered = delivered.max(entry.delivered);
            if !entry.outbox.is_empty() {
                snapshot.unsent.push((offset, entry.outbox.to_vec()));
            }
        }
        snapshot.unsent.retain(|(offset, _)| *offset >= delivered);
        snapshot
    }

    /// Returns true if this instance owns the log, has read all of it, and has nothing left to do.
    pub(super) fn is_at_rest(&self, s: &System, instance: &Instance) -> bool {
        let nothing = instance.appends.is_empty() && instance.sends.is_empty() && instance.core.queued() == 0;
        let read = instance.at == s.log.len() && instance.next_input == self.inputs;
        instance.core.is_owner() && nothing && read && !instance.failed
    }

    /// The position of the one input.
    pub(super) fn position(positions: &Positions) -> i64 {
        positions.get(INPUT).copied().unwrap_or(0)
    }
}

fn rank(record: &Record) -> (u128, i64, u64) {
    match record {
        Record::Claim(claim) => (claim.nonce.as_u128(), 0, 0),
        Record::Entry(entry) => (0, entry.owner, entry.seq),
        Record::Acceptance(acceptance) => (0, acceptance.to, 0),
    }
}
