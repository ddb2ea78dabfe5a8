//! The owner's side of the protocol as a state machine without I/O: what comes in, what is to be done about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::batch::Owner;
use super::record::{Claim, Head, Positions, Record};
use super::rule::{Reader, Verdict};
use super::{Handler, Intent, Key, Store};
use vocabulary::messages::{Message, Outgoing};
use vocabulary::time::Timestamp;

/// How far deciding may run ahead of reading back, and how large a batch may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Messages in a batch.
    pub batch_messages: usize,
    /// Estimated bytes of a batch's record.
    pub batch_bytes: usize,
    /// Records appended and not yet read back.
    pub ahead_records: usize,
    /// Their estimated bytes.
    pub ahead_bytes: usize,
    /// Open entities kept in memory; beyond that, those that rest are read from the view when they are needed. What was not
    /// applied to the view yet, or has acts underway, stays.
    pub open_in_memory: usize,
    /// With a record underway, a further one is appended only when at least this many messages wait: small batches gather
    /// while the broker is busy with the last one (Nagle's idea, RFC 896).
    pub gather: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_messages: 500,
            batch_bytes: 1 << 20,
            ahead_records: 4,
            ahead_bytes: 4 << 20,
            open_in_memory: 50_000,
            gather: 32,
        }
    }
}

/// What happens to a worker.
#[derive(Clone, Debug)]
pub enum Input<E> {
    /// The group assigns the partition to this instance: claim it. The nonce is new for each claim.
    Assigned {
        /// Tells this claim from all others.
        nonce: Uuid,
        /// Who claims, for people.
        instance: String,
    },
    /// A record of this partition's journal, in order, from before the claim was appended.
    ReadBack {
        /// Its offset.
        offset: i64,
        /// What it is.
        head: Head,
    },
    /// What the view held when it had applied the claim.
    Loaded(Snapshot<E>),
    /// A message of an input topic.
    Message(Message),
    /// A message of the outbox of the record at `offset` has arrived.
    Delivered {
        /// The record's offset.
        offset: i64,
    },
    /// An append or a send failed, or can't be tried.
    Failed(String),
    /// Nothing has come for a while: leave the delivered mark for a successor.
    Rest,
    /// Decide nothing more; finish what is underway ([`Output::Drained`]).
    Drain,
    /// The group takes the partition away.
    Revoked,
}

/// A partition's state as the view knows it at a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot<E> {
    /// Open entities to begin with: at least all that have intents.
    pub open: Vec<(Key, E)>,
    /// When to wake open entities that are not among these, and are read when they are needed.
    pub resting: Vec<(Key, Timestamp)>,
    /// Where the inputs are to be read from; a topic that was never read is absent.
    pub positions: Positions,
    /// Outboxes that are not known to be delivered: (record's offset, messages), in order.
    pub unsent: Vec<(i64, Vec<Outgoing>)>,
    /// Right behind the last message of each input that has any to be read now. No timer fires before they have been read up to here, so that an approval that waited
    /// on its topic comes before the timeout it beats.
    pub ends: Positions,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output<A> {
    /// Append this record to the journal. Appends keep their order, or [`Input::Failed`] follows.
    Append(Arc<Record>),
    /// The claim at this offset has landed: give [`Input::Loaded`] when the view has applied it.
    Load {
        /// The claim's offset.
        claim: i64,
    },
    /// The partition is owned: read the inputs from these positions.
    Claimed(Positions),
    /// Send these messages, in order, and tell of each arrival ([`Input::Delivered`]).
    Send {
        /// The record they stand in.
        offset: i64,
        /// The messages.
        messages: Arc<Vec<Outgoing>>,
    },
    /// Execute this side effect; its answer comes back as a message.
    Execute(Intent<A>),
    /// Abandon the side effect with this id. It may have happened already.
    Abandon(String),
    /// All that was underway is done: the worker may end.
    Drained,
    /// Not the owner any more: drop the producer and all that is in memory.
    StepDown(StepDown),
}

/// Why a worker steps down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StepDown {
    /// Another claim came back: wait the session timeout before claiming again.
    ForeignClaim,
    /// Something failed here: claim again if the partition is still assigned.
    Failed(String),
    /// The service can't work with what the journal holds: the process must end, and a person must look.
    Refused(String),
}

/// What deciding needs from outside.
pub struct Env<'a, H: Handler> {
    /// The service's rules.
    pub handler: &'a H,
    /// Entities that are not in memory.
    pub store: &'a dyn Store<H::Entity>,
    /// The time.
    pub now: Timestamp,
    /// The view has applied all records before this offset.
    pub view_applied: i64,
}

/// The protocol for one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Core<E, A> {
    partition: i32,
    partitions: i32,
    limits: Limits,
    phase: Phase<E, A>,
    /// Records of this worker's time that were void.
    pub voids: u64,
    #[cfg(test)]
    pub(super) off: super::model::Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase<E, A> {
    Idle,
    Claiming { nonce: Uuid, landed: Option<i64> },
    Owner(Box<Owner<E, A>>),
}

