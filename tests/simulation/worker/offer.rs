//! The possible steps of a worker, and the time of its next one.

use common::journal::Handler;

use super::{Rules, Worker, WorkerId};
use crate::sim_state::SimState;
use crate::step::{Choice, Faults, Step, WorkerStep};

impl<H: Handler> Worker<H> {
    /// Offers the possible steps. `assigned`: the group assigned the partition to this instance. `local`: the
    /// instance's clock.
    pub fn offer<R>(&self, rules: &Rules<H, R>, sim: &SimState, assigned: bool, local: i64, choice: &mut Choice) {
        let WorkerId { service, instance, partition } = self.id;
        let Faults { fail, unknown, again, recovery, .. } = sim.faults;
        let mut offer = |weight, step| choice.offer(weight, Step::Worker(service, instance, partition, step));
        let when = |possible: bool, weight: u32| if possible { weight } else { 0 };
        let log = sim.kafka.journal(rules.journal, partition).len() as i64;
        let sending = self.producer.as_ref().is_some_and(|producer| !producer.is_empty());
        let appending = self.producer.as_ref().is_some_and(|producer| producer.can_append(&sim.unavailable));
        let faults = !sim.faults.is_none();
        offer(when(assigned && !self.assigned, 20 + recovery), WorkerStep::Assigned);
        offer(when(!assigned && self.assigned, recovery), WorkerStep::Revoked);
        offer(when(!assigned && self.assigned && faults, 10), WorkerStep::Lost);
        offer(when(self.draining && faults, 5), WorkerStep::DrainTimeout);
        offer(when(self.assigned && self.core.is_idle() && self.claim_at <= sim.now, 60), WorkerStep::Claim);
        offer(when(appending, 200), WorkerStep::Append);
        offer(when(sending, fail), WorkerStep::AppendFails);
        offer(when(appending, unknown), WorkerStep::AppendUnknown);
        offer(when(!self.reports.is_empty(), 80), WorkerStep::Reports);
        offer(when(self.read < log, 200), WorkerStep::ReadBack);
        offer(when(self.view.applied < log, 100), WorkerStep::Apply);
        let loadable = self.loaded.is_some() || self.loading.is_some_and(|claim| claim < self.view.applied);
        offer(when(loadable, 100), WorkerStep::Load);
        offer(when(loadable, fail), WorkerStep::LoadFails);
        let readable = self.readable(rules, sim).next().is_some();
        offer(when(readable, 150), WorkerStep::Deliver);
        offer(when(readable, again), WorkerStep::DeliverAgain);
        offer(when(self.core.next_timer().is_some_and(|at| at.0 <= local), 40), WorkerStep::Tick);
        offer(when(self.core.is_owner() && faults, 5), WorkerStep::EvictIdle);
        offer(when(self.side_effects.values().any(|intent| intent.due.0 <= local), 50), WorkerStep::SideEffect);
        offer(when(!self.results.is_empty(), 50), WorkerStep::Result);
        offer(when(!self.results.is_empty(), unknown), WorkerStep::ResultUnknown);
    }

    /// The time of the next claim, timer or side effect.
    pub fn next_wake(&self, skew: i64) -> Option<i64> {
        let claim = (self.assigned && self.core.is_idle()).then_some(self.claim_at);
        let timer = self.core.next_timer().map(|at| at.0 - skew);
        let side_effects = self.side_effects.values().map(|intent| intent.due.0 - skew);
        claim.into_iter().chain(timer).chain(side_effects).min()
    }

    /// Records in flight may be appended although the process is stopped.
    pub fn offer_stalled(&self, choice: &mut Choice) {
        let WorkerId { service, instance, partition } = self.id;
        if self.producer.as_ref().is_some_and(|producer| !producer.is_empty()) {
            choice.offer(10, Step::Worker(service, instance, partition, WorkerStep::Append));
        }
    }
}
