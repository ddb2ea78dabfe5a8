//! A service with its two instances: which are up, which one the group assigned each partition to, and their possible
//! steps.

use common::journal::Handler;
use common::worker::Executor;

use crate::kafka::partitions;
use crate::sim_state::SimState;
use crate::step::{Change, Choice, Step, WorkerStep};
use crate::worker::{Rules, SESSION, Worker, WorkerId};

/// A service, independent of the types of its handler.
pub trait Service {
    /// Offers the possible steps.
    fn offer(&self, sim: &SimState, choice: &mut Choice);
    fn worker(&mut self, instance: usize, partition: i32, step: WorkerStep, sim: &mut SimState);
    fn instance(&mut self, instance: usize, change: Change, sim: &mut SimState);
    /// The group assigns the partition to the other instance.
    fn hand_over(&mut self, partition: i32);
    /// Restarts and resumes every instance.
    fn recover(&mut self, sim: &mut SimState);
    /// Lets the owners evict idle entities.
    fn evict_idle(&mut self, sim: &mut SimState);
    /// The time of the next timer, claim or side effect.
    fn next_wake(&self) -> Option<i64>;
    /// The violations at the end of a run.
    fn violations(&self, sim: &SimState) -> Vec<String>;
}

/// An instance.
struct Instance<H: Handler> {
    up: bool,
    stalled_at: Option<i64>,
    /// How far its clock is ahead, in milliseconds.
    skew: i64,
    workers: Vec<Worker<H>>,
}

/// A service with its instances.
pub struct TwoInstances<H: Handler, R> {
    number: usize,
    rules: Rules<H, R>,
    instances: Vec<Instance<H>>,
    /// The instance that the group assigned, by partition.
    owners: Vec<usize>,
}

impl<H: Handler, R> TwoInstances<H, R> {
    pub fn new(number: usize, rules: Rules<H, R>, sim: &mut SimState) -> Self {
        let limits = rules.limits;
        let instance = |i, skew| Instance {
            up: true,
            stalled_at: None,
            skew,
            workers: partitions()
                .map(|p| Worker::new(WorkerId { service: number, instance: i, partition: p }, limits))
                .collect(),
        };
        let instances = (0..2).map(|i| instance(i, sim.rng.i64(0..=sim.faults.skew))).collect();
        let owners = partitions().map(|_| sim.rng.usize(0..2)).collect();
        Self { number, rules, instances, owners }
    }
}

impl<H: Handler, R: Executor<SideEffect = H::SideEffect>> Service for TwoInstances<H, R> {
    fn offer(&self, sim: &SimState, choice: &mut Choice) {
        let faults = &sim.faults;
        for (i, instance) in self.instances.iter().enumerate() {
            let mut change = |weight, change| choice.offer(weight, Step::Instance(self.number, i, change));
            match (instance.up, instance.stalled_at) {
                (false, _) => change(faults.recovery, Change::Restart),
                (true, Some(_)) => {
                    change(faults.recovery, Change::Wake);
                    change(faults.crash, Change::Crash);
                    instance.workers.iter().for_each(|worker| worker.offer_stalled(choice));
                }
                (true, None) => {
                    change(faults.crash, Change::Crash);
                    change(faults.lose_view, Change::CrashAndLoseView);
                    change(faults.stall, Change::Stall);
                    for (worker, owner) in instance.workers.iter().zip(&self.owners) {
                        worker.offer(&self.rules, sim, *owner == i, sim.now + instance.skew, choice);
                    }
                }
            }
        }
        partitions().for_each(|p| choice.offer(faults.moves, Step::Move(self.number, p)));
    }

    fn worker(&mut self, instance: usize, partition: i32, step: WorkerStep, sim: &mut SimState) {
        let instance = &mut self.instances[instance];
        let local = sim.now + instance.skew;
        instance.workers[partition as usize].step(step, &self.rules, sim, local);
    }

    fn instance(&mut self, number: usize, change: Change, sim: &mut SimState) {
        let instance = &mut self.instances[number];
        let local = sim.now + instance.skew;
        match change {
            Change::Crash | Change::CrashAndLoseView => {
                sim.tally.crashes += 1;
                instance.up = false;
                instance.stalled_at = None;
                for worker in &mut instance.workers {
                    worker.crash(change == Change::CrashAndLoseView, self.rules.limits, sim);
                }
            }
            Change::Restart => instance.up = true,
            Change::Stall => {
                sim.tally.stalls += 1;
                instance.stalled_at = Some(sim.now);
            }
            Change::Wake => {
                let since = instance.stalled_at.take().unwrap_or(sim.now);
                // A worker checks its clock before it acts; it may also stall between the check and the act.
                if sim.now - since > SESSION && sim.rng.u8(0..4) > 0 {
                    instance.workers.iter_mut().for_each(|worker| worker.was_stalled(&self.rules, sim, local));
                }
            }
        }
    }

    fn hand_over(&mut self, partition: i32) {
        let owner = &mut self.owners[partition as usize];
        *owner = 1 - *owner;
    }

    fn recover(&mut self, sim: &mut SimState) {
        for i in 0..self.instances.len() {
            if !self.instances[i].up {
                self.instance(i, Change::Restart, sim);
            } else if self.instances[i].stalled_at.is_some() {
                self.instance(i, Change::Wake, sim);
            }
        }
    }

    fn evict_idle(&mut self, sim: &mut SimState) {
        for i in 0..self.instances.len() {
            partitions().for_each(|p| self.worker(i, p, WorkerStep::EvictIdle, sim));
        }
    }

    fn next_wake(&self) -> Option<i64> {
        let wakes =
            |instance: &Instance<H>| instance.workers.iter().filter_map(|worker| worker.next_wake(instance.skew)).min();
        self.instances.iter().filter_map(wakes).min()
    }

    fn violations(&self, sim: &SimState) -> Vec<String> {
        let all = self.instances.iter().enumerate().flat_map(|(i, instance)| {
            instance.workers.iter().zip(&self.owners).map(move |(worker, owner)| (worker, *owner == i))
        });
        all.flat_map(|(worker, assigned)| worker.violations(&self.rules, assigned, sim)).collect()
    }
}
