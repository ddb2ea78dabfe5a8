//! Every move a payment can make: one function for each thing that can happen to it, with one arm for each place where
//! it may stand then. Refunds are in `refund` and `partial`. A move says what is to be answered; nothing here reads or
//! sends a message.

use std::borrow::Cow;
use std::time::Duration;

use common::journal::Entity as _;
use common::messages::{Headers, Message, Outgoing, Reply};
use common::time::Timestamp;
use serde_json::json;

use super::{Approval, Event, KEPT, Payment, Price, Status, cut};
use crate::provider::{Accepted, Capture};
use crate::results::Verdict;

/// Entries of a history, and approvals told apart, are at most so many; the oldest go first.
const REMEMBERED: usize = 40;
/// The pauses between calls that lead nowhere double up to 2 to the power of this, in seconds.
const LONGEST_PAUSE: u32 = 9;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How much.
    pub price: Price,
    /// Whether an approval takes the money at once.
    pub capture: Capture,
    /// What is paid with, as the provider calls it.
    pub method: Option<String>,
}

impl Payment {
    /// `payment.request`: answered when the provider took it, or now if it did before.
    pub fn request(&mut self, asked: Asked, command: &Message, now: Timestamp) -> Option<Reply> {
        let Asked { price, capture, method } = asked;
        match self.status {
            Status::New | Status::Failed => {
                (self.price, self.capture, self.method) = (Some(price), capture, method);
                self.calls += 1;
                self.waiting = Some(command.reply_headers());
                self.becomes(Status::Requested { since: now }, now, "requested");
                None
            }
            Status::Requested { .. } => {
                self.waiting = Some(command.reply_headers());
                None
            }
            Status::Unrequested { verdict, .. } => {
                (self.price, self.capture, self.method) = (Some(price), capture, method);
                match verdict {
                    Verdict::Authorized => {
                        self.becomes(Status::Authorized, now, "requested; it had been authorized before");
                    }
                    Verdict::Approved => self.becomes(Status::Approved, now, "requested; it had been approved before"),
                    Verdict::Declined => self.becomes(Status::Declined, now, "requested; it had been declined before"),
                }
                Some(self.taken())
            }
            Status::Declined if self.refusal.is_some() => self.refusal.as_deref().map(not_taken),
            Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Declined => Some(self.taken()),
            Status::Cancelled | Status::Refunding { .. } | Status::Refunded => {
                let detail = Some("the payment was cancelled before this request".to_owned());
                Some(Reply::Refused { reason: "payment_cancelled".to_owned(), detail })
            }
        }
    }

    /// The provider took the request.
    pub fn accepted(&mut self, call: u32, accepted: Accepted, now: Timestamp) -> Option<Outgoing> {
        let result_due = accepted.result_after.map(|after| now.plus(after));
        if self.reference.is_none() {
            self.reference = accepted.reference;
        }
        if matches!(self.status, Status::Cancelled) && call == self.calls {
            self.late_result_due = result_due;
            self.late_result_until = result_due.map(|_| now.plus(KEPT));
            self.note(now, format!("request {call} was taken, but it is cancelled: to be called off"));
            return None;
        }
        if !self.awaits_request(call) {
            self.note(now, format!("request {call} was taken, but nobody waits for it: nothing changes"));
            return None;
        }
        self.becomes(Status::Pending { result_due }, now, "taken by the provider");
        self.answer_waiting(&self.taken(), now)
    }

    /// The provider did not take the request, for a technical reason.
    pub fn request_failed(
        &mut self,
        call: u32,
        error: &str,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_request(call) {
            self.note(now, format!("request {call} failed, but nobody waits for it: {error}"));
            return None;
        }
        self.becomes(Status::Failed, now, format!("request {call} failed: {error}"));
        self.answer_waiting(&failed(error, retry_after), now)
    }

    /// The provider won't take it.
    pub fn request_refused(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_request(call) {
            self.note(now, format!("request {call} was refused, but nobody waits for it: {error}"));
            return None;
        }
        self.refusal = Some(error.to_owned());
        self.becomes(Status::Declined, now, format!("refused by the provider: {error}"));
        self.answer_waiting(&not_taken(error), now)
    }

    /// The provider was asked how it stands, and doesn't know yet or did not say: it is asked again after a pause.
    /// `ask` is which question this answers.
    pub fn still_open(&mut self, ask: u32, silent: bool, retry_after: Option<Duration>, now: Timestamp) {
        if ask != self.asks {
            return;
        }
        let due = (!silent).then(|| now.plus(retry_after.unwrap_or_default().max(pause(ask + 1))));
        match &mut self.status {
            Status::Pending { result_due } => *result_due = due,
            Status::Cancelled | Status::Declined => self.late_result_due = due,
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => return,
        }
        self.asks += 1;
    }

