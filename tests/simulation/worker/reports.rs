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
        let is_rash = sim.bug == InjectedBug::ActsOnDistantAcknowledgements;
        let reports = std::mem::take(&mut self.reports).into_iter().map(|report| match report {
            Input::Stored { offset, head } if is_rash => Input::ReadBack { offset, head },
            Input::Assigned { .. }
            | Input::ReadBack { .. }
            | Input::Stored { .. }
            | Input::Loaded(_)
            | Input::Message(_)
            | Input::Direct { .. }
            | Input::Damaged(..)
            | Input::Skipped { .. }
            | Input::Delivered { .. }
            | Input::Failed(_)
            | Input::Idle
            | Input::Drain
            | Input::Revoked => report,
        });
        self.handle_all(reports.collect::<Vec<_>>(), rules, sim, local);
    }
}
