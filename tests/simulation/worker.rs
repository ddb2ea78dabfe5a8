//! The worker of one partition in one instance. It drives the real protocol with the service's real handler, as the
//! Kafka runtime does (`common/runtime/src/worker/partition.rs`), one step at a time.

mod offer;
mod reports;

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::journal::{
    Core, Env, Failure, Handler, Head, Input, Intent, Limits, Output, Positions, Record, Snapshot, StepDown, Ticket,
};
use common::messages::{Message, Outgoing};
use common::time::Timestamp;
use common::worker::Executor;
use uuid::Uuid;

use crate::injected_bug::InjectedBug;
use crate::kafka::{PARTITIONS, Producer};
use crate::sim_state::SimState;
use crate::step::WorkerStep;
use crate::view::View;

/// The group's session timeout.
pub const SESSION: i64 = 10_000;
const FIRST_PAUSE: i64 = 200;
const LAST_PAUSE: i64 = 30_000;

/// The parts that all workers of a service share.
pub struct Rules<H, R> {
    pub name: &'static str,
    pub journal: &'static str,
    pub inputs: Vec<String>,
    /// The input that no other service reads.
    pub commands: &'static str,
    pub handler: H,
    pub actor: R,
    pub limits: Limits,
}

/// Identifies a worker.
#[derive(Clone, Copy)]
pub struct WorkerId {
    pub service: usize,
    pub instance: usize,
    pub partition: i32,
}

/// The worker.
pub struct Worker<H: Handler> {
    id: WorkerId,
    core: Core<H::Entity, H::SideEffect>,
    pub view: View,
    /// The next journal offset to read back.
    read: i64,
    /// Whether the group's last message assigned the partition.
    assigned: bool,
    draining: bool,
    claim_at: i64,
    pause: i64,
    loading: Option<i64>,
    loaded: Option<Snapshot<H::Entity>>,
    producer: Option<Producer>,
    /// Delivery reports that have not arrived.
    reports: VecDeque<Input<H::Entity>>,
    /// The next offset of each input, while the inputs are read.
    received: Option<Positions>,
    side_effects: BTreeMap<String, Intent<H::SideEffect>>,
    results: VecDeque<Outgoing>,
    /// Results that the worker took without a topic, and that are not yet durable.
    direct: BTreeMap<Ticket, (Outgoing, Message)>,
    next_ticket: Ticket,
}

/// The output of a future that is ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a simulated provider never waits"),
    }
}

impl<H: Handler> Worker<H> {
    pub fn new(id: WorkerId, limits: Limits) -> Self {
        Self {
            id,
            core: Core::new(id.partition, PARTITIONS, limits),
            view: View::default(),
            read: 0,
            assigned: false,
            draining: false,
            claim_at: 0,
            pause: FIRST_PAUSE,
            loading: None,
            loaded: None,
            producer: None,
            reports: VecDeque::new(),
            received: None,
            side_effects: BTreeMap::new(),
            results: VecDeque::new(),
            direct: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// The inputs with unread messages.
    fn readable<'a, R>(&'a self, rules: &'a Rules<H, R>, sim: &'a SimState) -> impl Iterator<Item = &'a String> {
        let next = |topic: &str| self.received.as_ref().map(|received| received.get(topic).copied().unwrap_or(0));
        let readable =
            move |topic: &&String| next(topic).is_some_and(|next| next < sim.kafka.end(topic, self.id.partition));
        rules.inputs.iter().filter(readable)
    }

