//! Full refunds: the compensation of a request, and the refund of late approvals.

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;

use super::replies::{Failure, done, pause};
use crate::entity::approval::Settling;
use crate::entity::status::Status;
use crate::entity::{Payment, RETENTION};
use crate::messages::Verdict;
use crate::provider::call::Refund;
use crate::text::cut;

impl Payment {
    /// `payment.refund`, the compensation of a request: the reply is sent when the provider has refunded the payment,
    /// or now if there is nothing to refund. A repetition of the last such command makes no failed refund again.
    pub fn refund(&mut self, waiting: Option<Headers>, now: Timestamp) -> Option<Reply> {
        let is_repeated = self.record_refund_command(waiting.as_ref());
        let is_answered = match self.approvals.settling {
            Settling::None => false,
            Settling::Pending { .. } => true,
            Settling::Failed { .. } => is_repeated,
        };
        match self.status {
            Status::New => Some(self.cancel("cancelled before it was requested", now)),
            Status::Unrequested { verdict: Verdict::Authorized, .. } => {
                Some(self.cancel("cancelled; it had been authorized before it was requested", now))
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => Some(self.cancel("cancelled", now)),
            Status::Authorized | Status::Capturing { .. } => {
                let reply = self.cancel("cancelled: the authorization is to be cancelled at the provider", now);
                self.cancel_at_provider(now);
                Some(reply)
            }
            Status::Cancelled => Some(done("cancelled")),
            Status::Approved if self.is_free() => {
                self.approvals.refunded = self.approvals.list.len();
                self.set_status(Status::Refunded, now, "nothing was paid: refunded without the provider");
                Some(done("refunded"))
            }
            // All of it is refunded in parts, one of which failed.
            Status::Approved if is_repeated && self.left_of(0) == Some(0) && !self.partial_refunds.any_underway() => {
                Some(self.refund_outcome())
            }
            Status::Unrequested { verdict: Verdict::Approved, .. } | Status::Approved => {
                self.waiting = waiting;
                self.call_refund(now);
                self.history.note(now, "to be refunded");
                if !is_repeated {
                    self.retry_failed_parts(now);
                }
                // Refunds made in the provider's own dashboard may have left nothing.
                let ended = self.refunded_in_parts(now);
                ended.map(|_| self.refund_outcome())
            }
            Status::Refunding { .. } if is_answered => self.settled_or_waiting(waiting, is_repeated, now),
            Status::Refunding { due } => {
                self.waiting = waiting.or(self.waiting.take());
                let retries_parts = !is_repeated && self.retry_failed_parts(now);
                if self.retry_whole() || retries_parts || due > now {
                    self.call_refund(now);
                    self.history.note(now, "to be refunded, requested again");
                }
                None
            }
            Status::Refunded => self.settled_or_waiting(waiting, is_repeated, now),
            Status::Unrequested { verdict: Verdict::Declined, .. } => {
                self.set_status(Status::Declined, now, "closed: it had been declined before it was requested");
                Some(done("nothing_to_do"))
            }
            Status::Declined => Some(done("nothing_to_do")),
        }
    }

    /// Its request is refused, and it can never be paid: an early result is closed as by `payment.refund`.
    pub fn close_early(&mut self, now: Timestamp) {
        if let Status::Unrequested { .. } = self.status {
            self.history.note(now, "its request is refused");
            // The command that is refused has its reply.
            let _ = self.refund(None, now);
        }
    }

    /// The provider refunded the payment.
    pub fn refunded(&mut self, call: u32, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_refund(call) {
            self.history.note_unchanged(now, format!("refund {call} was made, but is not awaited: nothing changes"));
            return None;
        }
        self.approval_refunded(now)
    }

    /// The provider accepted the refund of the payment, and has not made it yet.
    pub fn refund_pending(&mut self, call: u32, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_refund(call) {
            return None;
        }
        self.approvals.settling = Settling::Pending { since: now };
        self.history.note(now, "the refund is pending at the provider");
        self.review_later(now);
        self.reply_to_waiting(&self.refund_outcome(), now)
    }

    /// The provider accepted the refund of the payment, which failed at once: an operator, or another `payment.refund`,
    /// makes it again.
    pub fn refund_unmade(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_refund(call) {
            return None;
        }
        self.whole_failed(cut(error), now);
        self.reply_to_waiting(&self.refund_outcome(), now)
    }

    /// The full refund failed after the provider had accepted it.
    pub(super) fn whole_failed(&mut self, detail: &str, now: Timestamp) {
        self.report_failed_refund(format!("the refund failed at the provider: {detail}"), now);
        self.approvals.settling = Settling::Failed { at: now, detail: detail.to_owned() };
    }

    /// Reports a failed refund to the operators, and records it.
    pub(super) fn report_failed_refund(&mut self, what: String, now: Timestamp) {
        tracing::error!(order_id = %self.order, "{what}: an operator can make it again");
        self.history.note(now, what);
    }

    /// Retries a failed full refund, under another id. Returns false if none failed.
    pub(super) fn retry_whole(&mut self) -> bool {
        let failed = matches!(self.approvals.settling, Settling::Failed { .. });
        if failed {
            self.approvals.settling = Settling::None;
            self.approvals.retries += 1;
        }
        failed
    }

    /// An approval is refunded, all of it.
    pub(super) fn approval_refunded(&mut self, now: Timestamp) -> Option<Outgoing> {
        // Another refund took the place of one that failed, which the provider still lists.
        let _ = self.retry_whole();
        self.approvals.settling = Settling::None;
        if self.approvals.mark_refunded(now) {
            self.call_refund(now);
            self.history.note(now, "refunded; another approval is to be refunded");
            return None;
        }
        self.set_status(Status::Refunded, now, "refunded");
        let reply = self.reply_if_settled(now);
        if self.partial_refunds.failed().next().is_some() {
            self.reopen();
        }
        reply
    }

    /// The provider did not refund the payment, for a technical reason. It is called again after a pause, or when a
    /// command requests the refund again.
    pub fn refund_failed(&mut self, call: u32, failure: Failure<'_>, now: Timestamp) -> Option<Outgoing> {
        let what = format!("the refund failed: {}", cut(failure.error));
        self.not_refunded(call, failure, what, &failure.reply(), now)
    }

    /// The provider refused the refund. It is called again like after a failure, but the reply is a refusal, so that an
    /// operator looks at it.
    pub fn refund_refused(&mut self, call: u32, failure: Failure<'_>, now: Timestamp) -> Option<Outgoing> {
        let what = format!("the refund was refused by the provider: {}", cut(failure.error));
        self.not_refunded(call, failure, what, &Reply::refused("refund_refused", cut(failure.error)), now)
    }

    fn not_refunded(
        &mut self,
        call: u32,
        failure: Failure<'_>,
        what: String,
        reply: &Reply,
        now: Timestamp,
    ) -> Option<Outgoing> {
        if !self.awaits_refund(call) {
            self.history
                .note_unchanged(now, format!("refund {call} failed, but is not awaited: {}", cut(failure.error)));
            return None;
        }
        self.call_refund(now.plus(failure.retry_after.unwrap_or_default().max(pause(call))));
        self.history.note_unchanged(now, what);
        self.reply_to_waiting(reply, now)
    }

    /// Returns true if the provider was called: not before all partial refunds have ended.
    fn awaits_refund(&self, call: u32) -> bool {
        let is_called = self.awaits_full_refund() && !self.partial_refunds.any_underway();
        is_called && call == self.approvals.refund_calls
    }

    /// Returns true if the provider has to accept the full refund.
    pub(super) fn awaits_full_refund(&self) -> bool {
        matches!(self.status, Status::Refunding { .. }) && self.approvals.settling.is_none()
    }

    /// The provider's id of the full refund of an approval, which the message `approval` reported.
    pub(super) fn full_refund_id(&self, payment_id: &str, approval: &str) -> String {
        Refund::retry_id(Refund::whole_id(payment_id, approval), self.approvals.retries)
    }

    /// Calls the provider for a full refund at `due`.
    pub(super) fn call_refund(&mut self, due: Timestamp) {
        self.approvals.refund_calls += 1;
        self.status = Status::Refunding { due };
    }

    fn cancel(&mut self, what: &'static str, now: Timestamp) -> Reply {
        self.waiting = None;
        self.cancellation.due = self.result_due();
        self.cancellation.until = self.cancellation.due.map(|_| now.plus(RETENTION));
        self.find_at_provider(now);
        self.set_status(Status::Cancelled, now, what);
        done("cancelled")
    }
}
