//! Parts of a paid payment that are given back, such as for a return. Each has an id of its own by which a repetition
//! is known; together they are never more than what was captured. The provider is asked again until it answers.

use std::time::Duration;

use common::journal::Intent;
use common::messages::{Headers, Outgoing, Reply};
use common::money::Amount;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::moves::{failed, pause};
use super::{Payment, ProviderCall, Status, cut};
use crate::provider::Refund;

/// So many parts a payment may be given back in, and so many refused ones are kept.
const MOST: usize = 100;
const MOST_REFUSED: usize = 20;
/// Of what was not paid nothing is given back.
pub const NOT_PAID: &str = "not_paid";

/// A part of a payment that is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartialRefund {
    /// Whoever asks for it calls it so.
    pub id: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// Where it stands.
    pub state: PartState,
    /// How often the provider was asked for it.
    calls: u32,
    /// The headers of the command that is to be answered when the provider has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Headers>,
}

/// Where a part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartState {
    /// The provider is being asked, or will be when `due`.
    Refunding { due: Timestamp },
    /// Given back.
    Refunded { at: Timestamp },
    /// Not given back: the code and the sentence.
    Refused { reason: String, detail: String },
}

impl PartialRefund {
    /// Whether it is still to be given back.
    pub fn is_underway(&self) -> bool {
        matches!(self.state, PartState::Refunding { .. })
    }

    /// Whether it was given back.
    pub fn is_done(&self) -> bool {
        self.done_at().is_some()
    }

    /// When it was given back.
    pub fn done_at(&self) -> Option<Timestamp> {
        match self.state {
            PartState::Refunded { at } => Some(at),
            PartState::Refunding { .. } | PartState::Refused { .. } => None,
        }
    }

    /// Why it is not given back.
    pub fn refusal(&self) -> Option<&str> {
        match &self.state {
            PartState::Refused { detail, .. } => Some(detail),
            PartState::Refunding { .. } | PartState::Refunded { .. } => None,
        }
    }

    fn counts(&self) -> bool {
        !matches!(self.state, PartState::Refused { .. })
    }
}

/// A part that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// By which id.
    pub id: String,
    /// How much; none is all that is left.
    pub amount_minor: Option<i64>,
    /// Why.
    pub reason: Option<String>,
    /// Who asks.
    pub by: Asker,
}

/// Who asks for a part, and so what a no is called, and whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// `payment.refund`, or somebody by HTTP: after a no the same id may be asked for again.
    Anybody,
    /// `payment.refund-part`, a saga's step: it goes on after a no, so the same id is refused for ever.
    Step,
}

impl Payment {
    /// How much was given back in parts, or is about to be.
    pub(super) fn partial_minor(&self) -> i64 {
        self.partial_refunds.iter().filter(|part| part.counts()).map(|part| part.amount_minor).sum()
    }

    /// `payment.refund-part`, or `payment.refund` with an id or an amount: answered when the provider has given it
    /// back, or now if it did before or can't.
    pub fn refund_part(&mut self, wanted: Wanted, waiting: Option<Headers>, now: Timestamp) -> Option<Reply> {
        if let Some(part) = self.partial_refunds.iter_mut().find(|part| part.id == wanted.id && part.counts()) {
            if wanted.amount_minor.is_some_and(|amount| amount != part.amount_minor) {
                let why = format!("refund {} was asked for with {}", part.id, Amount(part.amount_minor));
                return Some(refused("refund_id_reused", why));
            }
            if let PartState::Refunded { .. } = part.state {
                return Some(refunded(part));
            }
            part.waiting = waiting.or(part.waiting.take());
            return None;
        }
        let before = self.partial_refunds.iter().find(|part| part.id == wanted.id);
        if wanted.by == Asker::Step
            && let Some(PartialRefund { state: PartState::Refused { reason, detail }, .. }) = before
        {
            return Some(refused(reason, detail.clone()));
        }
        let amount_minor = wanted.amount_minor.unwrap_or_else(|| self.refundable_minor());
        let Some((reason, detail)) = self.why_not(amount_minor, wanted.by) else {
            let state = PartState::Refunding { due: now };
            self.note(now, format!("{} of it to be refunded ({})", Amount(amount_minor), cut(&wanted.id)));
            self.push_part(wanted, amount_minor, state, waiting, now);
            return None;
        };
        self.note(now, format!("refund {} refused: {reason}", cut(&wanted.id)));
        let state = PartState::Refused { reason: reason.to_owned(), detail: detail.clone() };
        self.push_part(wanted, amount_minor, state, None, now);
        Some(refused(reason, detail))
    }

    /// Why so much can't be given back: the code and the sentence.
    fn why_not(&self, amount_minor: i64, by: Asker) -> Option<(&'static str, String)> {
        let left = self.refundable_minor();
        let too_large = || format!("at most {} can still be given back", Amount(left));
        let gone = matches!(self.status, Status::Refunding { .. } | Status::Refunded);
        Some(match by {
            Asker::Step if gone => ("more_than_paid", too_large()),
            Asker::Step if self.status != Status::Approved => {
                (NOT_PAID, format!("the payment is {}", self.status.name()))
            }
            Asker::Anybody if self.status != Status::Approved => {
                ("not_refundable", format!("the payment is {}", self.status.name()))
            }
            Asker::Step | Asker::Anybody if amount_minor <= 0 => {
                ("nothing_to_refund", "an amount above zero can be given back".to_owned())
            }
            Asker::Step if amount_minor > left => ("more_than_paid", too_large()),
            Asker::Anybody if amount_minor > left => ("refund_too_large", too_large()),
            Asker::Step | Asker::Anybody
                if self.partial_refunds.iter().filter(|part| part.counts()).count() >= MOST =>
            {
                ("too_many_refunds", format!("a payment is given back in at most {MOST} parts"))
            }
            Asker::Step | Asker::Anybody => return None,
        })
    }