    /// Executes one step.
    pub fn step<R>(&mut self, step: WorkerStep, rules: &Rules<H, R>, sim: &mut SimState, local: i64)
    where
        R: Executor<SideEffect = H::SideEffect>,
    {
        match step {
            WorkerStep::Assigned => {
                if self.draining {
                    self.release(sim);
                }
                self.assigned = true;
                self.claim_at = sim.now;
            }
            WorkerStep::Revoked | WorkerStep::Lost => {
                self.assigned = false;
                self.draining = true;
                self.received = None;
                self.handle(Input::Drain, rules, sim, local);
                if step == WorkerStep::Lost || !self.core.is_owner() {
                    self.release(sim);
                }
            }
            WorkerStep::DrainTimeout => self.release(sim),
            WorkerStep::Claim => self.claim(rules, sim, local),
            WorkerStep::Append | WorkerStep::AppendFails | WorkerStep::AppendUnknown => self.append(step, sim),
            WorkerStep::Reports => self.take_reports(rules, sim, local),
            WorkerStep::ReadBack => self.read_back(rules, sim, local),
            WorkerStep::Apply => {
                let until = self.view.applied as usize + sim.rng.usize(1..8);
                let log = sim.kafka.journal(rules.journal, self.id.partition);
                for record in log.iter().take(until).skip(self.view.applied as usize) {
                    self.view.apply(record, sim.bug);
                }
            }
            WorkerStep::Load => self.load(rules, sim, local),
            WorkerStep::LoadFails => {
                self.loading = None;
                self.loaded = None;
                self.handle(Input::Failed(Failure::Load("the view can't be read".to_owned())), rules, sim, local);
            }
            WorkerStep::Deliver | WorkerStep::DeliverAgain => {
                self.deliver(step == WorkerStep::DeliverAgain, rules, sim, local)
            }
            WorkerStep::Tick => self.handle_all([], rules, sim, local),
            WorkerStep::EvictIdle => self.handle(Input::Idle, rules, sim, local),
            WorkerStep::SideEffect => self.execute(rules, sim, local),
            WorkerStep::Result | WorkerStep::ResultUnknown => {
                self.send_result(step == WorkerStep::ResultUnknown, rules, sim, local)
            }
        }
    }

    fn claim<R>(&mut self, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        sim.tally.claims += 1;
        let nonce = Uuid::from_u64_pair(sim.rng.u64(..), sim.rng.u64(..));
        self.producer = Some(Producer::new(rules.name));
        self.handle(
            Input::Assigned { nonce, instance: format!("{}-{}", rules.name, self.id.instance) },
            rules,
            sim,
            local,
        );
    }

    fn append(&mut self, step: WorkerStep, sim: &mut SimState) {
        let Some(producer) = &mut self.producer else { return };
        let records = if step == WorkerStep::Append { sim.rng.usize(1..5) } else { 1 };
        for _ in 0..records {
            if step == WorkerStep::AppendFails {
                producer.drop_first(&mut sim.rng);
            } else if let Some(report) = sim.append_next(producer)
                && step == WorkerStep::Append
            {
                self.reports.push_back(report);
            }
        }
        if step != WorkerStep::Append {
            self.reports.push_back(Input::Failed(Failure::Send("it could not be sent".to_owned())));
        }
    }

    fn read_back<R>(&mut self, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        let from = self.read as usize;
        let until = self.read as usize + sim.rng.usize(1..5);
        let log = sim.kafka.journal(rules.journal, self.id.partition);
        let heads: Vec<Head> = log.iter().take(until).skip(from).map(|record| record.head).collect();
        if heads.iter().any(|head| matches!(head, Head::Entry { .. })) && self.core.is_owner() {
            self.pause = FIRST_PAUSE;
        }
        let first = self.read;
        self.read += heads.len() as i64;
        let inputs = (first..).zip(heads).map(|(offset, head)| Input::ReadBack { offset, head });
        self.handle_all(inputs, rules, sim, local);
    }

    fn load<R>(&mut self, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        // Loading takes time: records read back meanwhile are handled first.
        if let Some(snapshot) = self.loaded.take() {
            return self.handle(Input::Loaded(snapshot), rules, sim, local);
        }
        let Some(claim) = self.loading.take() else { return };
        let at = |topic: &str| self.view.positions.get(topic).copied().unwrap_or(0);
        let end = |topic: &String| (topic.clone(), sim.kafka.end(topic, self.id.partition));
        let ends: Positions = rules.inputs.iter().map(end).filter(|(topic, end)| at(topic) < *end).collect();
        sim.invariants.loaded(((rules.journal.into(), self.id.partition), claim), &ends);
        let snapshot = self.view.snapshot(ends, sim.bug);
        self.loaded = Some(snapshot);
    }

