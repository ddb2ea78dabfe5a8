//! One run: four services of two instances each, the work that comes from outside, a time in which everything goes
//! wrong that can, and a time in which all comes to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash as _;
use std::time::Duration;

use common::journal::{Handler, Limits};
use common::messages::Message;
use common::service::{NoExecutor, Program};
use common::time::Timestamp;
use fastrand::Rng;
use inventory_service::carrier::{Dispatcher, Simulated as Carrier};
use inventory_service::stock::{Rules as StockRules, Warehouse};
use orchestrator::conduct::Conductor;
use orchestrator::definitions::Definitions;
use orchestrator::program::Orchestrator;
use order_service::mail::Postman;
use order_service::order::Orders;
use payment_service::executor::Cashier;
use payment_service::handler::Payments;
use payment_service::program::PaymentService;
use payment_service::provider::ProviderKind;

use crate::bank::Bank;
use crate::books;
use crate::kafka::{JOURNALS, PARTITIONS, Producer, TOPICS, partitions};
use crate::sabotage::{Sabotage, Stocks, Till};
use crate::service::{Pair, Service};
use crate::step::{Choice, Step, Weather};
use crate::worker::Rules;
use crate::workload::{WAREHOUSE, Workload, stock};
use crate::world::{Tally, World};

/// Steps after which a run has not come to rest.
const MOST: u32 = 60_000;

/// A run.
pub struct Run {
    pub world: World,
    pub services: Vec<Box<dyn Service>>,
    pub workload: Workload,
    pub bank: Bank,
    /// Every order ends in this one as if nothing had gone wrong.
    pub punctual: bool,
    choice: Choice,
}

/// What became of it.
pub struct Outcome {
    /// What must not be.
    pub wrong: Vec<String>,
    pub tally: Tally,
    /// Orders by ending.
    pub endings: BTreeMap<&'static str, u64>,
    /// A number for all that happened.
    pub hash: u64,
    /// A line for each step, if they were asked for.
    pub lines: Vec<String>,
}

/// Runs a seed.
pub fn run(seed: u64, definitions: &Definitions, sabotage: Sabotage, traced: bool) -> Outcome {
    let mut run = Run::new(seed, definitions, sabotage, traced);
    let result = run.storm().and_then(|()| run.settle()).and_then(|()| {
        let last = std::mem::take(&mut run.workload.last);
        run.workload.first.extend(last);
        run.settle()
    });
    let mut wrong = std::mem::take(&mut run.world.ledger.wrong);
    wrong.extend(result.err());
    if wrong.is_empty() {
        wrong = books::check(&run);
    }
    let mut endings = BTreeMap::new();
    for order in &run.workload.orders {
        let ending = books::status(&run, order.placed.order_id).map_or("unknown", |status| status.as_str());
        *endings.entry(ending).or_default() += 1;
    }
    let Run { mut world, .. } = run;
    let (void, repeated) = (world.ledger.void, world.ledger.repeated);
    let hash = world.hash();
    let lines = world.trace.lines.take().unwrap_or_default();
    Outcome { wrong, tally: Tally { void, repeated, ..world.tally }, endings, hash, lines }
}

/// All that the services said to each other and heard from outside in a run.
pub fn said(seed: u64, definitions: &Definitions) -> Vec<Message> {
    let mut run = Run::new(seed, definitions, Sabotage::None, false);
    run.storm().and_then(|()| run.settle()).unwrap();
    let kafka = &run.world.kafka;
    let topics: BTreeSet<_> = kafka.topics().collect();
    let places = topics.into_iter().flat_map(|topic| partitions().map(move |partition| (topic, partition)));
    places.flat_map(|(topic, partition)| kafka.messages(topic, partition).to_vec()).collect()
}

