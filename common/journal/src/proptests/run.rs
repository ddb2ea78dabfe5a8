//! A random run: a log of bytes, two instances with a lagging view each, and the events that can happen to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;
use vocabulary::messages::{Headers, Message, Outgoing};
use vocabulary::time::Timestamp;

use super::shop::{Basket, Order, Shop, intents_of};
use super::view::View;
use crate::core::Core;
use crate::error::Failure;
use crate::interface::{Env, Input, Output, Ticket};
use crate::limits::Limits;
use crate::record::{Head, Positions, Record};

pub(super) const TOPICS: [&str; 2] = ["in-a", "in-b"];
/// The topic that direct messages name. Their offset is their ticket.
pub(super) const DIRECT: &str = "direct";

/// What can happen. The first number chooses the instance.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Claim(usize),
    Lands(usize),
    /// Acknowledgements of appends arrive; true if the first of them is lost.
    Acknowledged(usize, usize, bool),
    Reads(usize, usize),
    ViewApplies(usize, usize),
    /// Messages of a topic: its index, their number, and true if one comes again.
    Messages(usize, usize, usize, bool),
    /// A direct message.
    Direct(usize, Order),
    Arrives(usize, usize),
    Rest(usize),
    Time(i64),
    AppendFails(usize),
    FailureReported(usize),
    Crash(usize),
    Revoked(usize),
    Drain(usize),
    LateLands(usize),
    /// Bytes that no instance wrote.
    Garbage,
}

/// One instance.
pub(super) struct Instance {
    pub(super) core: Core<Basket, ()>,
    /// The records that it has read back.
    pub(super) read: View,
    /// The offset of the next record to read back; behind `read` where appends were acknowledged.
    reads: i64,
    pub(super) view: View,
    appends: VecDeque<Vec<u8>>,
    /// Offsets of appends whose acknowledgements are under way.
    acks: VecDeque<i64>,
    sends: VecDeque<(i64, Outgoing)>,
    load: Option<i64>,
    /// The next offset to hand over, by topic.
    handed: Positions,
    failed: bool,
    /// Side effects in progress.
    pub(super) effects: BTreeSet<String>,
}

impl Instance {
    /// Applies a record that the protocol takes, unless it is known.
    fn know(&mut self, bytes: &[u8], offset: i64) {
        if offset == self.read.applied {
            self.read.apply(bytes);
            self.read.applied += 1;
        }
    }
}

/// The run so far.
pub(super) struct Run {
    limits: Limits,
    pub(super) topics: BTreeMap<&'static str, Vec<(i64, Order)>>,
    /// The offset behind the last message of each topic.
    pub(super) ends: Positions,
    pub(super) log: Vec<Vec<u8>>,
    pub(super) instances: [Instance; 2],
    late: Vec<VecDeque<Vec<u8>>>,
    pub(super) arrived: Vec<Outgoing>,
    pub(super) now: Timestamp,
    /// The ends that each claim was given, by the claim's offset.
    pub(super) ends_at_claim: BTreeMap<i64, Positions>,
    claims: u128,
    /// Direct messages so far.
    direct: Ticket,
    /// Those that were accepted.
    pub(super) accepted: BTreeSet<Ticket>,
    /// Those whose decisions change and send nothing.
    pub(super) unanswered: BTreeSet<Ticket>,
}

