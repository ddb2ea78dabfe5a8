//! A service with its two instances: who is up, whom the group means, and what can happen to them.

use common::journal::Handler;
use common::worker::Executor;

use crate::kafka::partitions;
use crate::step::{Change, Choice, Step, Work};
use crate::worker::{Rules, SESSION, Worker};
use crate::world::World;

/// A service, whatever its rules.
pub trait Service {
    /// What can happen now.
    fn offer(&self, world: &World, choice: &mut Choice);
    fn worker(&mut self, instance: usize, partition: i32, work: Work, world: &mut World);
    fn instance(&mut self, instance: usize, change: Change, world: &mut World);
    /// The group gives a partition to the other instance.
    fn hand_over(&mut self, partition: i32);
    /// Every instance is up and awake.
    fn recover(&mut self, world: &mut World);
    /// The owners leave a mark where that saves a successor something.
    fn rest(&mut self, world: &mut World);
    /// When something happens by the time alone.
    fn next_wake(&self) -> Option<i64>;
    /// What is not as it must be when all is over.
    fn not_at_rest(&self, world: &World) -> Vec<String>;
}

/// An instance.
struct Instance<H: Handler> {
    up: bool,
    stalled_at: Option<i64>,
    /// By so much its clock is ahead.
    skew: i64,
    workers: Vec<Worker<H>>,
}

/// A service with its instances.
pub struct Pair<H: Handler, R> {
    number: usize,
    rules: Rules<H, R>,
    instances: Vec<Instance<H>>,
    /// Which instance the group means, by partition.
    owners: Vec<usize>,
}

impl<H: Handler, R> Pair<H, R> {
    pub fn new(number: usize, rules: Rules<H, R>, world: &mut World) -> Self {
        let limits = rules.limits;
        let instance = |i, skew| Instance {
            up: true,
            stalled_at: None,
            skew,
            workers: partitions().map(|p| Worker::new((number, i, p), limits)).collect(),
        };
        let instances = (0..2).map(|i| instance(i, world.dice.i64(0..=world.weather.skew))).collect();
        let owners = partitions().map(|_| world.dice.usize(0..2)).collect();
        Self { number, rules, instances, owners }
    }
}

impl<H: Handler, R: Executor<SideEffect = H::SideEffect>> Service for Pair<H, R> {
    fn offer(&self, world: &World, choice: &mut Choice) {
        let weather = &world.weather;
        for (i, instance) in self.instances.iter().enumerate() {
            let mut change = |weight, change| choice.offer(weight, Step::Instance(self.number, i, change));
            match (instance.up, instance.stalled_at) {
                (false, _) => change(weather.recovery, Change::Restart),
                (true, Some(_)) => {
                    change(weather.recovery, Change::Wake);
                    change(weather.crash, Change::Crash);
                    instance.workers.iter().for_each(|worker| worker.offer_stalled(choice));
                }
                (true, None) => {
                    change(weather.crash, Change::Crash);
                    change(weather.lose_view, Change::CrashAndLoseView);
                    change(weather.stall, Change::Stall);
                    for (worker, owner) in instance.workers.iter().zip(&self.owners) {
                        worker.offer(&self.rules, world, (*owner == i, world.now + instance.skew), choice);
                    }
                }
            }
        }
        partitions().for_each(|p| choice.offer(weather.moves, Step::Move(self.number, p)));
    }

    fn worker(&mut self, instance: usize, partition: i32, work: Work, world: &mut World) {
        let instance = &mut self.instances[instance];
        let local = world.now + instance.skew;
        instance.workers[partition as usize].work(work, &self.rules, world, local);
    }

    fn instance(&mut self, number: usize, change: Change, world: &mut World) {
        let instance = &mut self.instances[number];
        let local = world.now + instance.skew;
        match change {
            Change::Crash | Change::CrashAndLoseView => {
                world.tally.crashes += 1;
                instance.up = false;
                instance.stalled_at = None;
                for worker in &mut instance.workers {
                    worker.crash(change == Change::CrashAndLoseView, self.rules.limits, world);
                }
            }
            Change::Restart => instance.up = true,
            Change::Stall => {
                world.tally.stalls += 1;
                instance.stalled_at = Some(world.now);
            }
            Change::Wake => {
                let since = instance.stalled_at.take().unwrap_or(world.now);
                // It looks at its clock before it acts; between the look and the act it may stall too.
                if world.now - since > SESSION && world.dice.u8(0..4) > 0 {
                    instance.workers.iter_mut().for_each(|worker| worker.was_stalled(&self.rules, world, local));
                }
            }
        }
    }

    fn hand_over(&mut self, partition: i32) {
        let owner = &mut self.owners[partition as usize];
        *owner = 1 - *owner;
    }

    fn recover(&mut self, world: &mut World) {
        for i in 0..self.instances.len() {
            if !self.instances[i].up {
                self.instance(i, Change::Restart, world);
            } else if self.instances[i].stalled_at.is_some() {
                self.instance(i, Change::Wake, world);
            }
        }
    }

    fn rest(&mut self, world: &mut World) {
        for i in 0..self.instances.len() {
            partitions().for_each(|p| self.worker(i, p, Work::Rest, world));
        }
    }

    fn next_wake(&self) -> Option<i64> {
        let wakes =
            |instance: &Instance<H>| instance.workers.iter().filter_map(|worker| worker.next_wake(instance.skew)).min();
        self.instances.iter().filter_map(wakes).min()
    }

    fn not_at_rest(&self, world: &World) -> Vec<String> {
        let all = self.instances.iter().enumerate().flat_map(|(i, instance)| {
            instance.workers.iter().zip(&self.owners).map(move |(worker, owner)| (worker, *owner == i))
        });
        all.flat_map(|(worker, ours)| worker.not_at_rest(&self.rules, ours, world)).collect()
    }
}