    fn deliver<R>(&mut self, again: bool, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        let topics: Vec<String> = self.readable(rules, sim).cloned().collect();
        let (Some(topic), Some(received)) = (sim.rng.choice(topics), &mut self.received) else { return };
        let log = sim.kafka.messages(&topic, self.id.partition);
        let next = received.get(&topic).copied().unwrap_or(0);
        let from = log.partition_point(|message| message.offset < next);
        let back = if again { sim.rng.usize(1..6) } else { 0 };
        let first = from.saturating_sub(back);
        let to = (from + sim.rng.usize(1..6)).min(log.len());
        let messages = log[first..to].to_vec();
        if let Some(last) = messages.last() {
            received.insert(topic, last.offset + 1);
        }
        self.handle_all(messages.into_iter().map(Input::Message), rules, sim, local);
    }

    fn execute<R: Executor<SideEffect = H::SideEffect>>(
        &mut self,
        rules: &Rules<H, R>,
        sim: &mut SimState,
        local: i64,
    ) {
        let due = self.side_effects.iter().filter(|(_, intent)| intent.due.0 <= local).map(|(id, _)| id.clone());
        let Some(intent) = sim.rng.choice(due.collect::<Vec<_>>()).and_then(|id| self.side_effects.remove(&id)) else {
            return;
        };
        sim.trace.record(|| format!("    side effect: {}", intent.id));
        self.results.extend(ready(rules.actor.execute(&intent, Timestamp(local))));
    }

    /// Sends a result over its topic, or hands it to the worker at once. `unknown`: its sender does not learn that it
    /// arrived, and sends it again.
    fn send_result<R>(&mut self, unknown: bool, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        let Some(result) = self.results.pop_front() else { return };
        if unknown {
            self.results.push_back(result.clone());
        }
        let is_own = result.topic == rules.commands && result.partition_of(PARTITIONS) == self.id.partition;
        if is_own && sim.rng.bool() {
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            let message = result.clone().received(rules.name, self.id.partition, -1, Timestamp(local));
            self.direct.insert(ticket, (result, message.clone()));
            self.handle(Input::Direct { message, ticket }, rules, sim, local);
        } else {
            sim.write(rules.name, result);
        }
    }

    fn handle<R>(&mut self, input: Input<H::Entity>, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        self.handle_all([input], rules, sim, local);
    }

    /// Passes the inputs to the protocol, lets it decide, and applies its outputs.
    fn handle_all<R>(
        &mut self,
        inputs: impl IntoIterator<Item = Input<H::Entity>>,
        rules: &Rules<H, R>,
        sim: &mut SimState,
        local: i64,
    ) {
        let mut out = Vec::new();
        for input in inputs {
            self.core.handle(input, &mut out);
        }
        let view_applied = self.view.applied;
        let env = Env { handler: &rules.handler, store: &self.view, now: Timestamp(local), view_applied };
        self.core.pump(&env, &mut out);
        for output in out {
            self.apply(output, rules.journal, sim);
        }
    }

