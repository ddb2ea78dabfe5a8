//! A payment that is authorized first and captured later: the money is set aside, then taken, all of it or less.

use std::time::Duration;

use super::replies::failed;
use crate::entity::{Approval, KEPT, Payment, Status};
use crate::messages::Verdict;
use crate::text::cut;
use common::messages::{Headers, Outgoing, Reply};
use common::money::Amount;
use common::time::Timestamp;
use serde_json::json;

impl Payment {
    /// A result says that the money is set aside. What was closed meanwhile is called off at the provider.
    pub fn authorized(&mut self, now: Timestamp) -> Option<Outgoing> {
        match self.status {
            Status::New => {
                let kept = Status::Unrequested { verdict: Verdict::Authorized, until: now.plus(KEPT) };
                self.becomes(kept, now, "authorized before it was requested");
                None
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => {
                self.becomes(Status::Authorized, now, "authorized");
                self.answer_waiting(&self.taken(), now)
            }
            Status::Cancelled | Status::Declined => {
                self.asks += 1;
                self.late_result_due = Some(now);
                self.late_result_until.get_or_insert(now.plus(KEPT));
                self.note(now, "authorized when it was closed: to be called off");
                None
            }
            Status::Unrequested { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => {
                self.note(now, format!("authorized, when it was {}: nothing changes", self.status.name()));
                None
            }
        }
    }

    /// `payment.capture`: answered when the provider has, or now if there is nothing to capture.
    pub fn capture(&mut self, amount_minor: Option<i64>, waiting: Option<Headers>, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::Authorized => {
                let price = self.price.as_ref().map_or(0, |price| price.amount_minor);
                let amount = amount_minor.unwrap_or(price);
                if !(1..=price).contains(&amount) {
                    let detail = format!("from 0.01 to {} can be captured", Amount(price));
                    return Some(Reply::refused("capture_amount", detail));
                }
                self.capture_minor = Some(amount);
                self.capture_calls += 1;
                self.waiting = waiting;
                self.becomes(Status::Capturing { due: now }, now, format!("{} to be captured", Amount(amount)));
                None
            }
            Status::Capturing { .. } => {
                self.waiting = waiting.or(self.waiting.take());
                None
            }
            Status::Approved => Some(self.captured_reply()),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Declined
            | Status::Cancelled
            | Status::Refunding { .. }
            | Status::Refunded => {
                let detail = Some(format!("the payment is {}", self.status.name()));
                Some(Reply::Refused { reason: "not_authorized".to_owned(), detail })
            }
        }
    }

    /// The provider took the money that was set aside.
    pub fn captured(&mut self, call: u32, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_capture(call) {
            self.note(now, format!("capture {call} was made, but nobody waits for it: nothing changes"));
            return None;
        }
        let (message, payment_id) = (format!("capture/{call}"), Some(self.id()));
        let reference = self.reference.clone();
        self.remember(Approval { message, payment_id, reference, at: Some(now), refunded_at: None });
        self.becomes(Status::Approved, now, "captured");
        self.answer_waiting(&self.captured_reply(), now)
    }

    /// The provider did not take it: for a technical reason, or for good.
    pub fn capture_failed(
        &mut self,
        call: u32,
        error: &str,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        self.not_captured(call, error, &failed(cut(error), retry_after), now)
    }

    /// The provider won't let it be captured.
    pub fn capture_refused(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let reply = Reply::refused("capture_refused", cut(error));
        self.not_captured(call, error, &reply, now)
    }

    fn not_captured(&mut self, call: u32, error: &str, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_capture(call) {
            self.note(now, format!("capture {call} failed, but nobody waits for it: {}", cut(error)));
            return None;
        }
        self.becomes(Status::Authorized, now, format!("capture {call} failed: {}", cut(error)));
        self.answer_waiting(reply, now)
    }

    fn awaits_capture(&self, call: u32) -> bool {
        matches!(self.status, Status::Capturing { .. }) && call == self.capture_calls
    }

    pub(crate) fn captured_reply(&self) -> Reply {
        Reply::Ok {
            data: json!({ "outcome": "captured", "paymentId": self.id(), "amountMinor": self.captured_minor() }),
        }
    }
}
