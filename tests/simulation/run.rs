//! One run: four services of two instances each, the workload, a phase with faults, and a phase without faults until
//! nothing is left to do.

use std::collections::BTreeSet;
use std::hash::Hash as _;
use std::time::Duration;

use common::journal::{Handler, Limits};
use common::messages::MessageMac;
use common::service::Program;
use common::time::Timestamp;
use fastrand::Rng;
use inventory_service::carrier::executor::Dispatcher;
use inventory_service::carrier::simulated::Simulated as Carrier;
use inventory_service::handler::Warehouse;
use inventory_service::rules::settings::RuleSettings as StockRules;
use orchestrator::definitions::Definitions;
use orchestrator::handler::SagaHandler;
use orchestrator::program::Orchestrator;
use order_service::handler::OrderHandler;
use order_service::mail::{MailLimit, Mailer};
use order_service::order::policy::Policy;
use payment_service::handler::Payments;
use payment_service::program::PaymentService;
use payment_service::provider::call::ProviderKind;
use payment_service::provider::executor::ProviderExecutor;

use crate::handlers::NoWebhooks;
use crate::injected_bug::{BuggyInventory, BuggyOrders, BuggyPayments, InjectedBug};
use crate::kafka::{JOURNALS, PARTITIONS, Producer, TOPICS};
use crate::provider::FaultyProvider;
use crate::service::{Service, TwoInstances};
use crate::sim_state::SimState;
use crate::step::{Choice, Faults, Step};
use crate::worker::Rules;
use crate::workload::{WAREHOUSE, Workload, stock};

/// The most steps of the phase without faults.
const MAX_STEPS: u32 = 60_000;

/// A run.
pub struct Run {
    pub sim: SimState,
    pub services: Vec<Box<dyn Service>>,
    pub workload: Workload,
    pub provider: FaultyProvider,
    /// Every order ends as it would without faults.
    pub punctual: bool,
    /// Changes are published as events.
    pub events: bool,
    choice: Choice,
}

impl Run {
    /// A run of a seed.
    pub fn new(seed: u64, definitions: &Definitions, bug: InjectedBug, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faults = Faults::draw(&mut rng);
        let punctual = faults.punctual || faults.is_none();
        let sim = SimState::new(rng.fork(), faults, bug, traced);
        let workload = Workload::draw(&mut rng, punctual, Timestamp(sim.now));
        let provider = FaultyProvider::new(rng.fork(), faults.provider, Duration::from_millis(rng.u64(0..20_000)));
        // In two of three runs, changes are published as events.
        let events = !seed.is_multiple_of(3);
        let mut run = Self {
            sim,
            services: Vec::new(),
            workload,
            provider: provider.clone(),
            punctual,
            events,
            choice: Choice::default(),
        };
        run.sim.trace.record(|| format!("{faults:?}"));
        let limits = limits(&mut rng);
        let mailer = || Mailer { server: None, limit: MailLimit::new(0) };
        let orders = OrderHandler { policy: Policy { events, ..Policy::default() } };
        if matches!(bug, InjectedBug::NumbersAgain | InjectedBug::KeepsInvoice) {
            let buggy = BuggyOrders(orders, bug);
            run.add::<order_service::program::Program, _, _>(buggy, mailer(), BTreeSet::new(), limits);
        } else {
            run.add::<order_service::program::Program, _, _>(orders, mailer(), BTreeSet::new(), limits);
        }
        let warehouse = run.warehouse(punctual, events);
        let carrier = || Dispatcher { carrier: Carrier::new(0.0) };
        if matches!(bug, InjectedBug::ReservesAgain | InjectedBug::SkipsRelease) {
            run.add::<inventory_service::program::Program, _, _>(
                BuggyInventory(warehouse, bug),
                carrier(),
                BTreeSet::new(),
                limits,
            );
        } else {
            run.add::<inventory_service::program::Program, _, _>(warehouse, carrier(), BTreeSet::new(), limits);
        }
        // In every second run, only results that payment-service wrote count.
        let mac = MessageMac::new(if seed % 2 == 1 { "a shared secret!" } else { "" })
            .unwrap_or_else(|why| panic!("the secret {why}"));
        run.sim.invariants.only_marked_results = mac.is_some();
        let payments = Payments { provider: ProviderKind::Simulated, mac: mac.clone(), events };
        let executor = ProviderExecutor { provider, mac: mac.clone() };
        if matches!(bug, InjectedBug::IgnoresLateApproval | InjectedBug::ChargesAgain) {
            run.add::<PaymentService, _, _>(BuggyPayments(payments, bug), executor, BTreeSet::new(), limits);
        } else {
            run.add::<PaymentService, _, _>(payments, executor, BTreeSet::new(), limits);
        }
        let handler = SagaHandler::new(definitions.clone()).with_results_mac(mac).with_events(events);
        let more = Orchestrator::more_topics(&handler).inputs;
        run.add::<Orchestrator, _, _>(handler, NoWebhooks, more, limits);
        run
    }

