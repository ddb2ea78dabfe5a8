//! Reviews: the provider lists the refunds and disputes of a payment, because an event reports a change, or a refund is
//! pending. The payment follows its list: refunds that it accepted are made or fail, refunds made in its own dashboard
//! are added, and disputes are recorded.

use std::time::Duration;

use common::messages::Outgoing;
use common::time::Timestamp;

use super::answers::{ImpossibleOutcome, impossible};
use super::replies::{Failure, part_refunded, pause};
use crate::entity::Payment;
use crate::entity::approval::Settling;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::review::{Dispute, MOST_DISPUTES};
use crate::entity::status::Status;
use crate::messages::{ListedDispute, ListedRefund, ListedStatus, Outcome, ProviderAnswered};
use crate::text::cut;

/// The shortest pause between two reviews because of events.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause before a pending refund is reviewed if no event arrives first; it doubles with each review.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// The longest such pause is 2 to the power of this, times [`FIRST_LOOK`]: about 4 hours.
const LONGEST_LOOK: u32 = 8;

/// The most refusals of a review in a row: then only an operator, or an event, causes another one.
const MOST_REFUSALS: u32 = 5;

impl Payment {
    /// An event reports that the refunds or disputes changed: the provider is asked soon, once for many events.
    pub(super) fn review_soon(&mut self, now: Timestamp) {
        self.review.idle = 0;
        self.review.refusals = 0;
        match self.review.due {
            Some(due) if due <= now => self.review.again = true,
            Some(due) if due <= now.plus(PAUSE) => {}
            Some(_) | None => self.review_at(now),
        }
    }