impl Run {
    fn new(seed: u64, definitions: &Definitions, sabotage: Sabotage, traced: bool) -> Self {
        let mut dice = Rng::with_seed(seed);
        let weather = Weather::draw(&mut dice);
        let punctual = weather.punctual || weather.is_calm();
        let world = World::new(dice.fork(), weather, sabotage, traced);
        let workload = Workload::draw(&mut dice, punctual, Timestamp(world.now));
        let bank = Bank::new(dice.fork(), weather.bank, Duration::from_millis(dice.u64(0..20_000)));
        let mut run =
            Self { world, services: Vec::new(), workload, bank: bank.clone(), punctual, choice: Choice::default() };
        run.world.trace.tell(|| format!("{weather:?}"));
        let limits = limits(&mut dice);
        run.add::<order_service::program::Program, _, _>(
            Orders::default(),
            Postman { server: None },
            BTreeSet::new(),
            limits,
        );
        let warehouse = run.warehouse(punctual);
        let carrier = || Dispatcher { carrier: Carrier::new(0.0) };
        if matches!(sabotage, Sabotage::ReservesAgain | Sabotage::SkipsRelease) {
            run.add::<inventory_service::program::Program, _, _>(
                Stocks(warehouse, sabotage),
                carrier(),
                BTreeSet::new(),
                limits,
            );
        } else {
            run.add::<inventory_service::program::Program, _, _>(warehouse, carrier(), BTreeSet::new(), limits);
        }
        let (payments, cashier) = (Payments { provider: ProviderKind::Simulated }, Cashier { provider: bank });
        if matches!(sabotage, Sabotage::KeepsTheMoney | Sabotage::ChargesAgain) {
            run.add::<PaymentService, _, _>(Till(payments, sabotage), cashier, BTreeSet::new(), limits);
        } else {
            run.add::<PaymentService, _, _>(payments, cashier, BTreeSet::new(), limits);
        }
        let conductor = Conductor::new(definitions.clone());
        let more = Orchestrator::more_topics(&conductor).inputs;
        run.add::<Orchestrator, _, _>(conductor, NoExecutor, more, limits);
        run
    }

    /// The inventory's rules. Where it need not be known how orders end, reservations may run out while they are waited
    /// for.
    fn warehouse(&mut self, punctual: bool) -> Warehouse {
        let mut rules = StockRules::default();
        if !punctual && self.world.dice.bool() {
            rules.expiry = Duration::from_secs(self.world.dice.u64(1..1_200));
        }
        Warehouse { name: WAREHOUSE.to_owned(), seed: stock(), rules }
    }

    /// Adds a service that reads its own topics and these.
    fn add<P, H, R>(&mut self, handler: H, actor: R, more: BTreeSet<String>, limits: Limits)
    where
        P: Program,
        H: Handler,
        R: common::worker::Executor<SideEffect = H::SideEffect>,
    {
        let own = P::INPUTS.iter().map(|topic| (*topic).to_owned());
        let inputs = own.chain(more).collect::<BTreeSet<_>>().into_iter().collect();
        let rules = Rules { name: P::NAME, journal: P::JOURNAL, inputs, handler, actor, limits };
        let pair = Pair::new(self.services.len(), rules, &mut self.world);
        self.services.push(Box::new(pair));
    }

    /// Everything that can go wrong does.
    fn storm(&mut self) -> Result<(), String> {
        let steps = if self.world.weather.is_calm() { 0 } else { self.world.dice.u32(200..2_000) };
        for _ in 0..steps {
            self.offer();
            if let Some(step) = self.choice.take(&mut self.world.dice) {
                self.step(step)?;
            }
        }
        Ok(())
    }

    /// Nothing goes wrong any more, and time goes on when nothing else does, until nothing is left to happen.
    fn settle(&mut self) -> Result<(), String> {
        self.world.weather = Weather::calm();
        self.bank.book.lock().unwrap().failing = 0;
        self.world.away.clear();
        self.services.iter_mut().for_each(|service| service.recover(&mut self.world));
        let mut rested = false;
        for _ in 0..MOST {
            self.offer();
            match self.choice.take(&mut self.world.dice) {
                Some(step) => {
                    rested = false;
                    self.step(step)?;
                }
                None if !rested => {
                    rested = true;
                    self.services.iter_mut().for_each(|service| service.rest(&mut self.world));
                }
                None => match self.services.iter().filter_map(|service| service.next_wake()).min() {
                    None => return Ok(()),
                    Some(at) if at > self.world.now => self.step(Step::Time(at - self.world.now))?,
                    Some(_) => return Err("something is due, and nobody does it".to_owned()),
                },
            }
        }
        Err("it never came to rest".to_owned())
    }

