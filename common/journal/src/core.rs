//! The protocol for one partition as a state machine without I/O.

use std::sync::Arc;

use uuid::Uuid;
use vocabulary::time::Timestamp;

use crate::entity::Entity;
pub use crate::error::StepDown;
use crate::handler::Handler;
use crate::interface::{Env, Input, Output, Snapshot};
use crate::limits::Limits;
use crate::owner::Owner;
use crate::partition::Partition;
use crate::quarantine::{FailedBatch, Quarantine};
use crate::record::{Claim, Head, Positions, Record};
use crate::rule::{Rules, Verdict};

/// The protocol for one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Core<E, A> {
    partition: Partition,
    limits: Limits,
    rules: Rules,
    phase: Phase<E, A>,
    quarantine: Quarantine,
    /// The offset behind the last record that is known since the claim began: read back, or acknowledged directly
    /// behind a known one.
    next_offset: Option<i64>,
    /// Void records that were read back while this worker was the owner.
    pub voids: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase<E, A> {
    Idle,
    Claiming {
        nonce: Uuid,
        /// The claim's offset, once it was read back.
        landed: Option<i64>,
    },
    Owner(Box<Owner<E, A>>),
}

impl<E: Entity, A: Clone + Eq> Core<E, A> {
    /// A worker that owns nothing yet.
    pub fn new(partition: i32, partitions: i32, limits: Limits) -> Self {
        Self::with_rules(partition, partitions, limits, Rules::default())
    }

    /// As [`Core::new`], with some of the rules switched off, to prove that each is needed.
    pub(crate) fn with_rules(partition: i32, partitions: i32, limits: Limits, rules: Rules) -> Self {
        let partition = Partition { number: partition, count: partitions };
        let quarantine = Quarantine::default();
        Self { partition, limits, rules, phase: Phase::Idle, quarantine, next_offset: None, voids: 0 }
    }

    /// Takes one input. Decisions are made in [`Core::pump`], so that inputs can be gathered first.
    pub fn handle(&mut self, input: Input<E>, out: &mut Vec<Output<A>>) {
        match input {
            Input::Assigned { nonce, instance } => self.claim(nonce, instance, out),
            Input::ReadBack { offset, head } if !self.is_known(offset) => self.read_back(offset, head, out),
            Input::Stored { offset, head } if self.is_next(offset) => self.read_back(offset, head, out),
            Input::ReadBack { .. } | Input::Stored { .. } => {}
            Input::Loaded(snapshot) => self.loaded(snapshot, out),
            Input::Failed(failure) => self.step_down(StepDown::Failed(failure), out),
            Input::Revoked => self.leave(),
            Input::Message(message) => self.with_owner(|owner| owner.enqueue(message, None)),
            Input::Direct { message, ticket } => match &mut self.phase {
                Phase::Owner(owner) => owner.enqueue_direct(message, ticket, out),
                Phase::Idle | Phase::Claiming { .. } => out.push(Output::Declined(ticket)),
            },
            Input::Damaged(message, damage) => self.with_owner(|owner| owner.enqueue(message, Some(damage))),
            Input::Skipped { source, next } => self.with_owner(|owner| owner.skip(&source, next)),
            Input::Delivered { offset } => self.with_owner(|owner| owner.delivered(offset, out)),
            Input::Idle => self.with_owner(|owner| owner.rest(out)),
            Input::Drain => self.with_owner(|owner| owner.request_drain(out)),
        }
    }

    /// Decides what can be decided now.
    pub fn pump<H: Handler<Entity = E, SideEffect = A>>(&mut self, env: &Env<'_, H>, out: &mut Vec<Output<A>>) {
        let Phase::Owner(owner) = &mut self.phase else { return };
        if let Err(ended) = owner.pump(env, &mut self.quarantine, out) {
            if let (StepDown::Failed(failure), Some(batch)) = (&ended.reason, ended.batch) {
                if let FailedBatch::Timer(key) = &batch {
                    out.push(Output::TimerHeld { key: key.clone(), reason: failure.clone() });
                }
                self.quarantine.record(batch, failure);
            }
            self.step_down(ended.reason, out);
        }
    }

    /// Returns true if the partition is owned and loaded.
    pub fn is_owner(&self) -> bool {
        self.owner().is_some()
    }

    /// Returns true if the partition is owned and the view has applied the claim's own decisions, by the last
    /// [`Env::view_applied`] given to [`Core::pump`].
    pub fn is_open(&self) -> bool {
        self.owner().is_some_and(Owner::is_open)
    }

    /// Returns true if the record at `offset` would be taken by its acknowledgement ([`Input::Stored`]): the partition
    /// is owned, and all records before it are known.
    pub fn is_next(&self, offset: i64) -> bool {
        let follows = self.next_offset == Some(offset) || !self.rules.require_adjacent && !self.is_known(offset);
        self.is_owner() && follows
    }

