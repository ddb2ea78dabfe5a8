//! The transitions of a payment: one function for each thing that can happen to it, with one arm for each state.
//! Captures and refunds are in `capture`, `refund` and `partial`. A transition returns the reply to send.

use std::borrow::Cow;
use std::time::Duration;

use common::journal::{Entity as _, Key, Transaction};
use common::messages::{Message, Outgoing, Reply};
use common::time::Timestamp;

use super::replies::{Failure, pause, request_refused};
use crate::entity::approval::Approval;
use crate::entity::status::Status;
use crate::entity::{Payment, RETENTION, Terms};
use crate::messages::Verdict;
use crate::provider::port::Accepted;
use crate::text::cut;

/// When the provider is queried again for a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextQuery {
    /// After this time, or a longer pause if the queries before had no result either.
    After(Duration),
    /// Never: the provider reports the result by itself.
    Never,
}

/// Wakes a payment, or removes it when it is no longer needed.
pub(crate) fn wake(tx: &mut Transaction<'_, Payment>, key: &Key, now: Timestamp) {
    if let Some(mut payment) = tx.take(key)
        && payment.wake(now)
    {
        tx.put(key.clone(), payment);
    }
}

impl Payment {
    /// `payment.request`: the reply is sent when the provider accepts the request, or now if it did before.
    pub fn request(&mut self, terms: Terms, command: &Message, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::New | Status::Failed => {
                self.terms = Some(terms);
                self.provider.requests += 1;
                self.waiting = Some(command.reply_headers());
                self.set_status(Status::Requested { since: now }, now, "requested");
                None
            }
            Status::Requested { .. } => {
                self.waiting = Some(command.reply_headers());
                None
            }
            Status::Unrequested { verdict, .. } => {
                self.terms = Some(terms);
                let (status, what) = match verdict {
                    Verdict::Authorized => (Status::Authorized, "requested; it had been authorized before"),
                    Verdict::Approved => (Status::Approved, "requested; it had been approved before"),
                    Verdict::Declined => (Status::Declined, "requested; it had been declined before"),
                };
                self.set_status(status, now, what);
                Some(self.accepted_reply())
            }
            Status::Declined => match self.provider.refusal.as_deref() {
                Some(refusal) => Some(request_refused(refusal)),
                None => Some(self.accepted_reply()),
            },
            Status::Pending { .. } | Status::Authorized | Status::Capturing { .. } | Status::Approved => {
                Some(self.accepted_reply())
            }
            Status::Cancelled | Status::Refunding { .. } | Status::Refunded => {
                Some(Reply::refused("payment_cancelled", "the payment was cancelled before this request"))
            }
        }
    }

    /// A request with nothing to pay: it is approved at once, and never known to the provider. `message` is the id of
    /// the result that the service publishes.
    pub fn approve_free(&mut self, terms: Terms, message: String, now: Timestamp) -> Reply {
        self.terms = Some(terms);
        self.add_approval(Approval::new(message, Some(self.id()), Some(now)));
        self.set_status(Status::Approved, now, "nothing to pay: approved without the provider");
        self.accepted_reply()
    }

    /// The provider accepted the request.
    pub fn accepted(&mut self, call: u32, accepted: Accepted, now: Timestamp) -> Option<Outgoing> {
        let result_due = accepted.result_after.map(|after| now.plus(after));
        if self.provider.reference.is_none() {
            self.provider.reference = accepted.reference;
        }
        let closed = match self.status {
            Status::Cancelled => true,
            Status::Declined => self.provider.kind.is_authority(),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => false,
        };
        if closed && call == self.provider.requests {
            let due = if self.provider.kind.is_authority() { Some(now) } else { result_due };
            self.cancellation.due = due;
            self.cancellation.until = due.map(|_| now.plus(RETENTION));
            self.history
                .note(now, format!("request {call} was accepted after the cancellation: to be cancelled there"));
            return None;
        }
        if !self.awaits_request(call) {
            self.history
                .note_unchanged(now, format!("request {call} was accepted, but is not awaited: nothing changes"));
            return None;
        }
        self.set_status(Status::Pending { result_due }, now, "accepted by the provider");
        self.reply_to_waiting(&self.accepted_reply(), now)
    }

    /// The provider did not accept the request, for a technical reason.
    pub fn request_failed(&mut self, call: u32, failure: Failure<'_>, now: Timestamp) -> Option<Outgoing> {
        let error = cut(failure.error);
        if !self.awaits_request(call) {
            if self.is_sought(call) {
                self.provider.requests += 1;
                self.provider.queries += 1;
                let pause = pause(self.provider.queries).max(failure.retry_after.unwrap_or_default());
                self.cancellation.due = Some(now.plus(pause));
            }
            self.history.note_unchanged(now, format!("request {call} failed, but is not awaited: {error}"));
            return None;
        }
        self.status = Status::Failed;
        self.history.note_unchanged(now, format!("the request failed: {error}"));
        self.reply_to_waiting(&failure.reply(), now)
    }

    /// The provider refused the request.
    pub fn request_refused(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_request(call) {
            if self.is_sought(call) {
                self.cancellation.due = None;
            }
            self.history.note_unchanged(now, format!("request {call} was refused, but is not awaited: {error}"));
            return None;
        }
        self.provider.refusal = Some(error.to_owned());
        self.set_status(Status::Declined, now, format!("refused by the provider: {error}"));
        self.reply_to_waiting(&request_refused(error), now)
    }

    /// A query ended without a result. `query` is the number of the query that this answers.
    pub fn still_open(&mut self, query: u32, next: NextQuery, now: Timestamp) {
        if query != self.provider.queries {
            return;
        }
        if self.result_due().is_none() {
            return;
        }
        let own = query.saturating_sub(self.hints.queries);
        match next {
            NextQuery::After(after) if self.ask_again(after, now) => {}
            NextQuery::After(after) => {
                self.set_result_due(Some(now.plus(after.max(pause(own + 1)))));
                self.provider.queries += 1;
            }
            NextQuery::Never => {
                self.set_result_due(None);
                self.provider.queries += 1;
            }
        }
    }

    /// A result reports the payment as paid. An approval of a closed payment is refunded.
    pub fn approved(&mut self, approval: Approval, now: Timestamp) -> Option<Outgoing> {
        self.cancellation.due = None;
        if self.is_known(&approval) || self.is_free() {
            self.history.note_unchanged(now, "approved again: nothing changes");
            return None;
        }
        match self.status {
            Status::New | Status::Unrequested { verdict: Verdict::Authorized, .. } => {
                self.add_approval(approval);
                self.keep_early(Verdict::Approved, now, "approved before it was requested");
                None
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } | Status::Authorized => {
                self.add_approval(approval);
                self.set_status(Status::Approved, now, "approved");
                self.review_unbooked(now);
                self.reply_to_waiting(&self.accepted_reply(), now)
            }
            Status::Capturing { .. } => {
                self.add_approval(approval);
                self.set_status(Status::Approved, now, "approved");
                self.review_unbooked(now);
                self.reply_to_waiting(&self.captured_reply(), now)
            }
            Status::Approved | Status::Unrequested { verdict: Verdict::Approved, .. } => {
                self.add_surplus(approval, now);
                None
            }
            Status::Unrequested { verdict: Verdict::Declined, .. }
            | Status::Declined
            | Status::Cancelled
            | Status::Refunded => {
                self.add_approval(approval);
                self.call_refund(now);
                self.review_unbooked(now);
                self.history.note(now, "approved when it was closed: to be refunded");
                None
            }
            Status::Refunding { .. } => {
                self.add_approval(approval);
                self.history.note(now, "another approval: to be refunded too");
                None
            }
        }
    }

    /// Returns true if the approval repeats one that was received before.
    pub(super) fn is_known(&self, approval: &Approval) -> bool {
        let own_id = self.id();
        self.approvals.contains(approval, &own_id)
            || self.surplus.0.iter().any(|charge| approval.repeats(&charge.approval, &own_id))
    }

    /// A result reports the payment as not paid.
    pub fn declined(&mut self, reason: Option<&str>, now: Timestamp) -> Option<Outgoing> {
        self.cancellation.due = None;
        let what = match reason {
            Some(reason) => Cow::from(format!("declined: {}", cut(reason))),
            None => Cow::from("declined"),
        };
        match self.status {
            Status::New => {
                self.keep_early(Verdict::Declined, now, what);
                None
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } | Status::Authorized => {
                self.close_declined(what, now);
                self.reply_to_waiting(&self.accepted_reply(), now)
            }
            Status::Capturing { .. } => {
                self.close_declined(what, now);
                let reply = Reply::refused("not_authorized", "it was declined before it was captured");
                self.reply_to_waiting(&reply, now)
            }
            Status::Unrequested { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => {
                self.note_without_effect(&what, now);
                None
            }
        }
    }

    /// The time of [`wake_at`](common::journal::Entity::wake_at) has come. Returns true if the payment is still needed.
    pub fn wake(&mut self, now: Timestamp) -> bool {
        if self.wake_at().is_none_or(|at| at > now) {
            return true;
        }
        if let Status::Unrequested { until, .. } = &mut self.status
            && self.surplus.any_underway()
        {
            *until = now.plus(RETENTION);
            return true;
        }
        if self.cancellation.due.take().is_some() {
            self.cancellation.until = None;
            self.history.note(now, "the provider did not report a result in time");
            return true;
        }
        false
    }

    /// Keeps a result for a payment that is not yet requested.
    pub(super) fn keep_early(&mut self, verdict: Verdict, now: Timestamp, what: impl Into<Cow<'static, str>>) {
        self.set_status(Status::Unrequested { verdict, until: now.plus(RETENTION) }, now, what);
    }

    /// Closes a declined payment. If the provider has an id for it, it is cancelled there: it could still be paid
    /// otherwise.
    fn close_declined(&mut self, what: Cow<'static, str>, now: Timestamp) {
        self.find_at_provider(now);
        self.set_status(Status::Declined, now, what);
        if self.provider.reference.is_some() {
            self.cancel_at_provider(now);
        }
    }

    /// Before it is closed: if its request has no answer yet, the provider's id of it is sought, so that it is
    /// cancelled there as soon as the id is known. A call under way goes on; after a failed one, whose outcome is
    /// unknown, there is another with the same idempotency key.
    pub(super) fn find_at_provider(&mut self, now: Timestamp) {
        if !self.is_unnamed() {
            return;
        }
        match self.status {
            Status::Requested { .. } => self.cancel_at_provider(now),
            Status::Failed => {
                self.provider.requests += 1;
                self.cancel_at_provider(now);
            }
            Status::New
            | Status::Unrequested { .. }
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => {}
        }
    }

    /// Returns true if it is closed, and this call seeks the provider's id of it.
    fn is_sought(&self, call: u32) -> bool {
        let closed = matches!(self.status, Status::Cancelled | Status::Declined);
        closed && self.is_unnamed() && self.cancellation.due.is_some() && call == self.provider.requests
    }

    fn awaits_request(&self, call: u32) -> bool {
        matches!(self.status, Status::Requested { .. }) && call == self.provider.requests
    }
}
