//! Partial refunds of a paid payment, for example for a return. Together they never exceed the captured amount. The
//! provider is called again until it answers.

use common::messages::{Headers, Outgoing, Reply};
use common::money::Decimal;
use common::time::Timestamp;

use super::replies::{Failure, failed, part_refunded, pause};
use crate::entity::Payment;
use crate::entity::approval::CommandId;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::status::Status;
use crate::provider::call::Refund;
use crate::text::cut;

/// The most partial refunds of a payment that operators and `payment.refund` make.
const MOST_PARTS: usize = 100;
/// The most partial refunds of a payment. A saga's step has its own share: order-service takes at most
/// as many returns of an order (`order-service/src/order/bounds.rs`).
pub(crate) const MOST_PARTS_OF_ALL: usize = 200;
/// The reason of the refusal of a partial refund of an unpaid payment.
pub const NOT_PAID: &str = "not_paid";

/// A request for a partial refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialRefundRequest {
    /// The id.
    pub id: String,
    /// The amount in minor units; `None` is the rest of the payment.
    pub amount_minor: Option<i64>,
    /// The reason.
    pub reason: Option<String>,
    /// The authenticated caller, for a request by HTTP.
    pub by: Option<String>,
    /// The requester.
    pub requester: Requester,
}

/// The requester of a partial refund. It decides the reason of a refusal, and if a refusal is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// `payment.refund`, or an operator by HTTP: the same id may be requested again after a refusal.
    Caller,
    /// `payment.refund-part`: the saga continues after a refusal, so the same id stays refused.
    SagaStep,
}

/// Why a partial refund is refused.
struct Refusal {
    reason: &'static str,
    detail: String,
}

impl Payment {
    /// `payment.refund-part`, or `payment.refund` with an id or an amount: the reply is sent when the provider has
    /// refunded it, or now if it did before, or if it can't be refunded.
    pub fn refund_part(
        &mut self,
        request: PartialRefundRequest,
        waiting: Option<Headers>,
        now: Timestamp,
    ) -> Option<Reply> {
        if request.id == Refund::WHOLE {
            let detail = format!("the id {} names the refund of a whole payment: choose another one", Refund::WHOLE);
            return Some(Reply::refused("reserved_refund_id", detail));
        }
        let digits = self.digits();
        if let Some(part) = self.partial_refunds.list.iter_mut().find(|part| part.id == request.id) {
            if part.counts() {
                return refund_again(part, digits, &request, waiting, now);
            }
            if request.requester == Requester::SagaStep
                && let PartState::Refused { reason, detail } = &part.state
            {
                return Some(Reply::refused(reason, detail));
            }
        }
        let amount_minor = request.amount_minor.unwrap_or_else(|| self.refundable_minor());
        let Some(Refusal { reason, detail }) = self.refusal_of(amount_minor, request.requester) else {
            self.history.note(now, format!("{} of it to be refunded ({})", self.money(amount_minor), cut(&request.id)));
            self.add_part(request, amount_minor, PartState::Refunding { due: now }, waiting, now);
            return None;
        };
        // Its id is in the list of refunds; here refusals for the same reason are one event.
        self.history.note_unchanged(now, format!("a refund is refused: {reason}"));
        let reply = Reply::refused(reason, &detail);
        self.add_part(request, amount_minor, PartState::Refused { reason: reason.to_owned(), detail }, None, now);
        Some(reply)
    }