    /// Returns true if an acknowledgement shows that the journal has lost records: an entry of this owner that is not
    /// known to be stored has the offset of a record that is.
    pub fn is_contradicted_by(&self, offset: i64, head: Head) -> bool {
        let Head::Entry { seq, .. } = head else { return false };
        let in_flight = self.owner().and_then(Owner::first_in_flight);
        self.is_known(offset) && in_flight.is_some_and(|first| first <= seq)
    }

    fn is_known(&self, offset: i64) -> bool {
        self.next_offset.is_some_and(|next| offset < next)
    }

    /// Returns true if an entity is in memory.
    #[cfg(test)]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.owner().is_some_and(|owner| owner.has(key))
    }

    /// Returns true if nothing is claimed, so that [`Input::Assigned`] would claim.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Messages that wait to be decided.
    pub fn queued(&self) -> usize {
        self.owner().map_or(0, |owner| owner.inbox.len())
    }

    /// Their bytes.
    pub fn queued_bytes(&self) -> usize {
        self.owner().map_or(0, |owner| owner.inbox.bytes())
    }

    /// The number, since the claim, of the oldest append that was not read back: 0 for the claim, then `seq + 1`.
    pub fn awaited(&self) -> Option<u64> {
        match &self.phase {
            Phase::Claiming { landed: None, .. } => Some(0),
            Phase::Idle | Phase::Claiming { landed: Some(_), .. } => None,
            Phase::Owner(owner) => owner.first_in_flight().map(|seq| seq.saturating_add(1)),
        }
    }

    /// Messages of valid entries that the brokers have not acknowledged.
    pub fn undelivered(&self) -> usize {
        self.owner().map_or(0, Owner::undelivered)
    }

    /// Returns true if nothing is decided because too much is undelivered ([`Limits::undelivered_messages`]).
    pub fn is_blocked(&self) -> bool {
        self.owner().is_some_and(Owner::is_blocked)
    }

    /// When a timer is due next.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.owner().and_then(Owner::next_timer)
    }

    /// When the earliest undecided timer of the owner is due, also while it can't be decided.
    pub fn earliest_timer(&self) -> Option<Timestamp> {
        self.owner().and_then(Owner::earliest_timer)
    }

    /// The next offset to read of each input, as decided.
    pub fn positions(&self) -> Option<&Positions> {
        self.owner().map(|owner| owner.inbox.positions())
    }

    fn owner(&self) -> Option<&Owner<E, A>> {
        match &self.phase {
            Phase::Owner(owner) => Some(owner),
            Phase::Idle | Phase::Claiming { .. } => None,
        }
    }

    fn with_owner(&mut self, f: impl FnOnce(&mut Owner<E, A>)) {
        if let Phase::Owner(owner) = &mut self.phase {
            f(owner);
        }
    }

    fn claim(&mut self, nonce: Uuid, instance: String, out: &mut Vec<Output<A>>) {
        if self.is_idle() {
            self.phase = Phase::Claiming { nonce, landed: None };
            let claim = Claim { nonce, instance, partitions: Some(self.partition.count) };
            out.push(Output::Append(Arc::new(Record::Claim(claim))));
        }
    }

    fn read_back(&mut self, offset: i64, head: Head, out: &mut Vec<Output<A>>) {
        if !self.is_idle() {
            self.next_offset = Some(offset.saturating_add(1));
        }
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Claiming { nonce, landed } => match head {
                Head::Claim { nonce: n } if n == *nonce && landed.is_none() => {
                    *landed = Some(offset);
                    out.push(Output::Load { claim: offset });
                }
                Head::Claim { .. } if landed.is_some() => self.step_down(StepDown::ForeignClaim, out),
                Head::Acceptance if landed.is_some() => self.step_down(StepDown::LossAccepted, out),
                Head::Claim { .. } | Head::Entry { .. } | Head::Acceptance | Head::Garbage => {}
            },
            Phase::Owner(owner) => match owner.read_back(offset, head, out) {
                Verdict::Valid if owner.has_other_inputs() => self.step_down(StepDown::InputsChanged, out),
                Verdict::Valid => {}
                Verdict::Void => {
                    self.voids += 1;
                    if let Some(failure) = owner.lost_before(head) {
                        self.step_down(StepDown::Failed(failure), out);
                    }
                }
                Verdict::Claim => self.step_down(StepDown::ForeignClaim, out),
                Verdict::Acceptance => self.step_down(StepDown::LossAccepted, out),
            },
        }
    }

    fn loaded(&mut self, snapshot: Snapshot<E>, out: &mut Vec<Output<A>>) {
        let Phase::Claiming { landed: Some(claim), .. } = self.phase else { return };
        self.quarantine.passed(&snapshot.positions);
        let mut owner = Owner::new(claim, self.partition, self.limits, self.rules);
        out.push(Output::Claimed(snapshot.positions.clone()));
        owner.load(snapshot, out);
        self.phase = Phase::Owner(Box::new(owner));
    }

    fn leave(&mut self) {
        self.phase = Phase::Idle;
        self.next_offset = None;
    }

    fn step_down(&mut self, reason: StepDown, out: &mut Vec<Output<A>>) {
        if !self.is_idle() {
            self.leave();
            out.push(Output::StepDown(reason));
        }
    }
}
