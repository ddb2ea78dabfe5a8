//! The capture of a payment that is authorized first: all of the reserved amount, or less.

use std::time::Duration;

use common::messages::{Headers, Outgoing, Reply};
use common::time::Timestamp;

use super::replies::Failure;
use crate::entity::approval::Approval;
use crate::entity::status::Status;
use crate::entity::{Payment, RETENTION};
use crate::messages::Verdict;
use crate::text::cut;

impl Payment {
    /// A result reports the payment as authorized. If it is closed, it is cancelled at the provider.
    pub fn authorized(&mut self, now: Timestamp) -> Option<Outgoing> {
        match self.status {
            Status::New => {
                self.keep_early(Verdict::Authorized, now, "authorized before it was requested");
                None
            }
            Status::Requested { .. } | Status::Failed | Status::Pending { .. } => {
                self.set_status(Status::Authorized, now, "authorized");
                self.ask_again(Duration::ZERO, now);
                self.reply_to_waiting(&self.accepted_reply(), now)
            }
            Status::Cancelled | Status::Declined => {
                self.provider.queries += 1;
                self.cancellation.due = Some(now);
                self.cancellation.until.get_or_insert(now.plus(RETENTION));
                self.history.note(now, "authorized when it was closed: to be cancelled at the provider");
                None
            }
            Status::Authorized => {
                self.hints.due = None;
                self.ask_again(Duration::ZERO, now);
                self.note_without_effect("authorized", now);
                None
            }
            Status::Unrequested { .. }
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => {
                self.note_without_effect("authorized", now);
                None
            }
        }
    }

    /// `payment.capture`: the reply is sent when the provider has answered, or now if there is nothing to capture.
    pub fn capture(&mut self, amount_minor: Option<i64>, waiting: Option<Headers>, now: Timestamp) -> Option<Reply> {
        match self.status {
            Status::Authorized => {
                let price = self.price().map_or(0, |price| price.amount_minor);
                let amount = amount_minor.unwrap_or(price);
                if !(1..=price).contains(&amount) {
                    let detail = format!("from {} to {} can be captured", self.money(1), self.money(price));
                    return Some(Reply::refused("capture_amount", detail));
                }
                self.capture.amount_minor = Some(amount);
                self.capture.calls += 1;
                self.waiting = waiting;
                self.set_status(Status::Capturing { due: now }, now, format!("{} to be captured", self.money(amount)));
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
                Some(Reply::refused("not_authorized", format!("the payment is {}", self.status.name())))
            }
        }
    }

    /// The provider captured the payment.
    pub fn captured(&mut self, call: u32, now: Timestamp) -> Option<Outgoing> {
        if !self.awaits_capture(call) {
            self.history.note_unchanged(now, format!("capture {call} was made, but is not awaited: nothing changes"));
            return None;
        }
        self.add_approval(Approval::new(format!("capture/{call}"), Some(self.id()), Some(now)));
        self.set_status(Status::Approved, now, "captured");
        self.review_unbooked(now);
        self.reply_to_waiting(&self.captured_reply(), now)
    }

    /// The provider did not capture the payment, for a technical reason.
    pub fn capture_failed(&mut self, call: u32, failure: Failure<'_>, now: Timestamp) -> Option<Outgoing> {
        self.not_captured(call, failure.error, &failure.reply(), now)
    }

    /// The provider refused the capture.
    pub fn capture_refused(&mut self, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        self.not_captured(call, error, &Reply::refused("capture_refused", cut(error)), now)
    }

    fn not_captured(&mut self, call: u32, error: &str, reply: &Reply, now: Timestamp) -> Option<Outgoing> {
        let error = cut(error);
        if !self.awaits_capture(call) {
            self.history.note_unchanged(now, format!("capture {call} failed, but is not awaited: {error}"));
            return None;
        }
        self.status = Status::Authorized;
        self.history.note_unchanged(now, format!("the capture failed: {error}"));
        self.ask_again(Duration::ZERO, now);
        self.reply_to_waiting(reply, now)
    }

    fn awaits_capture(&self, call: u32) -> bool {
        matches!(self.status, Status::Capturing { .. }) && call == self.capture.calls
    }
}