    /// The inventory's handler. In a run that is not punctual, reservations may expire.
    fn warehouse(&mut self, punctual: bool, events: bool) -> Warehouse {
        let mut rules = StockRules { events, ..StockRules::default() };
        // Days pass as fast as for everything else.
        rules.shipping.simulated_speed = 1;
        if !punctual && self.sim.rng.bool() {
            rules.expiry = Duration::from_secs(self.sim.rng.u64(1..1_200));
        }
        Warehouse { name: WAREHOUSE.to_owned(), seed: stock(), rules }
    }

    /// Adds a service that reads its own input topics and `more`.
    fn add<P, H, R>(&mut self, handler: H, actor: R, more: BTreeSet<String>, limits: Limits)
    where
        P: Program,
        H: Handler,
        R: common::worker::Executor<SideEffect = H::SideEffect>,
    {
        let inputs = P::INPUTS.iter().map(|topic| (*topic).to_owned());
        let inputs = inputs.chain(more).collect::<BTreeSet<_>>().into_iter().collect();
        let commands = P::COMMANDS;
        let rules = Rules { name: P::NAME, journal: P::JOURNAL, inputs, commands, handler, actor, limits };
        let service = TwoInstances::new(self.services.len(), rules, &mut self.sim);
        self.services.push(Box::new(service));
    }

    /// Runs some steps with faults.
    pub fn run_with_faults(&mut self) -> Result<(), String> {
        let steps = if self.sim.faults.is_none() { 0 } else { self.sim.rng.u32(200..2_000) };
        for _ in 0..steps {
            self.offer();
            if let Some(step) = self.choice.take(&mut self.sim.rng) {
                self.step(step)?;
            }
        }
        Ok(())
    }

    /// Runs without faults until nothing is left to do. The clock advances when no other step is possible.
    pub fn run_to_completion(&mut self) -> Result<(), String> {
        self.sim.faults = Faults::none();
        self.provider.log.lock().unwrap().failing = 0;
        self.sim.unavailable.clear();
        self.services.iter_mut().for_each(|service| service.recover(&mut self.sim));
        let mut evicted = false;
        for _ in 0..MAX_STEPS {
            self.offer();
            match self.choice.take(&mut self.sim.rng) {
                Some(step) => {
                    evicted = false;
                    self.step(step)?;
                }
                None if !evicted => {
                    evicted = true;
                    self.services.iter_mut().for_each(|service| service.evict_idle(&mut self.sim));
                }
                None => match self.services.iter().filter_map(|service| service.next_wake()).min() {
                    None => return Ok(()),
                    Some(at) if at > self.sim.now => self.step(Step::Time(at - self.sim.now))?,
                    Some(_) => return Err("a timer is due, but no service handles it".to_owned()),
                },
            }
        }
        Err("the run does not complete".to_owned())
    }