impl<E: super::Entity, A: Clone + Eq> Core<E, A> {
    /// A worker that owns nothing yet.
    pub fn new(partition: i32, partitions: i32, limits: Limits) -> Self {
        let phase = Phase::Idle;
        #[cfg(not(test))]
        return Self { partition, partitions, limits, phase, voids: 0 };
        #[cfg(test)]
        Self { partition, partitions, limits, phase, voids: 0, off: super::model::Off::default() }
    }

    /// Takes one input. Decisions are made in [`Core::pump`], so that inputs can be gathered first.
    pub fn handle(&mut self, input: Input<E>, out: &mut Vec<Output<A>>) {
        match input {
            Input::Assigned { nonce, instance } => self.claim(nonce, instance, out),
            Input::ReadBack { offset, head } => self.read_back(offset, head, out),
            Input::Loaded(snapshot) => self.loaded(snapshot, out),
            Input::Failed(why) => self.step_down(StepDown::Failed(why), out),
            Input::Revoked => self.phase = Phase::Idle,
            Input::Message(message) => self.with_owner(|owner| owner.enqueue(message)),
            Input::Delivered { offset } => self.with_owner(|owner| owner.outbox.delivered(offset)),
            Input::Rest => {
                if let Phase::Owner(owner) = &mut self.phase {
                    owner.rest(out);
                }
            }
            Input::Drain => self.with_owner(|owner| owner.draining = true),
        }
    }

    /// Decides what can be decided now.
    pub fn pump<H: Handler<Entity = E, SideEffect = A>>(&mut self, env: &Env<'_, H>, out: &mut Vec<Output<A>>) {
        let Phase::Owner(owner) = &mut self.phase else { return };
        if let Err(why) = owner.pump(env, out) {
            self.step_down(why, out);
        }
    }

    /// Whether the partition is owned and loaded.
    pub fn is_owner(&self) -> bool {
        matches!(self.phase, Phase::Owner(_))
    }

    /// Whether the partition is owned and what the claim itself decided has been applied to the view, as far as
    /// [`Core::pump`] was told.
    pub fn is_open(&self) -> bool {
        match &self.phase {
            Phase::Owner(owner) => owner.is_open(),
            Phase::Idle | Phase::Claiming { .. } => false,
        }
    }

    /// Whether an entity is in memory.
    #[cfg(test)]
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(&self.phase, Phase::Owner(owner) if owner.holds(key))
    }

    /// Whether nothing is claimed, so that [`Input::Assigned`] would claim.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Messages that wait to be decided.
    pub fn queued(&self) -> usize {
        match &self.phase {
            Phase::Owner(owner) => owner.queue.len(),
            Phase::Idle | Phase::Claiming { .. } => 0,
        }
    }

    /// Their bytes.
    pub fn queued_bytes(&self) -> usize {
        match &self.phase {
            Phase::Owner(owner) => owner.queued_bytes,
            Phase::Idle | Phase::Claiming { .. } => 0,
        }
    }

    /// When a timer is due next.
    pub fn next_timer(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Owner(owner) => owner.next_timer(),
            Phase::Idle | Phase::Claiming { .. } => None,
        }
    }

    /// Where reading stands, as decided.
    pub fn positions(&self) -> Option<&Positions> {
        match &self.phase {
            Phase::Owner(owner) => Some(&owner.positions),
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
            out.push(Output::Append(Arc::new(Record::Claim(Claim { nonce, instance }))));
        }
    }

    fn read_back(&mut self, offset: i64, head: Head, out: &mut Vec<Output<A>>) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Claiming { nonce, landed } => match head {
                Head::Claim { nonce: n } if n == *nonce && landed.is_none() => {
                    *landed = Some(offset);
                    out.push(Output::Load { claim: offset });
                }
                Head::Claim { .. } if landed.is_some() => self.step_down(StepDown::ForeignClaim, out),
                Head::Claim { .. } | Head::Entry { .. } | Head::Garbage => {}
            },
            Phase::Owner(owner) => match owner.read_back(offset, head, out) {
                Verdict::Valid => {}
                Verdict::Void => self.voids += 1,
                Verdict::Claim => self.step_down(StepDown::ForeignClaim, out),
            },
        }
    }

    fn loaded(&mut self, snapshot: Snapshot<E>, out: &mut Vec<Output<A>>) {
        let Phase::Claiming { landed: Some(claim), .. } = self.phase else { return };
        let mut owner = Owner::new(claim, Reader::after_claim(claim), self.limits, (self.partition, self.partitions));
        #[cfg(test)]
        owner.set_off(self.off);
        out.push(Output::Claimed(snapshot.positions.clone()));
        owner.load(snapshot, out);
        self.phase = Phase::Owner(Box::new(owner));
    }

    fn step_down(&mut self, why: StepDown, out: &mut Vec<Output<A>>) {
        if !self.is_idle() {
            self.phase = Phase::Idle;
            out.push(Output::StepDown(why));
        }
    }
}

/// The snapshot of a partition that was never written.
impl<E> Default for Snapshot<E> {
    fn default() -> Self {
        let (open, resting, unsent) = (Vec::new(), Vec::new(), Vec::new());
        Self { open, resting, positions: BTreeMap::new(), unsent, ends: BTreeMap::new() }
    }
}
