//! What is explored: a log, two workers that may both believe they own it, and everything that can happen to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Off;
use crate::core::StepDown;
use crate::{
    Core, Entity, Env, Handler, Input, Limits, NoSideEffect, Output, Positions, Reader, Record, Snapshot, Transaction,
    Trigger, Verdict,
};
use vocabulary::blob::{Json, Payload};
use vocabulary::messages::{Headers, Message, Outgoing, Unreadable};
use vocabulary::time::Timestamp;

/// The one input topic, and the one entity.
const INPUT: &str = "in";
const TALLY: &str = "tally";

/// What a message leaves behind: how many came, and which, as one number that depends on their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) seen: u64,
}

impl Tally {
    pub(super) fn take(&mut self, input: u64) {
        self.count += 1;
        self.seen = self.seen * 10 + input + 1;
    }
}

impl Entity for Tally {
    fn is_open(&self) -> bool {
        true
    }
}

/// Tallies each message, and sends one that is named after it.
struct Tallies;

impl Handler for Tallies {
    type Entity = Tally;
    type SideEffect = NoSideEffect;

    fn decide(&self, tx: &mut Transaction<'_, Tally>, trigger: Trigger<'_>, _: Timestamp) -> Result<(), Unreadable> {
        if let Trigger::Message(message) = trigger {
            let mut tally = tx.take(TALLY).unwrap_or_default();
            tally.take(message.offset.unsigned_abs());
            tx.put(TALLY, tally);
            tx.send(output(message.offset));
        }
        Ok(())
    }
}

fn output(input: i64) -> Outgoing {
    let value = Payload::Json(Json::of(&input).unwrap());
    Outgoing { topic: "out".into(), partition: None, key: None, headers: Headers::default(), value }
}

/// The input that an output is named after.
pub(super) fn named(output: &Outgoing) -> u64 {
    std::str::from_utf8(output.value.bytes().unwrap()).unwrap().parse().unwrap()
}

fn message(offset: i64) -> Message {
    let (topic, headers) = (Arc::from(INPUT), Headers::default());
    Message { topic, partition: 0, offset, timestamp: Timestamp(0), key: None, headers, value: None }
}

/// How much happens, and which rules hold.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    pub(super) off: Off,
    pub(super) inputs: i64,
    pub(super) claims: u8,
    /// Crashes, revocations, failed appends and failed sends.
    pub(super) faults: u8,
    pub(super) marks: u8,
    pub(super) limits: Limits,
}

/// One instance: the real protocol, and what its shell has underway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Instance {
    pub(super) core: Core<Tally, NoSideEffect>,
    /// The next record to be read back.
    pub(super) at: usize,
    /// At its producer, in order.
    pub(super) appends: VecDeque<Arc<Record>>,
    pub(super) sends: VecDeque<(i64, u64)>,
    /// The claim whose state is to be loaded.
    load: Option<i64>,
    next_input: i64,
    /// Something failed, and the worker has not heard of it yet.
    failed: bool,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct System {
    pub(super) log: Vec<Arc<Record>>,
    pub(super) instances: [Instance; 2],
    /// Appends of producers that were dropped, each in its order: they may still land.
    pub(super) late: Vec<VecDeque<Arc<Record>>>,
    /// Outputs that have arrived, as bits.
    pub(super) arrived: u64,
    pub(super) claims: u8,
    pub(super) faults: u8,
    pub(super) marks: u8,
}

impl System {
    /// A request of the instance's, which `take` takes away, fails; the instance has yet to hear of it.
    fn fails(&mut self, i: usize, take: impl FnOnce(&mut Instance) -> bool) {
        self.instances[i].failed = take(&mut self.instances[i]);
        self.faults += 1;
    }
}

/// What can happen. The number is the instance's, or the late producer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Happening {
    Claim(usize),
    /// The oldest append at the producer lands.
    Lands(usize),
    Read(usize),
    /// The view has applied the claim, and nothing after it.
    Load(usize),
    /// The view has applied everything there is.
    LoadAhead(usize),
    Decide(usize),
    Rest(usize),
    /// The oldest message at the producer arrives, and the worker hears of it.
    Arrives(usize),
    /// The oldest append fails for good; what is queued behind it may still land before the worker hears of it, or later.
    AppendFails(usize),
    SendFails(usize),
    HearsOfFailure(usize),
    Revoked(usize),
    /// The process ends at once, and a new one starts.
    Crash(usize),
    LateLands(usize),
}

