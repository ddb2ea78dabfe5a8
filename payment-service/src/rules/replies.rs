//! The replies to commands, and the pauses between calls.

use std::time::Duration;

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;
use serde_json::json;

use crate::entity::Payment;

/// The pauses between calls that lead nowhere double up to 2 to the power of this, in seconds.
const LONGEST_PAUSE: u32 = 9;

impl Payment {
    pub(crate) fn taken(&self) -> Reply {
        Reply::ok(json!({ "paymentId": self.id() }))
    }

    /// Answers the command that waited for the provider, if one does.
    pub(crate) fn answer_waiting(&mut self, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        let headers = self.waiting.take()?;
        Some(self.answer_to(&headers, reply, now))
    }

    /// Answers the command with these headers.
    pub(crate) fn answer_to(&self, headers: &Headers, reply: &Reply, now: Timestamp) -> Outgoing {
        Outgoing::reply(headers, &self.order.to_string(), now, reply)
    }
}

pub(crate) fn done(outcome: &str) -> Reply {
    Reply::ok(json!({ "outcome": outcome }))
}

pub(crate) fn not_taken(why: &str) -> Reply {
    Reply::refused("payment_refused", why)
}

pub(crate) fn failed(error: &str, retry_after: Option<Duration>) -> Reply {
    let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    Reply::failed(error, retry_after_ms)
}

/// The pause after so many calls that led nowhere.
pub(crate) fn pause(calls: u32) -> Duration {
    Duration::from_secs(1 << calls.min(LONGEST_PAUSE))
}
