//! The replies to commands, and the pauses between calls to the provider.

use std::time::Duration;

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;
use serde_json::json;

use crate::entity::Payment;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::text::cut;

/// The pause between calls without a result doubles up to 2 to the power of this, in seconds.
const LONGEST_PAUSE: u32 = 9;

/// Why a call to the provider did not succeed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The provider's error.
    pub error: &'a str,
    /// The earliest time for another attempt, from now.
    pub retry_after: Option<Duration>,
}

impl Failure<'_> {
    /// The reply to the command that waits for the call.
    pub(super) fn reply(&self) -> Reply {
        failed(self.error, self.retry_after)
    }
}

impl Payment {
    /// The reply to an accepted request.
    pub(super) fn accepted_reply(&self) -> Reply {
        Reply::ok(json!({ "paymentId": self.id(), "provider": self.provider.kind.name() }))
    }

    /// The reply to a capture.
    pub(super) fn captured_reply(&self) -> Reply {
        Reply::ok(json!({ "outcome": "captured", "paymentId": self.id(), "amountMinor": self.captured_minor() }))
    }

    /// Replies to the command that waits for the provider, if there is one.
    pub(super) fn reply_to_waiting(&mut self, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        let headers = self.waiting.take()?;
        Some(self.reply_to(&headers, reply, now))
    }

    /// Replies to the command with these headers.
    pub(super) fn reply_to(&self, headers: &Headers, reply: &Reply, now: Timestamp) -> Outgoing {
        Outgoing::reply(headers, &self.order.to_string(), now, reply)
    }
}

pub(super) fn done(outcome: &str) -> Reply {
    Reply::ok(json!({ "outcome": outcome }))
}

/// The reply to a request that the provider refused.
pub(super) fn request_refused(why: &str) -> Reply {
    Reply::refused("payment_refused", why)
}

/// The reply to a partial refund that is made, or that the provider accepted.
pub(super) fn part_refunded(part: &PartialRefund) -> Reply {
    let id = &part.id;
    let amount_minor = part.requested_minor();
    let outcome = match part.state {
        PartState::Pending { .. } => "pending",
        PartState::Failed { .. } => "failed",
        PartState::Refunding { .. }
        | PartState::Refunded { .. }
        | PartState::Dismissed { .. }
        | PartState::Refused { .. } => "refunded",
    };
    let amounts =
        json!({ "outcome": outcome, "refundId": id, "amountMinor": amount_minor, "refundedMinor": amount_minor });
    Reply::ok(amounts)
}

pub(super) fn failed(error: &str, retry_after: Option<Duration>) -> Reply {
    let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    Reply::failed(cut(error), retry_after_ms)
}

/// The pause after this many calls without a result.
pub(super) fn pause(calls: u32) -> Duration {
    Duration::from_secs(1 << calls.min(LONGEST_PAUSE))
}