impl Protocol {
    pub(super) fn start(&self) -> System {
        let instance = self.instance();
        let instances = [instance.clone(), instance];
        System { log: Vec::new(), instances, late: Vec::new(), arrived: 0, claims: 0, faults: 0, marks: 0 }
    }

    fn instance(&self) -> Instance {
        let mut core = Core::new(0, 1, self.limits);
        core.off = self.off;
        let (appends, sends) = (VecDeque::new(), VecDeque::new());
        Instance { core, at: 0, appends, sends, load: None, next_input: 0, failed: false }
    }

    pub(super) fn reader(&self) -> Reader {
        Reader { off: self.off.rule, ..Reader::default() }
    }

    /// What can happen next.
    pub(super) fn choices(&self, s: &System, all: &mut Vec<Happening>) {
        for (i, instance) in s.instances.iter().enumerate() {
            let faulty = s.faults < self.faults;
            if instance.core.is_idle() {
                if s.claims < self.claims {
                    all.push(Happening::Claim(i));
                }
                continue;
            }
            let mut may = |when: bool, what: Happening| all.extend(when.then_some(what));
            may(instance.at < s.log.len(), Happening::Read(i));
            may(!instance.appends.is_empty(), Happening::Lands(i));
            may(!instance.sends.is_empty(), Happening::Arrives(i));
            may(instance.load.is_some(), Happening::Load(i));
            may(instance.load.is_some_and(|at| at + 1 < s.log.len() as i64), Happening::LoadAhead(i));
            may(instance.failed, Happening::HearsOfFailure(i));
            may(faulty && !instance.failed && !instance.appends.is_empty(), Happening::AppendFails(i));
            may(faulty && !instance.failed && !instance.sends.is_empty(), Happening::SendFails(i));
            may(faulty, Happening::Crash(i));
            if instance.core.is_owner() {
                let more = instance.next_input < self.inputs && instance.core.queued() == 0;
                may(more, Happening::Decide(i));
                may(s.marks < self.marks && self.marks_now(instance), Happening::Rest(i));
            } else {
                may(faulty, Happening::Revoked(i));
            }
        }
        all.extend((0..s.late.len()).map(Happening::LateLands));
    }

    /// Whether resting would write a mark.
    fn marks_now(&self, instance: &Instance) -> bool {
        let mut out = Vec::new();
        instance.core.clone().handle(Input::Rest, &mut out);
        !out.is_empty()
    }

    /// What follows.
    pub(super) fn follow(&self, s: &System, what: Happening) -> System {
        let mut n = s.clone();
        match what {
            Happening::Claim(i) => {
                n.claims += 1;
                n.instances[i].at = n.log.len();
                let nonce = Uuid::from_u128(n.claims.into());
                self.tell(&mut n, i, Input::Assigned { nonce, instance: String::new() });
            }
            Happening::Lands(i) => n.log.extend(n.instances[i].appends.pop_front()),
            Happening::Read(i) => {
                let at = n.instances[i].at;
                n.instances[i].at += 1;
                let (offset, head) = (at as i64, n.log[at].head());
                self.tell(&mut n, i, Input::ReadBack { offset, head });
            }
            Happening::Load(i) | Happening::LoadAhead(i) => {
                let claim = n.instances[i].load.take().unwrap() as usize;
                let until = if what == Happening::Load(i) { claim + 1 } else { n.log.len() };
                let snapshot = self.snapshot(&n.log[..until]);
                self.tell(&mut n, i, Input::Loaded(snapshot));
            }
            Happening::Decide(i) => {
                let offset = n.instances[i].next_input;
                n.instances[i].next_input += 1;
                self.tell(&mut n, i, Input::Message(message(offset)));
            }
            Happening::Rest(i) => {
                n.marks += 1;
                self.tell(&mut n, i, Input::Rest);
            }
            Happening::Arrives(i) => {
                let (offset, output) = n.instances[i].sends.pop_front().unwrap();
                n.arrived |= 1 << output;
                self.tell(&mut n, i, Input::Delivered { offset });
            }
            Happening::AppendFails(i) => n.fails(i, |instance| instance.appends.pop_front().is_some()),
            Happening::SendFails(i) => n.fails(i, |instance| instance.sends.pop_front().is_some()),
            Happening::HearsOfFailure(i) => self.tell(&mut n, i, Input::Failed(String::new())),
            Happening::Revoked(i) => {
                n.faults += 1;
                self.tell(&mut n, i, Input::Revoked);
                self.drop_producer(&mut n, i);
            }
            Happening::Crash(i) => {
                n.faults += 1;
                self.drop_producer(&mut n, i);
                n.instances[i] = self.instance();
            }
            Happening::LateLands(producer) => {
                n.log.extend(n.late[producer].pop_front());
                n.late.retain(|queue| !queue.is_empty());
            }
        }
        n
    }