    /// Why this amount can't be refunded; `None` if it can.
    fn refusal_of(&self, amount_minor: i64, requester: Requester) -> Option<Refusal> {
        let left = self.refundable_minor();
        let parts = self.partial_refunds.counted().count();
        let too_many = |most| format!("a payment has at most {most} partial refunds");
        let too_large = || format!("at most {} can still be refunded", self.money(left));
        let refunded = matches!(self.status, Status::Refunding { .. } | Status::Refunded);
        let (reason, detail) = match requester {
            Requester::SagaStep if refunded => ("more_than_paid", too_large()),
            Requester::SagaStep if self.status != Status::Approved => {
                (NOT_PAID, format!("the payment is {}", self.status.name()))
            }
            Requester::Caller if self.status != Status::Approved => {
                ("not_refundable", format!("the payment is {}", self.status.name()))
            }
            Requester::SagaStep | Requester::Caller if amount_minor <= 0 => {
                ("nothing_to_refund", "the amount must be above zero".to_owned())
            }
            Requester::SagaStep if amount_minor > left => ("more_than_paid", too_large()),
            Requester::Caller if amount_minor > left => ("refund_too_large", too_large()),
            Requester::Caller if parts >= MOST_PARTS => ("too_many_refunds", too_many(MOST_PARTS)),
            Requester::SagaStep if parts >= MOST_PARTS_OF_ALL => ("too_many_refunds", too_many(MOST_PARTS_OF_ALL)),
            Requester::SagaStep | Requester::Caller => return None,
        };
        Some(Refusal { reason, detail })
    }

    fn add_part(
        &mut self,
        request: PartialRefundRequest,
        amount_minor: i64,
        state: PartState,
        waiting: Option<Headers>,
        at: Timestamp,
    ) {
        let PartialRefundRequest { id, reason, by, requester, .. } = request;
        let reason = reason.map(|reason| cut(&reason).to_owned());
        let by = by.map(|by| cut(&by).to_owned());
        self.partial_refunds.add(PartialRefund {
            reason,
            by,
            of_step: requester == Requester::SagaStep,
            calls: 1,
            command: waiting.as_ref().and_then(CommandId::of),
            waiting,
            ..PartialRefund::new(id, amount_minor, at, state)
        });
    }

    /// The partial refund with this provider's id, if it waits for this call.
    pub(super) fn awaited_part(&mut self, refund_id: &str, call: u32) -> Option<&mut PartialRefund> {
        let payment_id = self.approved_id();
        let awaits = |part: &&mut PartialRefund| {
            part.is_underway() && part.calls == call && part.provider_id(&payment_id) == refund_id
        };
        self.partial_refunds.list.iter_mut().find(awaits)
    }

    /// Returns true if the provider's id is that of a partial refund.
    pub fn is_part(&self, refund_id: &str) -> bool {
        let payment_id = self.approved_id();
        self.partial_refunds.list.iter().any(|part| part.provider_id(&payment_id) == refund_id)
    }

    /// The provider made a partial refund.
    pub fn part_refunded(&mut self, refund_id: &str, call: u32, now: Timestamp) -> Vec<Outgoing> {
        let digits = self.digits();
        let Some(part) = self.awaited_part(refund_id, call) else { return Vec::new() };
        part.state = PartState::Refunded { at: now };
        let reply = part_refunded(part);
        let waiting = part.waiting.take();
        let what = format!("{} of it refunded ({})", Decimal::new(part.amount_minor, digits), cut(&part.id));
        self.history.note(now, what);
        self.part_ended(waiting, &reply, now)
    }

    /// The provider answered for a partial refund: replies to its command, and to the one that waits for all of them.
    pub(super) fn part_ended(&mut self, waiting: Option<Headers>, reply: &Reply, now: Timestamp) -> Vec<Outgoing> {
        let reply = waiting.map(|waiting| self.reply_to(&waiting, reply, now));
        let last = self.refunded_in_parts(now).or_else(|| self.reply_if_settled(now));
        reply.into_iter().chain(last).collect()
    }

    /// Ends the first approval if all of it is refunded in parts. Returns the reply to the command that waits for that.
    pub(super) fn refunded_in_parts(&mut self, now: Timestamp) -> Option<Outgoing> {
        let is_whole = self.left_of(0).is_some_and(|left| left <= 0) && self.approvals.refunded == 0;
        let is_settled = match self.status {
            // The full refund waits only until the provider has answered for all parts.
            Status::Refunding { .. } => !self.partial_refunds.any_underway(),
            Status::Approved => !self.partial_refunds.any_unsettled(),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Declined
            | Status::Cancelled
            | Status::Refunded => false,
        };
        if is_whole && is_settled { self.approval_refunded(now) } else { None }
    }

