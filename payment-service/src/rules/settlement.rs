//! When the money of a refunded payment is settled: the reply to the compensation, and operators' actions on failed
//! refunds.

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;

use super::replies::done;
use crate::entity::Payment;
use crate::entity::approval::{CommandId, Settling};
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::status::Status;
use crate::provider::call::Refund;
use crate::text::cut;

impl Payment {
    /// The reply to `payment.refund` of the whole payment, once the provider has answered for each of its refunds.
    pub(super) fn refund_outcome(&self) -> Reply {
        if let Settling::Failed { detail, .. } = &self.approvals.settling {
            return Reply::refused("refund_failed", detail);
        }
        let failed = self.partial_refunds.list.iter().find_map(|part| Some((&part.id, part.failure()?)));
        if let Some((id, why)) = failed {
            return Reply::refused("refund_failed", format!("refund {} failed: {why}", cut(id)));
        }
        done(if self.has_pending_refund() { "refund_pending" } else { "refunded" })
    }

    /// Returns true if the provider still has to make a refund.
    pub(super) fn has_pending_refund(&self) -> bool {
        let whole = matches!(self.approvals.settling, Settling::Pending { .. });
        whole || self.partial_refunds.list.iter().any(PartialRefund::is_pending)
    }

    /// Replies to the command that waits for the refund of the whole payment, unless a refund is still under way.
    pub(super) fn reply_if_settled(&mut self, now: Timestamp) -> Option<Outgoing> {
        let is_answered = match self.status {
            Status::Refunded => true,
            Status::Refunding { .. } => !self.approvals.settling.is_none(),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled => false,
        };
        if !is_answered || self.partial_refunds.any_underway() {
            return None;
        }
        self.reply_to_waiting(&self.refund_outcome(), now)
    }

    /// `payment.refund` of a payment whose rest is refunded: partial refunds that failed are made again, unless the
    /// command is a repetition, and the reply waits for those under way.
    pub(super) fn settled_or_waiting(
        &mut self,
        waiting: Option<Headers>,
        is_repeated: bool,
        now: Timestamp,
    ) -> Option<Reply> {
        if !is_repeated {
            self.retry_failed_parts(now);
        }
        if !self.partial_refunds.any_underway() {
            return Some(self.refund_outcome());
        }
        self.waiting = waiting.or(self.waiting.take());
        None
    }

    /// Records a `payment.refund` of the whole payment. Returns true if it repeats the last one: an
    /// orchestrator that takes over sends a command again.
    pub(super) fn record_refund_command(&mut self, command: Option<&Headers>) -> bool {
        let Some(id) = command.and_then(CommandId::of) else { return false };
        self.approvals.command.replace(id) == Some(id)
    }

    /// Makes all partial refunds again that failed: their amounts are not part of the rest. Returns false if none did.
    pub(super) fn retry_failed_parts(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        for part in self.partial_refunds.list.iter_mut().filter(|part| part.is_failed()) {
            part.retry(now);
            self.history.note(now, format!("refund {} is made again", cut(&part.id)));
            any = true;
        }
        any
    }

    /// Retries a failed refund for an operator. [`Refund::WHOLE`] names a full refund.
    pub fn retry_refund(&mut self, refund_id: &str, by: Option<&str>, now: Timestamp) {
        let by = by_operator(by);
        let failed = |part: &&mut PartialRefund| part.id == refund_id && part.is_failed();
        if let Some(part) = self.partial_refunds.list.iter_mut().find(failed) {
            part.retry(now);
            self.history.note(now, format!("refund {} is made again{by}", cut(refund_id)));
            // The refund of the rest waits for it: an answer to a call under way is not used.
            if self.awaits_full_refund() {
                self.call_refund(now);
            }
        } else if refund_id == Refund::WHOLE && self.retry_whole() {
            self.call_refund(now);
            self.history.note(now, format!("the refund is made again{by}"));
        }
    }

    /// Returns true if a refund failed, and can be dismissed: of full refunds only that of the first approval.
    pub fn can_dismiss(&self, refund_id: &str) -> bool {
        let part = self.partial_refunds.failed().any(|part| part.id == refund_id);
        let whole = matches!(self.approvals.settling, Settling::Failed { .. }) && self.approvals.refunded == 0;
        part || refund_id == Refund::WHOLE && whole && self.left_of(0).is_some_and(|left| left > 0)
    }

    /// An operator settles a failed refund otherwise: it is not made again, and no other refund takes its amount. If
    /// nothing is left, the payment ends as one that is refunded in parts.
    pub fn dismiss_refund(
        &mut self,
        refund_id: &str,
        reason: &str,
        by: Option<&str>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        if !self.can_dismiss(refund_id) {
            return None;
        }
        let reason = cut(reason).to_owned();
        self.history.note(now, format!("refund {} is dismissed{}", cut(refund_id), by_operator(by)));
        let state = PartState::Dismissed { at: now, reason, by: by.map(|by| cut(by).to_owned()) };
        let failed = |part: &&mut PartialRefund| part.id == refund_id && part.is_failed();
        if let Some(part) = self.partial_refunds.list.iter_mut().find(failed) {
            part.state = state;
            return self.refunded_in_parts(now);
        }
        let amount_minor = self.left_of(0)?;
        let _ = self.retry_whole();
        self.partial_refunds.add(PartialRefund::new(Refund::WHOLE.to_owned(), amount_minor, now, state));
        self.refunded_in_parts(now)
    }

    /// Requests the list of refunds and disputes from the provider.
    pub fn review_by_operator(&mut self, by: Option<&str>, now: Timestamp) {
        if self.can_be_reviewed() {
            self.history.note(now, format!("refunds and disputes are asked for{}", by_operator(by)));
            self.review_soon(now);
        }
    }

    /// Returns true if the provider knows the payment, and lists its refunds and disputes.
    pub fn can_be_reviewed(&self) -> bool {
        self.provider.kind.is_authority() && self.provider.reference.is_some() && self.terms.is_some()
    }
}

fn by_operator(by: Option<&str>) -> String {
    by.map(|by| format!(" by {}", cut(by))).unwrap_or_default()
}