    /// The payment is approved: refunds that were listed before can be booked.
    pub(super) fn review_unbooked(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.review.unbooked) {
            self.review_soon(now);
        }
    }

    /// Schedules a review of a pending refund, unless one is scheduled.
    pub(super) fn review_later(&mut self, now: Timestamp) {
        if self.provider.reference.is_some() && self.review.due.is_none() {
            let pause = FIRST_LOOK.saturating_mul(1 << self.review.idle.min(LONGEST_LOOK));
            self.review.idle = self.review.idle.saturating_add(1);
            self.review_at(now.plus(pause));
        }
    }

    /// Each review has its own number, so that the provider is called once for it.
    fn review_at(&mut self, due: Timestamp) {
        self.review.calls = self.review.calls.saturating_add(1);
        self.review.due = Some(due);
    }

    /// The provider answered a review. Returns the replies to send.
    pub(super) fn reviewed(
        &mut self,
        answer: &ProviderAnswered,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> Result<Vec<Outgoing>, ImpossibleOutcome> {
        let awaited = self.review.due.is_some() && answer.call == self.review.calls;
        let mut replies = Vec::new();
        match answer.outcome {
            Outcome::Refused if awaited && self.review.refusals + 1 >= MOST_REFUSALS => {
                self.review.due = None;
                self.review.refusals = MOST_REFUSALS;
                let detail = cut(failure.error).to_owned();
                let what = format!("the provider refuses to list refunds and disputes: {detail}");
                tracing::error!(order_id = %self.order, "{what}: an operator can ask it again");
                self.history.note(now, what);
                self.review.failed = Some(detail);
            }
            Outcome::Failed | Outcome::Refused if awaited => {
                self.review.refusals += u32::from(answer.outcome == Outcome::Refused);
                self.review.idle = self.review.idle.saturating_add(1);
                self.review_at(now.plus(failure.retry_after.unwrap_or_default().max(pause(self.review.idle))));
            }
            Outcome::Listed if awaited => {
                self.review.due = None;
                self.review.refusals = 0;
                self.review.failed = None;
                for listed in failures_first(&answer.refunds) {
                    replies.extend(self.refund_listed(listed, now));
                }
                replies.extend(self.refunded_in_parts(now));
                answer.disputes.iter().for_each(|listed| self.dispute_listed(listed, now));
                if std::mem::take(&mut self.review.again) {
                    self.review_at(now.plus(PAUSE));
                } else if self.has_pending_refund() {
                    self.review_later(now);
                }
            }
            Outcome::Failed | Outcome::Refused | Outcome::Listed => {}
            Outcome::Accepted
            | Outcome::Open
            | Outcome::Silent
            | Outcome::Captured
            | Outcome::Refunded
            | Outcome::Pending
            | Outcome::RefundFailed => return Err(impossible(answer)),
        }
        Ok(replies)
    }

    fn refund_listed(&mut self, listed: &ListedRefund, now: Timestamp) -> Option<Outgoing> {
        let Some(id) = listed.refund_id.as_deref() else {
            self.external_listed(listed, now);
            return None;
        };
        if self.whole_refund_id().as_deref() == Some(id) {
            return self.whole_listed(listed, now);
        }
        let payment_id = self.approved_id();
        // One that another refund has replaced follows that one. The id is last, since it is a hash.
        let changes = |part: &&mut PartialRefund| {
            part.state.is_changed_by(listed.status) && !part.is_replaced() && part.provider_id(&payment_id) == id
        };
        let part = self.partial_refunds.list.iter_mut().find(changes)?;
        part.state = PartState::of_listed(listed, now);
        let part_id = cut(&part.id);
        if part.is_failed() {
            let what = format!("refund {part_id} failed at the provider: {}", listed.failure());
            self.report_failed_refund(what, now);
            self.reopen();
        } else {
            self.history.note(now, format!("refund {part_id} is made"));
        }
        None
    }

    /// A payment that was refunded completely in parts, one of which failed later, is paid in part again.
    pub(super) fn reopen(&mut self) {
        if self.status == Status::Refunded && self.approvals.refunded == 1 && self.left_of(0) == Some(0) {
            self.approvals.unmark_refunded();
            self.status = Status::Approved;
        }
    }

    /// The provider's id of the full refund: of the approval that is being refunded, or was refunded last.
    fn whole_refund_id(&self) -> Option<String> {
        let index = match self.status {
            Status::Refunding { .. } => Some(self.approvals.refunded),
            Status::Refunded => self.approvals.refunded.checked_sub(1),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Declined
            | Status::Cancelled => None,
        };
        let approval = self.approvals.list.get(index?)?;
        Some(self.full_refund_id(&self.id_of(approval), &approval.message))
    }

    fn whole_listed(&mut self, listed: &ListedRefund, now: Timestamp) -> Option<Outgoing> {
        match listed.status {
            ListedStatus::Made if matches!(self.approvals.settling, Settling::Pending { .. }) => {
                self.approval_refunded(now)
            }
            ListedStatus::Failed => {
                match (&self.status, &self.approvals.settling) {
                    (Status::Refunded, _) => {
                        self.approvals.unmark_refunded();
                        self.status = Status::Refunding { due: now };
                    }
                    (_, Settling::Pending { .. }) => {}
                    (_, Settling::None | Settling::Failed { .. }) => return None,
                }
                self.whole_failed(listed.failure(), now);
                self.reply_if_settled(now)
            }
            ListedStatus::Made | ListedStatus::Pending => None,
        }
    }

    fn dispute_listed(&mut self, listed: &ListedDispute, now: Timestamp) {
        let ListedDispute { id, amount_minor, status, under_review, answer_by, .. } = listed;
        let amount = self.money(*amount_minor);
        let reviewed = if *under_review { " and under review" } else { "" };
        let what = format!("dispute {} of {amount} is {}{reviewed}", cut(id), status.name());
        let closed_at = status.is_closed().then_some(now);
        let is_full = self.disputes.len() >= MOST_DISPUTES;
        match self.disputes.iter_mut().find(|known| known.id == *id) {
            Some(known) if known.is_as(listed) => {
                known.answer_by = *answer_by;
                return;
            }
            Some(known) => {
                known.status = *status;
                known.amount_minor = *amount_minor;
                known.under_review = *under_review;
                known.answer_by = *answer_by;
                known.closed_at = closed_at;
            }
            None if is_full => {
                self.history.note_unchanged(now, format!("{what}: one too many, not recorded"));
                return;
            }
            None => {
                let reason = listed.reason.as_deref().map(|reason| cut(reason).to_owned());
                self.disputes.push(Dispute {
                    id: id.clone(),
                    amount_minor: *amount_minor,
                    status: *status,
                    reason,
                    under_review: *under_review,
                    answer_by: *answer_by,
                    at: now,
                    closed_at,
                    answer: None,
                });
            }
        }
        tracing::warn!(order_id = %self.order, "{what}");
        self.history.note(now, what);
    }

    /// The provider accepted a partial refund, and has not made it yet. The command that waits for it is answered.
    pub fn part_pending(&mut self, refund_id: &str, call: u32, now: Timestamp) -> Vec<Outgoing> {
        let Some(part) = self.awaited_part(refund_id, call) else { return Vec::new() };
        part.state = PartState::Pending { since: now };
        let reply = part_refunded(part);
        let waiting = part.waiting.take();
        let what = format!("refund {} is pending at the provider", cut(&part.id));
        self.history.note(now, what);
        self.review_later(now);
        self.part_ended(waiting, &reply, now)
    }
}

/// The refunds of this service before those of the dashboard, and of each the failed ones first: a refund of the
/// dashboard takes the place of one that failed, also if both are listed for the first time.
fn failures_first(refunds: &[ListedRefund]) -> Vec<&ListedRefund> {
    let mut refunds: Vec<&ListedRefund> = refunds.iter().collect();
    refunds.sort_by_key(|listed| (listed.refund_id.is_none(), listed.status != ListedStatus::Failed));
    refunds
}