    /// The provider did not make a partial refund, for a technical reason. It is called again after a pause, and the
    /// command may be sent again.
    pub fn part_failed(
        &mut self,
        refund_id: &str,
        call: u32,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let part = self.awaited_part(refund_id, call)?;
        let error = cut(failure.error);
        let retry_after = failure.retry_after.unwrap_or_default().max(pause(call));
        part.state = PartState::Refunding { due: now.plus(retry_after) };
        part.calls = call + 1;
        let waiting = part.waiting.take();
        let what = format!("refund {} failed: {error}", cut(&part.id));
        self.history.note_unchanged(now, what);
        Some(self.reply_to(&waiting?, &failed(error, Some(retry_after)), now))
    }

    /// The provider refused a partial refund. One that is made again stays failed: the refund of the whole payment may
    /// have been made without its amount.
    pub fn part_refused(&mut self, refund_id: &str, call: u32, error: &str, now: Timestamp) -> Vec<Outgoing> {
        let Some(part) = self.awaited_part(refund_id, call) else { return Vec::new() };
        let detail = cut(error).to_owned();
        let what = format!("refund {} refused by the provider: {detail}", cut(&part.id));
        let reply = Reply::refused("refund_refused", &detail);
        let is_first = part.retries == 0;
        part.state = if is_first {
            PartState::Refused { reason: "refund_refused".to_owned(), detail }
        } else {
            PartState::Failed { at: now, detail }
        };
        let waiting = part.waiting.take();
        self.partial_refunds.refused += u32::from(is_first);
        self.history.note(now, what);
        self.part_ended(waiting, &reply, now)
    }

    /// The provider accepted a partial refund, which failed at once.
    pub fn part_unmade(&mut self, refund_id: &str, call: u32, error: &str, now: Timestamp) -> Vec<Outgoing> {
        let Some(part) = self.awaited_part(refund_id, call) else { return Vec::new() };
        let detail = cut(error).to_owned();
        let what = format!("refund {} failed at the provider: {detail}", cut(&part.id));
        part.state = PartState::Failed { at: now, detail };
        let reply = failed_reply(part);
        let waiting = part.waiting.take();
        self.report_failed_refund(what, now);
        self.part_ended(waiting, &reply, now)
    }
}

/// The reply about a refund that failed after the provider had accepted it. The saga of a return or a parcel goes on:
/// the refund is a case of its own, which is made again or settled otherwise.
fn failed_reply(part: &PartialRefund) -> Reply {
    if part.of_step { part_refunded(part) } else { Reply::refused("refund_failed", part.detail().unwrap_or_default()) }
}

/// A repeated request for a partial refund that is made or under way. One that failed is made again, unless the same
/// command is sent again.
fn refund_again(
    part: &mut PartialRefund,
    digits: u32,
    request: &PartialRefundRequest,
    waiting: Option<Headers>,
    now: Timestamp,
) -> Option<Reply> {
    if request.amount_minor.is_some_and(|amount| amount != part.requested_minor()) {
        let requested = Decimal::new(part.requested_minor(), digits);
        let detail = format!("refund {} was requested with {requested}", part.id);
        return Some(Reply::refused("refund_id_reused", detail));
    }
    let command = waiting.as_ref().and_then(CommandId::of);
    let is_repeated = command.is_some() && command == part.command;
    part.command = command.or(part.command);
    match &part.state {
        PartState::Refunded { .. } | PartState::Pending { .. } => return Some(part_refunded(part)),
        PartState::Dismissed { reason, .. } => return Some(Reply::refused("refund_dismissed", reason)),
        PartState::Failed { .. } if is_repeated || part.of_step => return Some(failed_reply(part)),
        PartState::Failed { .. } => part.retry(now),
        PartState::Refunding { .. } | PartState::Refused { .. } => {}
    }
    part.waiting = waiting.or(part.waiting.take());
    None
}