    /// Gives the protocol an input, lets it decide, and takes what it says.
    fn tell(&self, n: &mut System, i: usize, input: Input<Tally>) {
        let mut out = Vec::new();
        let store: BTreeMap<String, Tally> = BTreeMap::new();
        let core = &mut n.instances[i].core;
        core.handle(input, &mut out);
        core.pump(&Env { handler: &Tallies, store: &store, now: Timestamp(0), view_applied: 0 }, &mut out);
        // A count for people, which would only tell equal states apart.
        core.voids = 0;
        for output in out {
            let instance = &mut n.instances[i];
            match output {
                Output::Append(record) => instance.appends.push_back(record),
                Output::Load { claim } => instance.load = Some(claim),
                Output::Claimed(positions) => instance.next_input = positions.get(INPUT).copied().unwrap_or(0),
                Output::Send { offset, messages } => instance.sends.extend(messages.iter().map(|m| (offset, named(m)))),
                Output::StepDown(StepDown::ForeignClaim | StepDown::Failed(_) | StepDown::Refused(_)) => {
                    self.drop_producer(n, i)
                }
                Output::Execute(_) | Output::Abandon(_) | Output::Drained => {
                    unreachable!("nothing here acts or drains")
                }
            }
        }
    }

    /// What the producer still has of the journal may land later; what it has of messages is lost.
    fn drop_producer(&self, n: &mut System, i: usize) {
        let dropped = std::mem::replace(&mut n.instances[i], self.instance());
        // In line with all others that never claimed: only the log matters from here on.
        n.instances[i].core = dropped.core;
        if !dropped.appends.is_empty() {
            n.late.push(dropped.appends);
            n.late.sort_by_key(|queue| queue.front().map(|r| rank(r)));
        }
    }

    /// What the view holds of a log.
    fn snapshot(&self, log: &[Arc<Record>]) -> Snapshot<Tally> {
        let mut snapshot = Snapshot::default();
        let (mut reader, mut delivered) = (self.reader(), 0);
        for (offset, record) in (0..).zip(log) {
            let Record::Entry(entry) = &**record else {
                reader.judge(offset, record.head());
                continue;
            };
            if reader.judge(offset, record.head()) != Verdict::Valid {
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

    /// Whether this instance owns the log, has read all of it, and has nothing left to do.
    pub(super) fn rests(&self, s: &System, instance: &Instance) -> bool {
        let nothing = instance.appends.is_empty() && instance.sends.is_empty() && instance.core.queued() == 0;
        let read = instance.at == s.log.len() && instance.next_input == self.inputs;
        instance.core.is_owner() && nothing && read && !instance.failed
    }

    /// Where reading stands after these positions.
    pub(super) fn position(positions: &Positions) -> i64 {
        positions.get(INPUT).copied().unwrap_or(0)
    }
}

fn rank(record: &Record) -> (u128, i64, u64) {
    match record {
        Record::Claim(claim) => (claim.nonce.as_u128(), 0, 0),
        Record::Entry(entry) => (0, entry.owner, entry.seq),
    }
}