    fn offer(&mut self) {
        let sim = &mut self.sim;
        let choice = &mut self.choice;
        choice.clear();
        choice.offer(if self.workload.first.is_empty() { 0 } else { 60 }, Step::External);
        for n in 0..sim.late.len() {
            let weight = if sim.late[n].can_append(&sim.unavailable) { sim.faults.late.max(5) } else { 0 };
            choice.offer(weight, Step::Late(n));
            choice.offer(2, Step::LateLost(n));
        }
        if !sim.faults.is_none() {
            choice.offer(sim.faults.repeat, Step::Repeat);
            choice.offer(sim.faults.garbage, Step::Garbage);
            let Faults { unavailable, recovery, .. } = sim.faults;
            choice.offer(if sim.unavailable.is_empty() { unavailable } else { 0 }, Step::Unavailable);
            choice.offer(if sim.unavailable.is_empty() { 0 } else { recovery / 3 }, Step::Available);
            choice.offer(60, Step::Time(sim.rng.i64(1..50)));
            let medium = if sim.faults.punctual { 0 } else { 20 };
            choice.offer(medium, Step::Time(sim.rng.i64(50..3_000)));
            choice.offer(sim.faults.long_waits, Step::Time(sim.rng.i64(3_000..60_000)));
            choice.offer(sim.faults.long_waits / 4, Step::Time(sim.rng.i64(60_000..1_000_000)));
        }
        self.services.iter().for_each(|service| service.offer(sim, choice));
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let sim = &mut self.sim;
        sim.tally.steps += 1;
        step.hash(&mut sim.trace.hash);
        let number = sim.tally.steps;
        let now = sim.now;
        sim.trace.record(|| format!("{number} {} {step:?}", Timestamp(now)));
        match step {
            Step::External => {
                if let Some(message) = self.workload.first.pop() {
                    sim.write("external", message);
                }
            }
            Step::Late(n) => {
                let mut producer = sim.late.swap_remove(n);
                sim.append_next::<()>(&mut producer);
                if !producer.is_empty() {
                    sim.late.push(producer);
                }
            }
            Step::LateLost(n) => {
                let SimState { late, rng, .. } = sim;
                late[n].lose(rng);
                late.retain(|producer| !producer.is_empty());
            }
            Step::Repeat => {
                let SimState { kafka, rng, invariants, .. } = sim;
                if let Some(message) = kafka.repeat(rng) {
                    invariants.message(message, false);
                }
            }
            Step::Garbage => {
                let journal = TOPICS[sim.rng.usize(0..JOURNALS)];
                let partition = sim.rng.i32(0..PARTITIONS);
                let mut producer = Producer::new("external");
                producer.append(journal, partition, b"{\"entry\":".to_vec());
                sim.append_next::<()>(&mut producer);
            }
            Step::Unavailable => {
                let (topic, partition) = sim.faults.fragile;
                sim.unavailable.insert((TOPICS[topic].into(), partition));
            }
            Step::Available => sim.unavailable.clear(),
            Step::Time(by) => sim.now += by,
            Step::Move(service, partition) => self.services[service].hand_over(partition),
            Step::Instance(service, instance, change) => self.services[service].instance(instance, change, sim),
            Step::Worker(service, instance, partition, work) => {
                self.services[service].worker(instance, partition, work, sim);
            }
        }
        self.sim.invariants.violations.first().map_or(Ok(()), |_| Err(format!("at step {number}")))
    }
}

/// Small batches and few entities in memory, so that more steps interleave.
fn limits(rng: &mut Rng) -> Limits {
    Limits {
        batch_messages: rng.usize(1..12),
        batch_bytes: rng.usize(200..20_000),
        ahead_records: rng.usize(1..5),
        ahead_bytes: rng.usize(1_000..50_000),
        open_in_memory: [0, rng.usize(0..6), 50_000][rng.usize(0..3)],
        gather: rng.usize(1..4),
        ..Limits::default()
    }
}
