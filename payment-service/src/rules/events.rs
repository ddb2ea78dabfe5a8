//! Events for external systems: the changes of a decision, as the difference between two states of a payment. They are
//! in the outbox of the decision, so a change is published if and only if it is made.

mod charge;

use std::mem::{Discriminant, discriminant};

use common::events::published_id;
use common::ids;
use common::messages::Outgoing;
use common::payments::{Action, ActionKind};
use common::time::Timestamp;
use common::topics;

use self::charge::{ChargeRefund, RefundState};
use crate::entity::Payment;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::review::Dispute;
use crate::entity::status::Status;
use crate::messages::DisputeStatus;
use crate::messages::events::{PaymentChanged, PaymentEvent};
use crate::provider::call::Refund;

/// The parts of a payment on which events depend.
pub struct Milestones {
    is_requested: bool,
    status: Status,
    action: Option<Action>,
    charges: Vec<ChargeMilestone>,
    parts: Vec<PartMilestone>,
    disputes: Vec<DisputeMilestone>,
}

/// The refund of all that is left of a charge.
struct ChargeMilestone {
    message: String,
    state: RefundState,
}

struct PartMilestone {
    id: String,
    is_external: bool,
    state: Discriminant<PartState>,
}

struct DisputeMilestone {
    id: String,
    status: DisputeStatus,
    amount_minor: i64,
}

impl Milestones {
    /// Those of a payment; of none before the first message about it.
    pub fn of(payment: Option<&Payment>) -> Self {
        let Some(payment) = payment else {
            return Self {
                is_requested: false,
                status: Status::New,
                action: None,
                charges: Vec::new(),
                parts: Vec::new(),
                disputes: Vec::new(),
            };
        };
        let charge =
            |refund: ChargeRefund<'_>| ChargeMilestone { message: refund.message.to_owned(), state: refund.state };
        let part = |part: &PartialRefund| PartMilestone {
            id: part.id.clone(),
            is_external: part.external,
            state: discriminant(&part.state),
        };
        let dispute = |dispute: &Dispute| DisputeMilestone {
            id: dispute.id.clone(),
            status: dispute.status,
            amount_minor: dispute.amount_minor,
        };
        Self {
            is_requested: payment.terms.is_some(),
            status: payment.status.clone(),
            action: payment.action.required.clone(),
            charges: ChargeRefund::all_of(payment).map(charge).collect(),
            parts: payment.partial_refunds.list.iter().map(part).collect(),
            disputes: payment.disputes.iter().map(dispute).collect(),
        }
    }

    /// The events of the changes since then, in order. `cause` identifies the message or the timer.
    pub fn changes(&self, payment: &Payment, cause: &str, now: Timestamp) -> Vec<Outgoing> {
        let mut all = Vec::new();
        let mut add = |event: PaymentEvent, about: About<'_>| all.push(message(event, payment, &about, cause, now));
        if payment.terms.is_some() && !self.is_requested {
            add(PaymentEvent::Requested, About::Payment);
        }
        if discriminant(&payment.status) != discriminant(&self.status)
            && let Some(entered) = self.entered(payment)
        {
            add(entered, About::Payment);
        }
        if let Some(action) = &payment.action.required
            && self.action.as_ref() != Some(action)
        {
            add(PaymentEvent::ActionRequired, About::Action(action.kind));
        }
        for part in payment.partial_refunds.list.iter().filter(|part| self.is_new_part(part)) {
            add(part_event(&part.state), About::Part(part));
        }
        for refund in ChargeRefund::all_of(payment).filter(|refund| self.is_new_refund(refund)) {
            if let Some(event) = refund.event(payment) {
                add(event, About::Charge(&refund));
            }
        }
        for dispute in payment.disputes.iter().filter(|dispute| self.is_new_dispute(dispute)) {
            let event = if dispute.is_closed() { PaymentEvent::DisputeClosed } else { PaymentEvent::DisputeOpened };
            add(event, About::Dispute(dispute));
        }
        all
    }