    /// A result says that it is paid. An approval of a closed payment is given back.
    pub fn approved(&mut self, approval: Approval, now: Timestamp) -> Option<Outgoing> {
        self.late_result_due = None;
        if self.approvals.iter().any(|known| known.is(&approval)) {
            self.note(now, "approved, said again: nothing changes");
            return None;
        }
        match self.status {
            Status::New => {
                self.remember(approval);
                let kept = Status::Unrequested { verdict: Verdict::Approved, until: now.plus(KEPT) };
                self.becomes(kept, now, "approved before it was requested");
                None
            }
            Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. } => {
                let reply = if matches!(self.status, Status::Capturing { .. }) { None } else { Some(self.taken()) };
                self.remember(approval);
                self.becomes(Status::Approved, now, "approved");
                let reply = reply.unwrap_or_else(|| self.captured_reply());
                self.answer_waiting(&reply, now)
            }
            Status::Approved | Status::Unrequested { verdict: Verdict::Approved, .. } => {
                self.note(now, "approved, said again: nothing changes");
                None
            }
            Status::Unrequested { verdict: Verdict::Authorized, .. } => {
                self.remember(approval);
                let kept = Status::Unrequested { verdict: Verdict::Approved, until: now.plus(KEPT) };
                self.becomes(kept, now, "approved before it was requested");
                None
            }
            Status::Unrequested { verdict: Verdict::Declined, .. }
            | Status::Declined
            | Status::Cancelled
            | Status::Refunded => {
                self.remember(approval);
                self.call_refund(now);
                self.note(now, "approved when it was closed: to be refunded");
                None
            }
            Status::Refunding { .. } => {
                self.remember(approval);
                self.note(now, "another approval: to be refunded too");
                None
            }
        }
    }

    /// Its time has come ([`common::journal::Entity::wake_at`]); whether it is kept on.
    pub fn wake(&mut self, now: Timestamp) -> bool {
        if self.wake_at().is_none_or(|at| at > now) {
            return true;
        }
        if self.late_result_due.take().is_some() {
            self.late_result_until = None;
            self.note(now, "the provider never said how it ended");
            return true;
        }
        false
    }

    /// A result says that it is not paid.
    pub fn declined(&mut self, reason: Option<&str>, now: Timestamp) -> Option<Outgoing> {
        self.late_result_due = None;
        let what = match reason {
            Some(reason) => Cow::from(format!("declined: {}", cut(reason))),
            None => Cow::from("declined"),
        };
        match self.status {
            Status::New => {
                let kept = Status::Unrequested { verdict: Verdict::Declined, until: now.plus(KEPT) };
                self.becomes(kept, now, what);
                None
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } | Status::Authorized => {
                self.becomes(Status::Declined, now, what);
                self.call_off(now);
                self.answer_waiting(&self.taken(), now)
            }
            Status::Capturing { .. } => {
                self.becomes(Status::Declined, now, what);
                self.call_off(now);
                let detail = Some("it was declined before it was captured".to_owned());
                self.answer_waiting(&Reply::Refused { reason: "not_authorized".to_owned(), detail }, now)
            }
            Status::Unrequested { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => {
                self.note(now, format!("{what}, when it was {}: nothing changes", self.status.name()));
                None
            }
        }
    }
}

impl Payment {
    /// A provider that knows the payment by a name of its own is asked to let a declined one go, whoever declined it:
    /// else it could still be paid there.
    fn call_off(&mut self, now: Timestamp) {
        if self.reference.is_some() {
            self.late_result_due = Some(now);
            self.late_result_until = Some(now.plus(KEPT));
        }
    }

    fn awaits_request(&self, call: u32) -> bool {
        matches!(self.status, Status::Requested { .. }) && call == self.calls
    }

    /// Whether it is not paid yet, and could be.
    pub fn can_be_cancelled(&self) -> bool {
        match self.status {
            Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. } => true,
            Status::New
            | Status::Unrequested { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => false,
        }
    }

    pub(super) fn cancel(&mut self, what: &'static str, now: Timestamp) -> Option<Reply> {
        self.waiting = None;
        self.late_result_due = self.result_due();
        self.late_result_until = self.late_result_due.map(|_| now.plus(KEPT));
        self.becomes(Status::Cancelled, now, what);
        Some(done("cancelled"))
    }

    pub(super) fn becomes(&mut self, status: Status, now: Timestamp, what: impl Into<Cow<'static, str>>) {
        self.status = status;
        self.note(now, what);
    }

    pub(super) fn note(&mut self, at: Timestamp, what: impl Into<Cow<'static, str>>) {
        if self.history.len() == REMEMBERED {
            self.history.remove(0);
        }
        self.history.push(Event { at, what: what.into() });
    }

    pub(super) fn remember(&mut self, approval: Approval) {
        // The one that was given back in parts stays: they are parts of it.
        let oldest = usize::from(!self.partial_refunds.is_empty());
        if self.approvals.len() >= REMEMBERED && self.refunds > oldest {
            self.approvals.remove(oldest);
            self.refunds -= 1;
        }
        self.approvals.push(approval);
    }

    pub(super) fn taken(&self) -> Reply {
        Reply::ok(json!({ "paymentId": self.id() }))
    }

    /// Answers the command that waited for the provider, if one does.
    pub(super) fn answer_waiting(&mut self, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        let headers = self.waiting.take()?;
        Some(self.answer_to(&headers, reply, now))
    }

    /// Answers the command with these headers.
    pub(super) fn answer_to(&self, headers: &Headers, reply: &Reply, now: Timestamp) -> Outgoing {
        Outgoing::reply(headers, &self.order.to_string(), now, reply)
    }
}

pub(super) fn done(outcome: &str) -> Reply {
    Reply::ok(json!({ "outcome": outcome }))
}

fn not_taken(why: &str) -> Reply {
    Reply::refused("payment_refused", why)
}

pub(super) fn failed(error: &str, retry_after: Option<Duration>) -> Reply {
    let retry_after_ms = retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    Reply::failed(error, retry_after_ms)
}

/// The pause after so many calls that led nowhere.
pub(super) fn pause(calls: u32) -> Duration {
    Duration::from_secs(1 << calls.min(LONGEST_PAUSE))
}
