//! The worker of one partition in one instance. It drives the real protocol with the service's real rules, as the Kafka
//! shell does (`common/runtime/src/worker/partition.rs`), one step at a time.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::journal::{
    Core, Env, Failure, Handler, Head, Input, Intent, Limits, Output, Positions, Record, Snapshot, StepDown,
};
use common::messages::Outgoing;
use common::time::Timestamp;
use common::worker::Executor;
use uuid::Uuid;

use crate::kafka::{PARTITIONS, Producer};
use crate::sabotage::Sabotage;
use crate::step::{Choice, Step, Weather, Work};
use crate::view::View;
use crate::world::World;

/// The group's session timeout.
pub const SESSION: i64 = 10_000;
const FIRST_PAUSE: i64 = 200;
const LAST_PAUSE: i64 = 30_000;

/// What is the same for all workers of a service.
pub struct Rules<H, R> {
    pub name: &'static str,
    pub journal: &'static str,
    pub inputs: Vec<String>,
    pub handler: H,
    pub actor: R,
    pub limits: Limits,
}

/// The worker.
pub struct Worker<H: Handler> {
    /// Service, instance and partition.
    place: (usize, usize, i32),
    core: Core<H::Entity, H::SideEffect>,
    pub view: View,
    /// The next journal offset that the worker hears of.
    read: i64,
    /// Whether the group's last word was that the partition is its own.
    assigned: bool,
    draining: bool,
    claim_at: i64,
    pause: i64,
    loading: Option<i64>,
    loaded: Option<Snapshot<H::Entity>>,
    producer: Option<Producer>,
    /// What it will be told of what it sent.
    reports: VecDeque<Input<H::Entity>>,
    /// Where reading of the inputs stands, while it reads.
    handed: Option<Positions>,
    acts: BTreeMap<String, Intent<H::SideEffect>>,
    answers: VecDeque<Outgoing>,
}

/// What a future gives that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the provider of a simulation waits for nothing"),
    }
}

impl<H: Handler> Worker<H> {
    pub fn new(place: (usize, usize, i32), limits: Limits) -> Self {
        Self {
            place,
            core: Core::new(place.2, PARTITIONS, limits),
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
            handed: None,
            acts: BTreeMap::new(),
            answers: VecDeque::new(),
        }
    }

    /// What can happen here now. `ours`: the group means this instance.
    pub fn offer<R>(&self, rules: &Rules<H, R>, world: &World, (ours, local): (bool, i64), choice: &mut Choice) {
        let (service, instance, partition) = self.place;
        let Weather { fail, unknown, again, recovery, .. } = world.weather;
        let mut offer = |weight, work| choice.offer(weight, Step::Worker(service, instance, partition, work));
        let when = |so: bool, weight: u32| if so { weight } else { 0 };
        let log = world.kafka.journal(rules.journal, partition).len() as i64;
        let sending = self.producer.as_ref().is_some_and(|producer| !producer.is_empty());
        let landing = self.producer.as_ref().is_some_and(|producer| producer.can_land(&world.away));
        let faults = !world.weather.is_calm();
        offer(when(ours && !self.assigned, 20 + recovery), Work::HearAssigned);
        offer(when(!ours && self.assigned, recovery), Work::HearRevoked);
        offer(when(!ours && self.assigned && faults, 10), Work::HearLost);
        offer(when(self.draining && faults, 5), Work::CutOff);
        offer(when(self.assigned && self.core.is_idle() && self.claim_at <= world.now, 60), Work::Claim);
        offer(when(landing, 200), Work::Land);
        offer(when(sending, fail), Work::Fail);
        offer(when(landing, unknown), Work::LandUnknown);
        offer(when(!self.reports.is_empty(), 80), Work::Hear);
        offer(when(self.read < log, 200), Work::Read);
        offer(when(self.view.applied < log, 100), Work::Apply);
        let loadable = self.loaded.is_some() || self.loading.is_some_and(|claim| claim < self.view.applied);
        offer(when(loadable, 100), Work::Load);
        offer(when(loadable, fail), Work::LoadFails);
        let readable = self.readable(rules, world).next().is_some();
        offer(when(readable, 150), Work::Deliver);
        offer(when(readable, again), Work::DeliverAgain);
        offer(when(self.core.next_timer().is_some_and(|at| at.0 <= local), 40), Work::Tick);
        offer(when(self.core.is_owner() && faults, 5), Work::Rest);
        offer(when(self.acts.values().any(|intent| intent.due.0 <= local), 50), Work::Act);
        offer(when(!self.answers.is_empty(), 50), Work::Answer);
        offer(when(!self.answers.is_empty(), unknown), Work::AnswerUnknown);
    }

