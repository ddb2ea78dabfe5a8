//! The delivery reports of a worker's producer.

use common::journal::{Handler, Input};
use common::worker::Executor;

use super::{Rules, Worker};
use crate::injected_bug::InjectedBug;
use crate::sim_state::SimState;

impl<H: Handler> Worker<H> {
    /// Takes the reports that have arrived.
    pub(super) fn take_reports<R>(&mut self, rules: &Rules<H, R>, sim: &mut SimState, local: i64)
    where
        R: Executor<SideEffect = H::SideEffect>,
    {
        let mut reports = std::mem::take(&mut self.reports);
        if sim.bug == InjectedBug::ActsOnDistantAcknowledgements {
            for report in &mut reports {
                if let Input::Stored { offset, head } = *report {
                    *report = Input::ReadBack { offset, head };
                }
            }
        }
        self.handle_all(reports, rules, sim, local);
    }
}