    fn offer(&mut self) {
        let (world, choice) = (&mut self.world, &mut self.choice);
        choice.clear();
        choice.offer(if self.workload.first.is_empty() { 0 } else { 60 }, Step::Outside);
        for n in 0..world.late.len() {
            let weight = if world.late[n].can_land(&world.away) { world.weather.late.max(5) } else { 0 };
            choice.offer(weight, Step::Late(n));
            choice.offer(2, Step::LateLost(n));
        }
        if !world.weather.is_calm() {
            choice.offer(world.weather.repeat, Step::Repeat);
            choice.offer(world.weather.garbage, Step::Garbage);
            let Weather { away, recovery, .. } = world.weather;
            choice.offer(if world.away.is_empty() { away } else { 0 }, Step::Away);
            choice.offer(if world.away.is_empty() { 0 } else { recovery / 3 }, Step::Back);
            choice.offer(60, Step::Time(world.dice.i64(1..50)));
            let medium = if world.weather.punctual { 0 } else { 20 };
            choice.offer(medium, Step::Time(world.dice.i64(50..3_000)));
            choice.offer(world.weather.long_waits, Step::Time(world.dice.i64(3_000..60_000)));
            choice.offer(world.weather.long_waits / 4, Step::Time(world.dice.i64(60_000..1_000_000)));
        }
        self.services.iter().for_each(|service| service.offer(world, choice));
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let world = &mut self.world;
        world.tally.steps += 1;
        step.hash(&mut world.trace.hash);
        let (number, now) = (world.tally.steps, world.now);
        world.trace.tell(|| format!("{number} {} {step:?}", Timestamp(now)));
        match step {
            Step::Outside => {
                if let Some(message) = self.workload.first.pop() {
                    world.write("outside", message);
                }
            }
            Step::Late(n) => {
                let mut producer = world.late.swap_remove(n);
                world.land_next(&mut producer);
                if !producer.is_empty() {
                    world.late.push(producer);
                }
            }
            Step::LateLost(n) => {
                let World { late, dice, .. } = world;
                late[n].lose(dice);
                late.retain(|producer| !producer.is_empty());
            }
            Step::Repeat => {
                let World { kafka, dice, ledger, .. } = world;
                if let Some(message) = kafka.repeat(dice) {
                    ledger.message(message, false);
                }
            }
            Step::Garbage => {
                let journal = TOPICS[world.dice.usize(0..JOURNALS)];
                let partition = world.dice.i32(0..PARTITIONS);
                let mut producer = Producer::new("outside");
                producer.append(journal, partition, b"{\"entry\":".to_vec());
                world.land_next(&mut producer);
            }
            Step::Away => {
                let (topic, partition) = world.weather.fragile;
                world.away.insert((TOPICS[topic].into(), partition));
            }
            Step::Back => world.away.clear(),
            Step::Time(by) => world.now += by,
            Step::Move(service, partition) => self.services[service].hand_over(partition),
            Step::Instance(service, instance, change) => self.services[service].instance(instance, change, world),
            Step::Worker(service, instance, partition, work) => {
                self.services[service].worker(instance, partition, work, world);
            }
        }
        self.world.ledger.wrong.first().map_or(Ok(()), |_| Err(format!("at step {number}")))
    }
}

/// Small batches, little ahead, few entities in memory: so that more can happen in between.
fn limits(dice: &mut Rng) -> Limits {
    Limits {
        batch_messages: dice.usize(1..12),
        batch_bytes: dice.usize(200..20_000),
        ahead_records: dice.usize(1..5),
        ahead_bytes: dice.usize(1_000..50_000),
        open_in_memory: [0, dice.usize(0..6), 50_000][dice.usize(0..3)],
        gather: dice.usize(1..4),
    }
}