    /// When something can happen next by the time alone.
    pub fn next_wake(&self, skew: i64) -> Option<i64> {
        let claim = (self.assigned && self.core.is_idle()).then_some(self.claim_at);
        let timer = self.core.next_timer().map(|at| at.0 - skew);
        let acts = self.acts.values().map(|intent| intent.due.0 - skew);
        claim.into_iter().chain(timer).chain(acts).min()
    }

    /// The inputs that have something to be read.
    fn readable<'a, R>(&'a self, rules: &'a Rules<H, R>, world: &'a World) -> impl Iterator<Item = &'a String> {
        let next = |topic: &str| self.handed.as_ref().map(|handed| handed.get(topic).copied().unwrap_or(0));
        let readable =
            move |topic: &&String| next(topic).is_some_and(|next| next < world.kafka.end(topic, self.place.2));
        rules.inputs.iter().filter(readable)
    }

    /// Takes one step.
    pub fn work<R>(&mut self, work: Work, rules: &Rules<H, R>, world: &mut World, local: i64)
    where
        R: Executor<SideEffect = H::SideEffect>,
    {
        match work {
            Work::HearAssigned => {
                if self.draining {
                    self.release(world);
                }
                self.assigned = true;
                self.claim_at = world.now;
            }
            Work::HearRevoked | Work::HearLost => {
                self.assigned = false;
                self.draining = true;
                self.handed = None;
                self.tell(Input::Drain, rules, world, local);
                if work == Work::HearLost || !self.core.is_owner() {
                    self.release(world);
                }
            }
            Work::CutOff => self.release(world),
            Work::Claim => self.claim(rules, world, local),
            Work::Land | Work::Fail | Work::LandUnknown => self.send(work, world),
            Work::Hear => {
                let reports = std::mem::take(&mut self.reports);
                self.tell_all(reports, rules, world, local);
            }
            Work::Read => self.read_back(rules, world, local),
            Work::Apply => {
                let until = self.view.applied as usize + world.dice.usize(1..8);
                let log = world.kafka.journal(rules.journal, self.place.2);
                for written in log.iter().take(until).skip(self.view.applied as usize) {
                    self.view.apply(written, world.sabotage);
                }
            }
            Work::Load => self.load(rules, world, local),
            Work::LoadFails => {
                self.loading = None;
                self.loaded = None;
                self.tell(Input::Failed(Failure::Load("the view can't be read".to_owned())), rules, world, local);
            }
            Work::Deliver | Work::DeliverAgain => self.deliver(work == Work::DeliverAgain, rules, world, local),
            Work::Tick => self.tell_all([], rules, world, local),
            Work::Rest => self.tell(Input::Idle, rules, world, local),
            Work::Act => self.act(rules, world, local),
            Work::Answer | Work::AnswerUnknown => self.answer(work == Work::AnswerUnknown, rules.name, world),
        }
    }

    fn claim<R>(&mut self, rules: &Rules<H, R>, world: &mut World, local: i64) {
        world.tally.claims += 1;
        let nonce = Uuid::from_u64_pair(world.dice.u64(..), world.dice.u64(..));
        self.producer = Some(Producer::new(rules.name));
        self.tell(Input::Assigned { nonce, instance: format!("{}-{}", rules.name, self.place.1) }, rules, world, local);
    }

    fn send(&mut self, work: Work, world: &mut World) {
        let Some(producer) = &mut self.producer else { return };
        let records = if work == Work::Land { world.dice.usize(1..5) } else { 1 };
        for _ in 0..records {
            if work == Work::Fail {
                producer.lose_first(&mut world.dice);
            } else if let Some(Some(offset)) = world.land_next(producer)
                && work == Work::Land
            {
                self.reports.push_back(Input::Delivered { offset });
            }
        }
        if work != Work::Land {
            self.reports.push_back(Input::Failed(Failure::Send("it could not be sent".to_owned())));
        }
    }

    fn read_back<R>(&mut self, rules: &Rules<H, R>, world: &mut World, local: i64) {
        let from = self.read as usize;
        let until = self.read as usize + world.dice.usize(1..5);
        let log = world.kafka.journal(rules.journal, self.place.2);
        let heads: Vec<Head> = log.iter().take(until).skip(from).map(|written| written.head).collect();
        if heads.iter().any(|head| matches!(head, Head::Entry { .. })) && self.core.is_owner() {
            self.pause = FIRST_PAUSE;
        }
        let first = self.read;
        self.read += heads.len() as i64;
        let inputs = (first..).zip(heads).map(|(offset, head)| Input::ReadBack { offset, head });
        self.tell_all(inputs, rules, world, local);
    }

    fn load<R>(&mut self, rules: &Rules<H, R>, world: &mut World, local: i64) {
        // Loading takes time: what is read back meanwhile is heard first.
        if let Some(snapshot) = self.loaded.take() {
            return self.tell(Input::Loaded(snapshot), rules, world, local);
        }
        let Some(claim) = self.loading.take() else { return };
        let at = |topic: &str| self.view.positions.get(topic).copied().unwrap_or(0);
        let end = |topic: &String| (topic.clone(), world.kafka.end(topic, self.place.2));
        let ends: Positions = rules.inputs.iter().map(end).filter(|(topic, end)| at(topic) < *end).collect();
        world.ledger.loaded(((rules.journal.into(), self.place.2), claim), &ends);
        let snapshot = self.view.snapshot(ends, world.sabotage);
        self.loaded = Some(snapshot);
    }

    fn deliver<R>(&mut self, again: bool, rules: &Rules<H, R>, world: &mut World, local: i64) {
        let topics: Vec<String> = self.readable(rules, world).cloned().collect();
        let (Some(topic), Some(handed)) = (world.dice.choice(topics), &mut self.handed) else { return };
        let log = world.kafka.messages(&topic, self.place.2);
        let next = handed.get(&topic).copied().unwrap_or(0);
        let from = log.partition_point(|message| message.offset < next);
        let back = if again { world.dice.usize(1..6) } else { 0 };
        let first = from.saturating_sub(back);
        let to = (from + world.dice.usize(1..6)).min(log.len());
        let messages = log[first..to].to_vec();
        if let Some(last) = messages.last() {
            handed.insert(topic, last.offset + 1);
        }
        self.tell_all(messages.into_iter().map(Input::Message), rules, world, local);
    }

    fn act<R: Executor<SideEffect = H::SideEffect>>(&mut self, rules: &Rules<H, R>, world: &mut World, local: i64) {
        let due = self.acts.iter().filter(|(_, intent)| intent.due.0 <= local).map(|(id, _)| id.clone());
        let Some(intent) = world.dice.choice(due.collect::<Vec<_>>()).and_then(|id| self.acts.remove(&id)) else {
            return;
        };
        world.trace.tell(|| format!("    acts: {}", intent.id));
        self.answers.extend(at_once(rules.actor.execute(&intent, Timestamp(local))));
    }

    fn answer(&mut self, unknown: bool, source: &'static str, world: &mut World) {
        if let Some(answer) = self.answers.pop_front() {
            if unknown {
                self.answers.push_back(answer.clone());
            }
            world.write(source, answer);
        }
    }

    fn tell<R>(&mut self, input: Input<H::Entity>, rules: &Rules<H, R>, world: &mut World, local: i64) {
        self.tell_all([input], rules, world, local);
    }

    /// Gives the protocol what came, lets it decide, and performs what it says.
    fn tell_all<R>(
        &mut self,
        inputs: impl IntoIterator<Item = Input<H::Entity>>,
        rules: &Rules<H, R>,
        world: &mut World,
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
            self.perform(output, rules.journal, world);
        }
    }

    fn perform(&mut self, output: Output<H::SideEffect>, journal: &str, world: &mut World) {
        match (output, &mut self.producer) {
            (Output::StepDown(why), _) => self.step_down(&why, world),
            (Output::Load { claim }, _) => self.loading = Some(claim),
            (Output::Drained, _) if self.draining => self.release(world),
            (Output::Drained, _) => {}
            (Output::Claimed(positions), _) => self.handed = Some(positions),
            (Output::Append(record), Some(producer)) => {
                producer.append(journal, self.place.2, record.encode().unwrap());
                if let (Sabotage::SendsEarly, Record::Entry(entry)) = (world.sabotage, &*record) {
                    entry.outbox.iter().for_each(|message| producer.say(Some(-1), message.clone()));
                }
            }
            (Output::Send { offset, messages }, Some(producer)) => {
                messages.iter().for_each(|message| producer.say(Some(offset), message.clone()));
            }
            (Output::Execute(intent), Some(_)) => _ = self.acts.insert(intent.id.clone(), intent),
            (Output::Abandon(id), Some(_)) => _ = self.acts.remove(&id),
            (Output::Append(_) | Output::Send { .. } | Output::Execute(_) | Output::Abandon(_), None) => {}
        }
    }

    fn step_down(&mut self, why: &StepDown, world: &mut World) {
        let least = match why {
            StepDown::ForeignClaim => SESSION,
            StepDown::Failed(_) => 0,
            StepDown::Refused(why) => {
                world.ledger.wrong.push(format!("a service refuses its journal: {why}"));
                0
            }
        };
        let pause = self.pause.max(least);
        self.claim_at = world.now + pause + world.dice.i64(0..=pause / 4);
        self.pause = (pause * 2).min(LAST_PAUSE.max(least));
        world.trace.tell(|| format!("    steps down: {why:?}"));
        self.release(world);
    }

    /// Drops all that belongs to the claim, here and in the protocol.
    fn release(&mut self, world: &mut World) {
        self.core.handle(Input::Revoked, &mut Vec::new());
        self.producer.take().into_iter().for_each(|producer| world.leave(producer));
        let mut answers = Producer::new("payment-service");
        self.answers.drain(..).for_each(|answer| answers.say(None, answer));
        world.leave(answers);
        self.acts.clear();
        self.reports.clear();
        self.loading = None;
        self.loaded = None;
        self.handed = None;
        self.draining = false;
    }

    /// The process ends; its view stays, unless the disk is gone too.
    pub fn crash(&mut self, lose_view: bool, limits: Limits, world: &mut World) {
        self.release(world);
        let view = if lose_view { View::default() } else { std::mem::take(&mut self.view) };
        *self = Self { read: view.applied, view, ..Self::new(self.place, limits) };
    }

    /// The process stood still past the session timeout and knows it.
    pub fn was_stalled<R>(&mut self, rules: &Rules<H, R>, world: &mut World, local: i64) {
        self.tell(Input::Failed(Failure::Stalled), rules, world, local);
    }

    /// Something may land although the process stands still.
    pub fn offer_stalled(&self, choice: &mut Choice) {
        let (service, instance, partition) = self.place;
        if self.producer.as_ref().is_some_and(|producer| !producer.is_empty()) {
            choice.offer(10, Step::Worker(service, instance, partition, Work::Land));
        }
    }

    /// What is not as it must be when all is over.
    pub fn not_at_rest<R>(&self, rules: &Rules<H, R>, ours: bool, world: &World) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |good: bool, what: &str| {
            if !good {
                wrong.push(format!("{}-{} partition {}: {what}", rules.name, self.place.1, self.place.2));
            }
        };
        check(self.core.is_owner() == ours, "owned by whom the group does not mean, or not owned by whom it means");
        check(self.acts.is_empty() && self.answers.is_empty(), "acts are left");
        check(self.core.queued() == 0, "messages wait");
        let truth = world.ledger.view(rules.journal, self.place.2);
        check(truth.is_some_and(|truth| truth.states == self.view.states), "the view is not what was decided");
        check(self.view.all_sent(), "messages were decided, and nobody knows that they arrived");
        for topic in &rules.inputs {
            let end = world.kafka.end(topic, self.place.2);
            let at = self.view.positions.get(topic).copied();
            check(at.unwrap_or(0) == end, &format!("{topic} is decided up to {at:?} of {end}"));
        }
        wrong
    }
}
