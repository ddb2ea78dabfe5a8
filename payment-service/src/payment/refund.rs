//! Giving a whole payment back: the compensation of a request, and what becomes of an approval that nobody wants any
//! more.

use std::time::Duration;

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;

use super::moves::{done, failed, pause};
use super::{KEPT, Payment, Status, cut};
use crate::results::Verdict;

impl Payment {
    /// `payment.refund`, the compensation of a request: answered when the provider has paid back, or now if there is
    /// nothing to pay back.
    pub fn refund(&mut self, waiting: Option<Headers>, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::New => self.cancel("cancelled before it was requested", now),
            Status::Unrequested { verdict: Verdict::Authorized, .. } => {
                self.cancel("cancelled; it had been authorized before it was requested", now)
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => self.cancel("cancelled", now),
            Status::Authorized | Status::Capturing { .. } => {
                let done = self.cancel("cancelled: what is set aside is to be let go", now);
                self.late_result_due = Some(now);
                self.late_result_until = Some(now.plus(KEPT));
                done
            }
            Status::Cancelled => Some(done("cancelled")),
            Status::Unrequested { verdict: Verdict::Approved, .. } | Status::Approved => {
                self.waiting = waiting;
                self.call_refund(now);
                self.note(now, "to be refunded");
                None
            }
            Status::Refunding { due } => {
                self.waiting = waiting.or(self.waiting.take());
                if due > now {
                    self.call_refund(now);
                    self.note(now, "to be refunded, asked again");
                }
                None
            }
            Status::Refunded => Some(done("refunded")),
            Status::Unrequested { verdict: Verdict::Declined, .. } => {
                self.becomes(Status::Declined, now, "closed: it had been declined before it was requested");
                Some(done("nothing_to_do"))
            }
            Status::Declined => Some(done("nothing_to_do")),
        }
    }

    /// The provider gave an approved payment back.
    pub fn refunded(&mut self, call: u32, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_refund(call) {
            self.note(now, format!("refund {call} was made, but nobody waits for it: nothing changes"));
            return None;
        }
        self.given_back(now)
    }

    /// An approval is given back, all of it.
    pub(super) fn given_back(&mut self, now: Timestamp) -> Option<Outgoing> {
        if let Some(approval) = self.approvals.get_mut(self.refunds) {
            approval.refunded_at = Some(now);
        }
        self.refunds += 1;
        if self.refunds < self.approvals.len() {
            self.call_refund(now);
            self.note(now, "refunded, and another approval is to be");
            return None;
        }
        self.becomes(Status::Refunded, now, "refunded");
        self.answer_waiting(&done("refunded"), now)
    }

    /// The provider could not give it back, or won't (`refused`). It is asked again after a pause, or when a command
    /// says so; a refusal is told as such, for a person to look at it.
    pub fn refund_failed(
        &mut self,
        call: u32,
        error: &str,
        refused: bool,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_refund(call) {
            self.note(now, format!("refund {call} failed, but nobody waits for it: {error}"));
            return None;
        }
        self.call_refund(now.plus(retry_after.unwrap_or_default().max(pause(call))));
        self.note(
            now,
            format!("refund {call} {}: {error}", if refused { "refused by the provider" } else { "failed" }),
        );
        let reply = if refused { Reply::refused("refund_refused", error) } else { failed(error, retry_after) };
        self.answer_waiting(&reply, now)
    }

    fn awaits_refund(&self, call: u32) -> bool {
        matches!(self.status, Status::Refunding { .. }) && call == self.refund_calls
    }

    pub(super) fn call_refund(&mut self, due: Timestamp) {
        self.refund_calls += 1;
        self.status = Status::Refunding { due };
    }
}