impl Run {
    pub(super) fn new(limits: Limits, topics: BTreeMap<&'static str, Vec<(i64, Order)>>) -> Self {
        let end = |messages: &Vec<(i64, Order)>| messages.last().map_or(0, |(offset, _)| offset + 1);
        let ends = topics.iter().map(|(topic, messages)| ((*topic).to_owned(), end(messages))).collect();
        let instances = [instance(limits), instance(limits)];
        let log = vec![];
        let late = vec![];
        let arrived = vec![];
        let ends_at_claim = BTreeMap::new();
        Self {
            limits,
            topics,
            ends,
            log,
            instances,
            late,
            arrived,
            now: Timestamp(0),
            ends_at_claim,
            claims: 0,
            direct: 0,
            accepted: BTreeSet::new(),
            unanswered: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Claim(i) => {
                self.claims += 1;
                let nonce = Uuid::from_u128(self.claims);
                self.input(i, Input::Assigned { nonce, instance: format!("instance {i}") });
            }
            Step::Lands(i) => self.lands(i),
            Step::Acknowledged(i, n, lost) => {
                if lost {
                    self.instances[i].acks.pop_front();
                }
                (0..n).for_each(|_| self.acknowledged(i));
            }
            Step::Reads(i, n) => (0..n).for_each(|_| self.reads(i)),
            Step::ViewApplies(i, n) => {
                let until = self.instances[i].view.applied as usize + n;
                self.instances[i].view.catch_up(&self.log, until);
                self.load(i);
            }
            Step::Messages(i, topic, n, again) => self.messages(i, TOPICS[topic], n, again),
            Step::Direct(i, ref order) => {
                self.direct += 1;
                let ticket = self.direct;
                self.unanswered.extend((*order == Order::Nothing).then_some(ticket));
                let message = message(DIRECT, ticket.cast_signed(), order);
                self.input(i, Input::Direct { message, ticket });
            }
            Step::Arrives(i, n) => (0..n).for_each(|_| self.arrives(i)),
            Step::Rest(i) => self.input(i, Input::Idle),
            Step::Time(by) => self.now.0 += by,
            Step::AppendFails(i) => self.instances[i].failed |= self.instances[i].appends.pop_front().is_some(),
            Step::FailureReported(i) if self.instances[i].failed => self.input(i, Input::Failed(Failure::Stalled)),
            Step::FailureReported(_) => {}
            Step::Crash(i) => {
                self.drop_producer(i);
                let view = std::mem::take(&mut self.instances[i].view);
                let read = std::mem::take(&mut self.instances[i].read);
                // A new process reads the journal from the view's offset, which may be behind.
                let reads = view.applied.min(read.applied);
                self.instances[i] = Instance { view, read, reads, ..instance(self.limits) };
            }
            Step::Revoked(i) => {
                self.input(i, Input::Revoked);
                self.drop_producer(i);
            }
            Step::Drain(i) => self.input(i, Input::Drain),
            Step::LateLands(n) => {
                if let Some(n) = n.checked_rem(self.late.len()) {
                    self.log.extend(self.late[n].pop_front());
                    self.late.retain(|queue| !queue.is_empty());
                }
            }
            Step::Garbage => self.log.push(b"{\"entry\":".to_vec()),
        }
    }

    fn lands(&mut self, i: usize) {
        if let Some(append) = self.instances[i].appends.pop_front() {
            self.instances[i].acks.push_back(self.log.len() as i64);
            self.log.push(append);
        }
    }

    fn reads(&mut self, i: usize) {
        let instance = &mut self.instances[i];
        let offset = instance.reads;
        let Some(bytes) = self.log.get(offset as usize) else { return };
        instance.reads += 1;
        instance.know(bytes, offset);
        let head = Record::decode(bytes).map_or(Head::Garbage, |record| record.head());
        self.input(i, Input::ReadBack { offset, head });
    }

    /// The oldest acknowledgement arrives. What is acted on must be what the log has.
    fn acknowledged(&mut self, i: usize) {
        let instance = &mut self.instances[i];
        let Some(offset) = instance.acks.pop_front() else { return };
        let bytes = &self.log[offset as usize];
        let head = Record::decode(bytes).unwrap().head();
        if instance.core.is_next(offset) {
            instance.know(bytes, offset);
        }
        self.input(i, Input::Stored { offset, head });
    }

    /// Once the claim is applied: hands over the view's content, which may be newer.
    fn load(&mut self, i: usize) {
        let instance = &mut self.instances[i];
        if let Some(claim) = instance.load.filter(|claim| *claim < instance.view.applied) {
            instance.load = None;
            self.ends_at_claim.insert(claim, self.ends.clone());
            let snapshot = instance.view.snapshot(self.ends.clone());
            self.input(i, Input::Loaded(snapshot));
        }
    }

    fn messages(&mut self, i: usize, topic: &'static str, n: usize, again: bool) {
        let instance = &mut self.instances[i];
        if !instance.core.is_owner() {
            return;
        }
        let next = instance.handed.get(topic).copied().unwrap_or(0);
        let messages = &self.topics[topic];
        let from = messages.partition_point(|(offset, _)| *offset < next);
        let first = from.saturating_sub(usize::from(again));
        let to = (from + n).min(messages.len());
        for (offset, order) in &messages[first..to] {
            instance.handed.insert(topic.to_owned(), (offset + 1).max(next));
            let input = Input::Message(message(topic, *offset, order));
            instance.core.handle(input, &mut Vec::new());
        }
        self.pump(i, Vec::new());
    }

    fn arrives(&mut self, i: usize) {
        if let Some((offset, message)) = self.instances[i].sends.pop_front() {
            self.arrived.push(message);
            self.input(i, Input::Delivered { offset });
        }
    }

    pub(super) fn input(&mut self, i: usize, input: Input<Basket>) {
        let mut out = Vec::new();
        self.instances[i].core.handle(input, &mut out);
        self.pump(i, out);
    }