    fn push_part(
        &mut self,
        wanted: Wanted,
        amount_minor: i64,
        state: PartState,
        waiting: Option<Headers>,
        at: Timestamp,
    ) {
        let Wanted { id, reason, .. } = wanted;
        self.refusals += u32::from(matches!(state, PartState::Refused { .. }));
        self.partial_refunds.retain(|part| part.counts() || part.id != id);
        if self.partial_refunds.iter().filter(|part| !part.counts()).count() >= MOST_REFUSED
            && let Some(oldest) = self.partial_refunds.iter().position(|part| !part.counts())
        {
            self.partial_refunds.remove(oldest);
        }
        let reason = reason.map(|reason| cut(&reason).to_owned());
        self.partial_refunds.push(PartialRefund { id, amount_minor, reason, at, state, calls: 1, waiting });
    }

    /// What the parts want asked of the provider.
    pub(super) fn partial_intents(&self) -> impl Iterator<Item = Intent<ProviderCall>> {
        self.partial_refunds.iter().filter_map(|part| {
            let PartState::Refunding { due } = part.state else { return None };
            let (approval, payment_id) = (self.approvals.first(), self.paid_as());
            let reference = approval.and_then(|approval| approval.reference.clone()).or_else(|| self.reference.clone());
            let refund = Refund {
                order: self.order,
                refund_id: Refund::id(&payment_id, "part", &part.id),
                payment_id,
                provider: self.provider,
                amount: Some(Amount(part.amount_minor)),
                reference,
                call: part.calls,
                trace: self.trace.clone(),
            };
            let id = format!("{}/part/{}/{}", self.order, refund.refund_id, part.calls);
            Some(Intent { id, due, what: ProviderCall::Refund(refund) })
        })
    }

    /// The payment's id as the approval called it, parts of which are given back.
    pub fn paid_as(&self) -> String {
        let named = self.approvals.first().and_then(|approval| approval.payment_id.clone());
        named.unwrap_or_else(|| self.id())
    }

    /// The part that the provider knows by this id, if this is the call that it waits for.
    fn part(&mut self, refund_id: &str, call: u32) -> Option<&mut PartialRefund> {
        let payment_id = self.paid_as();
        let waits = |part: &&mut PartialRefund| {
            part.is_underway() && part.calls == call && Refund::id(&payment_id, "part", &part.id) == refund_id
        };
        self.partial_refunds.iter_mut().find(waits)
    }

    /// Whether the provider's id is that of a part.
    pub fn is_part(&self, refund_id: &str) -> bool {
        let payment_id = self.paid_as();
        self.partial_refunds.iter().any(|part| Refund::id(&payment_id, "part", &part.id) == refund_id)
    }

    /// The provider gave a part back.
    pub fn part_refunded(&mut self, refund_id: &str, call: u32, now: Timestamp) -> Vec<Outgoing> {
        let Some(part) = self.part(refund_id, call) else { return Vec::new() };
        part.state = PartState::Refunded { at: now };
        let (reply, waiting) = (refunded(part), part.waiting.take());
        let what = format!("{} of it refunded ({})", Amount(part.amount_minor), cut(&part.id));
        self.note(now, what);
        let answer = waiting.map(|waiting| self.answer_to(&waiting, &reply, now));
        let whole = self.left_of(0) == Some(0)
            && self.refunds == 0
            && !self.partial_refunds.iter().any(PartialRefund::is_underway);
        let ended = if whole { self.given_back(now) } else { None };
        answer.into_iter().chain(ended).collect()
    }

    /// The provider could not give a part back: it is asked again after a pause, and so may whoever asked for it.
    pub fn part_failed(
        &mut self,
        (refund_id, call): (&str, u32),
        error: &str,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let part = self.part(refund_id, call)?;
        let retry_after = retry_after.unwrap_or_default().max(pause(call));
        let due = now.plus(retry_after);
        (part.state, part.calls) = (PartState::Refunding { due }, call + 1);
        let (waiting, what) = (part.waiting.take(), format!("refund {} failed: {}", cut(&part.id), cut(error)));
        self.note(now, what);
        Some(self.answer_to(&waiting?, &failed(cut(error), Some(retry_after)), now))
    }

    /// The provider won't give a part back.
    pub fn part_refused(&mut self, refund_id: &str, call: u32, error: &str, now: Timestamp) -> Option<Outgoing> {
        let part = self.part(refund_id, call)?;
        let detail = cut(error).to_owned();
        let what = format!("refund {} refused by the provider: {detail}", cut(&part.id));
        part.state = PartState::Refused { reason: "refund_refused".to_owned(), detail: detail.clone() };
        let waiting = part.waiting.take();
        self.refusals += 1;
        self.note(now, what);
        Some(self.answer_to(&waiting?, &refused("refund_refused", detail), now))
    }
}

fn refunded(part: &PartialRefund) -> Reply {
    let (id, amount) = (&part.id, part.amount_minor);
    Reply::ok(json!({ "outcome": "refunded", "refundId": id, "amountMinor": amount, "refundedMinor": amount }))
}

fn refused(reason: &str, detail: String) -> Reply {
    Reply::refused(reason, detail)
}
