//! How an owner comes to rest: when it is idle, and when it is asked to finish.

use super::batch::Batch;
use super::{Drain, Owner};
use crate::entity::Entity;
use crate::interface::Output;

impl<E: Entity, A: Clone + Eq> Owner<E, A> {
    /// Appends an entry that only carries the delivered mark.
    pub(super) fn append_mark(&mut self, out: &mut Vec<Output<A>>) {
        self.append_batch(Batch::mark(Vec::new()), out);
    }

    /// Decides nothing more. Direct messages that wait are declined: their senders do not wait for the drain.
    pub(crate) fn request_drain(&mut self, out: &mut Vec<Output<A>>) {
        if self.drain == Drain::NotRequested {
            self.drain = Drain::Requested;
            out.extend(self.inbox.take_direct().into_iter().map(Output::Declined));
        }
    }

    /// Once nothing is in flight: appends the mark, if a successor would otherwise send again; then reports the drain.
    pub(super) fn try_drain(&mut self, out: &mut Vec<Output<A>>) {
        if !self.in_flight.is_empty() || !self.outbox.is_quiet() {
            return;
        }
        if self.outbox.wants_mark() || self.inbox.has_unwritten() {
            self.append_mark(out);
        } else {
            self.drain = Drain::Done;
            out.push(Output::Drained);
        }
    }

    /// When idle, appends the delivered mark and the positions, so that a later take-over repeats nothing.
    pub(crate) fn rest(&mut self, out: &mut Vec<Output<A>>) {
        let unwritten = self.outbox.wants_mark() || self.inbox.has_unwritten();
        if self.in_flight.is_empty() && self.inbox.len() == 0 && unwritten {
            self.append_mark(out);
        }
    }
}