    /// The event of the status that a payment has entered; refunds have their own.
    fn entered(&self, payment: &Payment) -> Option<PaymentEvent> {
        let is_requested = payment.terms.is_some();
        match payment.status {
            // A capture has failed.
            Status::Authorized if matches!(self.status, Status::Capturing { .. }) => None,
            Status::Authorized => Some(PaymentEvent::Authorized),
            // A refund has failed.
            Status::Approved if matches!(self.status, Status::Refunding { .. } | Status::Refunded) => None,
            Status::Approved => Some(PaymentEvent::Approved),
            Status::Declined => is_requested.then_some(PaymentEvent::Declined),
            Status::Cancelled => is_requested.then_some(PaymentEvent::Cancelled),
            Status::New
            | Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Capturing { .. }
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }

    /// Returns true if the refund of the charge is in another state than before, or the charge was not there.
    fn is_new_refund(&self, refund: &ChargeRefund<'_>) -> bool {
        let known = self.charges.iter().find(|known| known.message == refund.message);
        known.is_none_or(|known| known.state != refund.state)
    }

    /// Returns true if the partial refund is in another state than before, or was not there.
    fn is_new_part(&self, part: &PartialRefund) -> bool {
        let is_same = |known: &&PartMilestone| known.id == part.id && known.is_external == part.external;
        self.parts.iter().find(is_same).is_none_or(|known| known.state != discriminant(&part.state))
    }

    /// Returns true if the dispute has another status or amount than before, or was not there.
    fn is_new_dispute(&self, dispute: &Dispute) -> bool {
        let known = self.disputes.iter().find(|known| known.id == dispute.id);
        known.is_none_or(|known| known.status != dispute.status || known.amount_minor != dispute.amount_minor)
    }
}

const fn part_event(state: &PartState) -> PaymentEvent {
    match state {
        PartState::Refunding { .. } => PaymentEvent::RefundStarted,
        PartState::Pending { .. } => PaymentEvent::RefundPending,
        PartState::Failed { .. } => PaymentEvent::RefundFailed,
        PartState::Refunded { .. } => PaymentEvent::PartRefunded,
        PartState::Refused { .. } => PaymentEvent::RefundRefused,
        PartState::Dismissed { .. } => PaymentEvent::RefundDismissed,
    }
}

/// What an event is about, besides the payment.
enum About<'p> {
    Payment,
    Action(ActionKind),
    Part(&'p PartialRefund),
    Charge(&'p ChargeRefund<'p>),
    Dispute(&'p Dispute),
}

impl About<'_> {
    /// Distinguishes the events of one kind with the same cause. A refund that is made again has another number of
    /// calls.
    fn id(&self) -> String {
        match self {
            Self::Payment | Self::Action(_) => String::new(),
            Self::Part(part) if part.external => format!("external/{}/{}", part.id, part.calls),
            Self::Part(part) => format!("refund/{}/{}", part.id, part.calls),
            Self::Charge(refund) => format!("charge/{}/{}", refund.message, refund.calls),
            Self::Dispute(dispute) => format!("dispute/{}", dispute.id),
        }
    }
}

fn message(event: PaymentEvent, payment: &Payment, about: &About<'_>, cause: &str, now: Timestamp) -> Outgoing {
    let kind = event.kind();
    let key = payment.order.to_string();
    let id = ids::derive(&[topics::PAYMENT_EVENTS, kind, &key, &about.id(), cause]).to_string();
    let price = payment.price();
    let mut value = PaymentChanged {
        order_id: payment.order,
        payment_id: payment.id(),
        status: payment.status.name().to_owned(),
        amount_minor: price.map(|price| payment.capture.amount_minor.unwrap_or(price.amount_minor)),
        currency: price.map(|price| price.currency.clone()),
        action: None,
        refund_id: None,
        charge_id: None,
        dispute_id: None,
        dispute_status: None,
        at: now,
    };
    match about {
        About::Payment => {}
        About::Action(action) => value.action = Some(*action),
        About::Part(part) => {
            value.amount_minor = Some(part.amount_minor);
            // A dismissed refund of all that was left is listed as a part.
            value.refund_id = (part.id != Refund::WHOLE).then(|| published_id(&part.id).into_owned());
        }
        About::Charge(refund) => {
            value.amount_minor = refund.amount_minor;
            value.charge_id = Some(ids::derive(&["charge", &key, refund.message]).to_string());
        }
        About::Dispute(dispute) => {
            value.amount_minor = Some(dispute.amount_minor);
            value.dispute_id = Some(dispute.id.clone());
            value.dispute_status = Some(dispute.status);
        }
    }
    Outgoing::event(topics::PAYMENT_EVENTS, &key, kind, id, &key, now, &value).caused_by(payment.trace.as_deref())
}
