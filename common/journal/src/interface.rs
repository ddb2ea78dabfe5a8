//! What goes into the protocol and what comes out of it. Separate from the state machine, which the owner's parts
//! build.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;
use vocabulary::messages::{Damage, Message, Outgoing, TraceContext, Unreadable};
use vocabulary::time::Timestamp;

use crate::entity::{Entity, Intent, Key};
use crate::error::{Failure, StepDown};
use crate::handler::Handler;
use crate::record::{Head, LastMessages, Positions, Record};
use crate::store::Store;

/// An event for a worker.
#[derive(Clone, Debug)]
pub enum Input<E> {
    /// The group assigns the partition to this instance: claim it. The nonce is new for each claim.
    Assigned {
        /// Distinguishes this claim from all others.
        nonce: Uuid,
        /// The instance that claims, for operators who read the journal.
        instance: String,
    },
    /// A record of this partition's journal, in order, from before the claim was appended. It is ignored if it is
    /// already known ([`Input::Stored`]).
    ReadBack {
        /// Its offset.
        offset: i64,
        /// Its head.
        head: Head,
    },
    /// An append of this instance was acknowledged. At the offset behind the last record known, it is the next record
    /// of the journal, whatever was appended meanwhile: it counts as read back, and is not read again. At any other
    /// offset it is ignored until it is read back.
    Stored {
        /// Its offset, by the broker's acknowledgement.
        offset: i64,
        /// The head of the record that was appended.
        head: Head,
    },
    /// The view's content once it had applied the claim.
    Loaded(Snapshot<E>),
    /// A message of an input topic.
    Message(Message),
    /// A message that was handed to this worker without a topic between, by its own process. It is decided like one of
    /// a topic, but has no position: [`Output::Accepted`] reports that its decision is durable. If the message is
    /// declined ([`Output::Declined`]), or the claim ends before either, its sender must send it over its topic. Both
    /// ways can decide it: handlers recognise the id.
    Direct {
        /// The message. Its offset has no meaning.
        message: Message,
        /// Identifies it in the outputs.
        ticket: Ticket,
    },
    /// Offsets of an input topic whose bytes can't be read, with what could be read of them. The message's offset is
    /// the last of the offsets.
    Damaged(Message, Damage),
    /// An input has no message from the last one received up to `next`: only markers of transactions. Sent behind the
    /// messages before it.
    Skipped {
        /// The input's name in [`Positions`].
        source: String,
        /// Where to continue.
        next: i64,
    },
    /// A message of the outbox of the record at `offset` was acknowledged.
    Delivered {
        /// The record's offset.
        offset: i64,
    },
    /// An append or a send failed, or can't be tried.
    Failed(Failure),
    /// No input for a while: leave the delivered mark for a successor.
    Idle,
    /// Decide nothing more; finish what is in flight ([`Output::Drained`]).
    Drain,
    /// The group takes the partition away.
    Revoked,
}

/// Identifies a direct message during a claim.
pub type Ticket = u64;

/// A partition's state as the view has it at a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot<E> {
    /// Open entities to begin with: at least all that have intents.
    pub open: Vec<(Key, E)>,
    /// When to wake the open entities that are not in `open`; they are loaded then.
    pub resting: Vec<(Key, Timestamp)>,
    /// From which offsets to read the inputs; a topic that was never read is absent.
    pub positions: Positions,
    /// The last message read of each input.
    pub last: LastMessages,
    /// Outboxes that are not known to be delivered: (record's offset, messages), in order.
    pub unsent: Vec<(i64, Vec<Outgoing>)>,
    /// The offset behind the last message of each input that has any to read now. No timer fires before the inputs are
    /// read up to here, so that an approval that waited on its topic comes before the timeout it beats.
    pub ends: Positions,
}

/// The snapshot of a partition that was never written.
impl<E> Default for Snapshot<E> {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            resting: Vec::new(),
            positions: BTreeMap::new(),
            last: BTreeMap::new(),
            unsent: Vec::new(),
            ends: BTreeMap::new(),
        }
    }
}

/// A timer whose trace is sampled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TracedTimer {
    /// The entity.
    pub key: Key,
    /// When it was due.
    pub due: Timestamp,
    /// The trace context of the entity.
    pub traceparent: String,
}

impl TracedTimer {
    /// The timer of an entity before it is decided. `None` if its trace is not sampled.
    pub(crate) fn of<E: Entity>(key: &Key, entity: &E) -> Option<Self> {
        let traceparent = entity.traceparent()?;
        TraceContext::sampled(traceparent)?;
        Some(Self { key: key.clone(), due: entity.wake_at()?, traceparent: traceparent.to_owned() })
    }
}

/// An instruction for the worker's shell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output<A> {
    /// Append this record to the journal. Appends keep their order, or [`Input::Failed`] follows.
    Append(Arc<Record>),
    /// The claim at this offset was read back: give [`Input::Loaded`] when the view has applied it.
    Load {
        /// The claim's offset.
        claim: i64,
    },
    /// The partition is owned: read the inputs from these positions.
    Claimed(Positions),
    /// Send these messages, in order, and report each acknowledgement ([`Input::Delivered`]).
    Send {
        /// The record that holds them.
        offset: i64,
        /// The messages.
        messages: Arc<Vec<Outgoing>>,
    },
    /// The decision about this direct message is in a valid entry.
    Accepted(Ticket),
    /// This direct message is not decided: it must be sent over its topic.
    Declined(Ticket),
    /// Execute this side effect; its answer comes back as a message.
    Execute(Intent<A>),
    /// Abandon the side effect with this id. It may have happened already.
    Abandon(String),
    /// A batch was decided; its entry follows if it changed or sent anything. For counts.
    Decided {
        /// Its messages.
        messages: usize,
        /// Its timers.
        timers: usize,
        /// Those of them whose traces are sampled.
        traced: Vec<TracedTimer>,
    },
    /// A message was passed without a decision, since it ended a claim or its bytes are damaged: its dead letter and
    /// the position behind it are in an entry that was read back. For logs and counts.
    SetAside {
        /// The name of its partition in [`Positions`].
        topic: String,
        /// Its offset.
        offset: i64,
        /// Why.
        reason: Unreadable,
    },
    /// The timer of this entity ended a claim, and is no longer decided until the process restarts. For logs and
    /// counts.
    TimerHeld {
        /// The entity.
        key: Key,
        /// Why.
        reason: Failure,
    },
    /// Nothing is in flight any more: the worker may end.
    Drained,
    /// No longer the owner: drop the producer and all that is in memory.
    StepDown(StepDown),
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