    fn pump(&mut self, i: usize, mut out: Vec<Output<()>>) {
        let instance = &mut self.instances[i];
        let view_applied = instance.view.applied;
        let env = Env { handler: &Shop, store: &instance.view, now: self.now, view_applied };
        instance.core.pump(&env, &mut out);
        for output in out {
            self.execute(i, output);
        }
    }

    fn execute(&mut self, i: usize, output: Output<()>) {
        let instance = &mut self.instances[i];
        match output {
            Output::Append(record) => instance.appends.push_back(record.encode().unwrap()),
            Output::Decided { .. } => {}
            Output::Load { claim } => {
                instance.load = Some(claim);
                self.load(i);
            }
            Output::Claimed(positions) => instance.handed = positions,
            Output::Send { offset, messages } => {
                let limit = self.limits.undelivered_messages;
                assert!(instance.sends.len() < limit, "{} messages are in the producer", instance.sends.len());
                instance.sends.extend(messages.iter().map(|m| (offset, m.clone())));
            }
            Output::Execute(intent) => {
                // Right after a claim the loaded view may be ahead of the records read.
                let durable = wants(&instance.read, &intent.id) || wants(&instance.view, &intent.id);
                assert!(durable, "{} is requested and not durably wanted", intent.id);
                assert!(instance.effects.insert(intent.id), "requested twice");
            }
            Output::Abandon(id) => {
                assert!(!wants(&instance.read, &id), "{id} is abandoned and still wanted");
                assert!(instance.effects.remove(&id), "abandoned and never requested");
            }
            Output::TimerHeld { key, reason } => panic!("the timer of {key} is held: {reason}"),
            Output::SetAside { topic, offset, reason } => panic!("{topic}/{offset} was set aside: {reason}"),
            Output::Accepted(ticket) => assert!(self.accepted.insert(ticket), "accepted twice"),
            Output::Declined(ticket) => assert!(!self.accepted.contains(&ticket), "declined after it was accepted"),
            Output::Drained => {
                assert!(instance.appends.is_empty() && instance.sends.is_empty());
                self.step(&Step::Revoked(i));
            }
            Output::StepDown(_) => self.drop_producer(i),
        }
    }

    fn drop_producer(&mut self, i: usize) {
        let instance = &mut self.instances[i];
        let appends = std::mem::take(&mut instance.appends);
        self.late.extend((!appends.is_empty()).then_some(appends));
        instance.sends.clear();
        instance.effects.clear();
        instance.load = None;
        instance.failed = false;
    }

    /// Lets everything come to rest under instance 0, while the clock runs.
    pub(super) fn settle(&mut self) {
        self.step(&Step::Crash(1));
        if !self.instances[0].core.is_idle() {
            self.step(&Step::Crash(0));
        }
        self.step(&Step::Claim(0));
        for round in 0..2_000 {
            for step in [Step::Lands(0), Step::Reads(0, 1), Step::ViewApplies(0, 1), Step::Arrives(0, 1)] {
                self.step(&step);
            }
            self.step(&Step::Messages(0, round % 2, 1, false));
            self.now.0 += 1;
            if self.quiet() {
                return;
            }
            self.step(&Step::Rest(0));
        }
        panic!("it never came to rest");
    }

    fn quiet(&self) -> bool {
        let instance = &self.instances[0];
        let read = instance.reads as usize == self.log.len() && instance.view.applied == instance.read.applied;
        let handed = self.topics.iter().all(|(topic, messages)| {
            messages.last().is_none_or(|(offset, _)| instance.read.positions.get(*topic) == Some(&(offset + 1)))
        });
        let sent = instance.appends.is_empty() && instance.sends.is_empty() && instance.read.unsent.is_empty();
        instance.core.is_owner() && read && handed && sent && instance.core.next_timer().is_none()
    }
}

/// Returns true if a view's states want this side effect.
fn wants(view: &View, id: &str) -> bool {
    let key = id.rsplit_once(' ').map_or("", |(key, _)| key);
    view.basket(key).is_some_and(|basket| intents_of(key, &basket).iter().any(|wanted| wanted == id))
}

fn instance(limits: Limits) -> Instance {
    let read = View::default();
    let view = View::default();
    let handed = Positions::new();
    let effects = BTreeSet::new();
    let appends = VecDeque::new();
    let acks = VecDeque::new();
    let sends = VecDeque::new();
    let core = Core::new(0, 1, limits);
    Instance { core, read, reads: 0, view, appends, acks, sends, load: None, handed, failed: false, effects }
}

fn message(topic: &str, offset: i64, order: &Order) -> Message {
    let value = Some(serde_json::to_vec(order).unwrap());
    let headers = Headers::default();
    Message { topic: topic.into(), partition: 0, offset, timestamp: Timestamp(0), key: None, headers, value }
}
