//! The approvals of a payment. There can be several, since the provider and operators may report the same payment as
//! paid.

use common::ids;
use common::messages::{Headers, header};
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most approvals that are kept; refunded ones are dropped first.
const KEPT_APPROVALS: usize = 40;
/// The most approvals of a payment. With as many that are not refunded, no further one is taken.
pub(crate) const MOST_APPROVALS: usize = 200;

/// An approval. The same one may be reported more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The id of the message that reported it.
    pub message: String,
    /// The payment's id in that message; an operator may omit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// When it was received; `None` in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When the rest of it was refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<Timestamp>,
}

impl Approval {
    /// An approval that is not refunded.
    pub fn new(message: String, payment_id: Option<String>, at: Option<Timestamp>) -> Self {
        Self { message, payment_id, at, refunded_at: None }
    }

    /// Returns true if it is about the same payment as `known`, or is the same message. One without a payment id is
    /// about the payment with the order's own id; after another approval it only repeats that one.
    pub fn repeats(&self, known: &Self, own_id: &str) -> bool {
        let id = known.payment_id.as_deref().unwrap_or(own_id);
        self.message == known.message || self.payment_id.as_deref().is_none_or(|given| given == id)
    }
}

/// Identifies a command, by its `ce_id`. A command that is sent again has the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(Uuid);

impl CommandId {
    /// The id of the command with these headers; `None` if it has no `ce_id`.
    pub fn of(command: &Headers) -> Option<Self> {
        command.get(header::ID).map(|id| Self(ids::derive(&["command", id])))
    }
}

impl Settling {
    /// Returns true if no full refund is pending or failed.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// All approvals of a payment, and how far they are refunded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Oldest first.
    pub list: Vec<Approval>,
    /// How many of them, from the first on, are refunded.
    pub refunded: usize,
    /// Calls to the provider for a full refund.
    pub refund_calls: u32,
    /// The full refund that the provider accepted and has not made yet.
    pub settling: Settling,
    /// How many times full refunds were made again after they had failed.
    pub retries: u32,
    /// The last `payment.refund` of the whole payment: repeated, it makes no failed refund again.
    pub command: Option<CommandId>,
}

/// The state of a full refund that the provider accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Settling {
    /// There is none.
    #[default]
    None,
    /// The money is on its way.
    Pending { since: Timestamp },
    /// It failed: the detail. It can be made again.
    Failed { at: Timestamp, detail: String },
}

impl Approvals {
    /// Returns true if no further approval is taken before one is refunded.
    pub fn is_full(&self) -> bool {
        self.list.len().saturating_sub(self.refunded) >= MOST_APPROVALS
    }

    /// Returns true if this approval was received before. `own_id` is the payment's own id.
    pub fn contains(&self, approval: &Approval, own_id: &str) -> bool {
        self.list.iter().any(|known| approval.repeats(known, own_id))
    }

    /// The approval that is captured first; partial refunds are parts of it.
    pub fn first(&self) -> Option<&Approval> {
        self.list.first()
    }

    /// The next approval to be refunded in full.
    pub fn next_to_refund(&self) -> Option<&Approval> {
        self.list.get(self.refunded)
    }

    /// Marks the next approval as refunded. Returns true if another one is still to be refunded.
    pub fn mark_refunded(&mut self, now: Timestamp) -> bool {
        if let Some(approval) = self.list.get_mut(self.refunded) {
            approval.refunded_at = Some(now);
        }
        self.refunded += 1;
        self.refunded < self.list.len()
    }

    /// The refund of the last refunded approval failed later: it is to be refunded again.
    pub fn unmark_refunded(&mut self) {
        if let Some(index) = self.refunded.checked_sub(1) {
            self.refunded = index;
            if let Some(approval) = self.list.get_mut(index) {
                approval.refunded_at = None;
            }
        }
    }

    /// Adds an approval; beyond `KEPT_APPROVALS` the oldest refunded one is dropped, except the first if
    /// `keep_first`.
    pub fn add(&mut self, approval: Approval, keep_first: bool) {
        let oldest = usize::from(keep_first);
        if self.list.len() >= KEPT_APPROVALS && self.refunded > oldest {
            self.list.remove(oldest);
            self.refunded -= 1;
        }
        self.list.push(approval);
    }
}