    fn apply(&mut self, output: Output<H::SideEffect>, journal: &str, sim: &mut SimState) {
        match (output, &mut self.producer) {
            (Output::StepDown(why), _) => self.step_down(&why, sim),
            (Output::Load { claim }, _) => self.loading = Some(claim),
            (Output::Accepted(ticket), _) => sim.direct.extend(self.direct.remove(&ticket).map(|(_, message)| message)),
            (Output::Declined(ticket), _) => self.results.extend(self.direct.remove(&ticket).map(|(result, _)| result)),
            (Output::SetAside { topic, offset, reason }, _) => {
                sim.invariants.violations.push(format!("{topic}/{offset} was set aside: {reason}"));
            }
            (Output::TimerHeld { key, reason }, _) => {
                sim.invariants.violations.push(format!("the timer of {key} is held: {reason}"));
            }
            (Output::Drained, _) if self.draining => self.release(sim),
            (Output::Drained | Output::Decided { .. }, _) => {}
            (Output::Claimed(positions), _) => self.received = Some(positions),
            (Output::Append(record), Some(producer)) => {
                producer.append(journal, self.id.partition, record.encode().unwrap());
                if let (InjectedBug::SendsBeforeReadBack, Record::Entry(entry)) = (sim.bug, &*record) {
                    entry.outbox.iter().for_each(|message| producer.send(Some(-1), message.clone()));
                }
            }
            (Output::Send { offset, messages }, Some(producer)) => {
                messages.iter().for_each(|message| producer.send(Some(offset), message.clone()));
            }
            (Output::Execute(intent), Some(_)) => _ = self.side_effects.insert(intent.id.clone(), intent),
            (Output::Abandon(id), Some(_)) => _ = self.side_effects.remove(&id),
            (Output::Append(_) | Output::Send { .. } | Output::Execute(_) | Output::Abandon(_), None) => {}
        }
    }

    fn step_down(&mut self, why: &StepDown, sim: &mut SimState) {
        let least = match why {
            StepDown::ForeignClaim => SESSION,
            StepDown::Failed(_) | StepDown::LossAccepted | StepDown::InputsChanged => 0,
            StepDown::Refused(why) => {
                sim.invariants.violations.push(format!("a service rejects its journal: {why}"));
                0
            }
        };
        let pause = self.pause.max(least);
        self.claim_at = sim.now + pause + sim.rng.i64(0..=pause / 4);
        self.pause = (pause * 2).min(LAST_PAUSE.max(least));
        sim.trace.record(|| format!("    steps down: {why:?}"));
        self.release(sim);
    }

    /// Drops the state of the claim, here and in the protocol.
    fn release(&mut self, sim: &mut SimState) {
        self.core.handle(Input::Revoked, &mut Vec::new());
        self.producer.take().into_iter().for_each(|producer| sim.leave(producer));
        let mut results = Producer::new("payment-service");
        self.results.extend(std::mem::take(&mut self.direct).into_values().map(|(result, _)| result));
        self.results.drain(..).for_each(|result| results.send(None, result));
        sim.leave(results);
        self.side_effects.clear();
        self.reports.clear();
        self.loading = None;
        self.loaded = None;
        self.received = None;
        self.draining = false;
    }

    /// The process ends. Its view stays unless the disk is lost, too.
    pub fn crash(&mut self, lose_view: bool, limits: Limits, sim: &mut SimState) {
        self.release(sim);
        let view = if lose_view { View::default() } else { std::mem::take(&mut self.view) };
        *self = Self { read: view.applied, view, ..Self::new(self.id, limits) };
    }

    /// The process detects that it was stopped for longer than the session timeout.
    pub fn was_stalled<R>(&mut self, rules: &Rules<H, R>, sim: &mut SimState, local: i64) {
        self.handle(Input::Failed(Failure::Stalled), rules, sim, local);
    }

    /// The violations at the end of a run.
    pub fn violations<R>(&self, rules: &Rules<H, R>, assigned: bool, sim: &SimState) -> Vec<String> {
        let mut violations = Vec::new();
        let mut check = |good: bool, what: &str| {
            if !good {
                violations.push(format!("{}-{} partition {}: {what}", rules.name, self.id.instance, self.id.partition));
            }
        };
        check(self.core.is_owner() == assigned, "the owner is not the instance that the group assigned");
        check(self.side_effects.is_empty() && self.results.is_empty(), "side effects are left");
        check(self.core.queued() == 0, "messages are left");
        let valid = sim.invariants.view(rules.journal, self.id.partition);
        check(valid.is_some_and(|valid| valid.states == self.view.states), "the view differs from the journal");
        check(self.view.all_sent(), "the delivery of some messages is not marked");
        for topic in &rules.inputs {
            let end = sim.kafka.end(topic, self.id.partition);
            let at = self.view.positions.get(topic).copied();
            check(at.unwrap_or(0) == end, &format!("{topic} is processed up to {at:?} of {end}"));
        }
        violations
    }
}
