//! Every move a payment can make: one function for each thing that can happen to it, with one arm for each place where
//! it may stand then. A move says what is to be answered; nothing here reads or sends a message.

use std::borrow::Cow;
use std::time::Duration;

use common::journal::Entity as _;
use common::messages::{Headers, Message, Outgoing, Reply, header};
use common::time::Timestamp;
use common::topics;
use serde_json::json;

use super::{Approval, Event, KEPT, Payment, Price, Status, cut};
use crate::results::Verdict;

/// Entries of a history, and approvals told apart, are at most so many; the oldest go first.
const REMEMBERED: usize = 40;
/// The pauses between refunds that fail double up to 2 to the power of this, in seconds.
const LONGEST_PAUSE: u32 = 9;

impl Payment {
    /// `payment.request`: answered when the provider took it, or now if it did before.
    pub fn request(&mut self, price: Price, command: &Message, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::New | Status::Failed => {
                self.price = Some(price);
                self.calls += 1;
                self.waiting = Some(what_identifies(command));
                self.becomes(Status::Requested { since: now }, now, "requested");
                None
            }
            Status::Requested { .. } => {
                self.waiting = Some(what_identifies(command));
                None
            }
            Status::Unrequested { verdict, .. } => {
                self.price = Some(price);
                match verdict {
                    Verdict::Approved => self.becomes(Status::Approved, now, "requested; it had been approved before"),
                    Verdict::Declined => self.becomes(Status::Declined, now, "requested; it had been declined before"),
                }
                Some(self.taken())
            }
            Status::Pending { .. } | Status::Approved | Status::Declined => Some(self.taken()),
            Status::Cancelled | Status::Refunding { .. } | Status::Refunded => {
                let detail = Some("the payment was cancelled before this request".to_owned());
                Some(Reply::Refused { reason: "payment_cancelled".to_owned(), detail })
            }
        }
    }

    /// The provider took the request.
    pub fn accepted(&mut self, call: u32, result_after: Option<Duration>, now: Timestamp) -> Option<Outgoing> {
        let result_due = result_after.map(|after| now.plus(after));
        if matches!(self.status, Status::Cancelled) && call == self.calls {
            self.late_result_due = result_due;
            self.note(now, format!("request {call} was taken, but it is cancelled: an approval is given back"));
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
    pub fn request_failed(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_request(call) {
            self.note(now, format!("request {call} failed, but nobody waits for it: {error}"));
            return None;
        }
        self.becomes(Status::Failed, now, format!("request {call} failed: {error}"));
        self.answer_waiting(&failed(error), now)
    }

    /// `payment.refund`, the compensation of a request: answered when the provider has paid back, or now if there is
    /// nothing to pay back.
    pub fn refund(&mut self, command: &Message, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::New => self.cancel("cancelled before it was requested", now),
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => self.cancel("cancelled", now),
            Status::Cancelled => Some(done("cancelled")),
            Status::Unrequested { verdict: Verdict::Approved, .. } | Status::Approved => {
                self.waiting = Some(what_identifies(command));
                self.call_refund(now);
                self.note(now, "to be refunded");
                None
            }
            Status::Refunding { due } => {
                self.waiting = Some(what_identifies(command));
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
        self.refunds += 1;
        if self.refunds < self.approvals.len() {
            self.call_refund(now);
            self.note(now, "refunded, and another approval is to be");
            return None;
        }
        self.becomes(Status::Refunded, now, "refunded");
        self.answer_waiting(&done("refunded"), now)
    }

    /// The provider could not give it back. It is asked again after a pause, or when a command says so.
    pub fn refund_failed(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_refund(call) {
            self.note(now, format!("refund {call} failed, but nobody waits for it: {error}"));
            return None;
        }
        let pause = Duration::from_secs(1 << call.min(LONGEST_PAUSE));
        self.call_refund(now.plus(pause));
        self.note(now, format!("refund {call} failed: {error}"));
        self.answer_waiting(&failed(error), now)
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
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => {
                self.remember(approval);
                self.becomes(Status::Approved, now, "approved");
                self.answer_waiting(&self.taken(), now)
            }
            Status::Approved | Status::Unrequested { verdict: Verdict::Approved, .. } => {
                self.note(now, "approved, said again: nothing changes");
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
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => {
                self.becomes(Status::Declined, now, what);
                self.answer_waiting(&self.taken(), now)
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
    fn awaits_request(&self, call: u32) -> bool {
        matches!(self.status, Status::Requested { .. }) && call == self.calls
    }

    fn awaits_refund(&self, call: u32) -> bool {
        matches!(self.status, Status::Refunding { .. }) && call == self.refund_calls
    }

    fn cancel(&mut self, what: &'static str, now: Timestamp) -> Option<Reply> {
        self.waiting = None;
        self.late_result_due = self.result_due();
        self.becomes(Status::Cancelled, now, what);
        Some(done("cancelled"))
    }

    fn call_refund(&mut self, due: Timestamp) {
        self.refund_calls += 1;
        self.status = Status::Refunding { due };
    }

    fn becomes(&mut self, status: Status, now: Timestamp, what: impl Into<Cow<'static, str>>) {
        self.status = status;
        self.note(now, what);
    }

    fn note(&mut self, at: Timestamp, what: impl Into<Cow<'static, str>>) {
        if self.history.len() == REMEMBERED {
            self.history.remove(0);
        }
        self.history.push(Event { at, what: what.into() });
    }

    fn remember(&mut self, approval: Approval) {
        if self.approvals.len() >= REMEMBERED && self.refunds > 0 {
            self.approvals.remove(0);
            self.refunds -= 1;
        }
        self.approvals.push(approval);
    }

    fn taken(&self) -> Reply {
        Reply::Ok { data: json!({ "paymentId": self.id() }) }
    }

    /// Answers the command that waited for the provider, if one does.
    fn answer_waiting(&mut self, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        let headers = self.waiting.take()?;
        let (topic, key, value) = (topics::PAYMENT_COMMANDS.into(), None, None);
        let command = Message { topic, partition: 0, offset: 0, timestamp: now, key, headers, value };
        Some(Outgoing::reply(&command, &self.order.to_string(), now, reply))
    }
}

/// What a reply needs of the command that it answers.
fn what_identifies(command: &Message) -> Headers {
    let mut kept = Headers(Vec::with_capacity(6));
    kept.push(header::ID, command.id());
    for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION, header::TRACEPARENT] {
        if let Some(value) = command.header(name) {
            kept.push(name, value);
        }
    }
    kept
}

fn done(outcome: &str) -> Reply {
    Reply::Ok { data: json!({ "outcome": outcome }) }
}

fn failed(error: &str) -> Reply {
    Reply::Failed { error: error.to_owned(), retry_after_ms: None }
}
