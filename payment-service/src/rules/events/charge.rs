//! Full refunds: the refund of all that is left of a charge. A payment can be charged more than once.

use crate::entity::Payment;
use crate::entity::approval::Settling;
use crate::entity::status::Status;
use crate::messages::events::PaymentEvent;

/// The refund of all that is left of a charge: of an approval, or of a charge beyond the first.
pub(super) struct ChargeRefund<'p> {
    /// The id of the message that reported the charge.
    pub(super) message: &'p str,
    pub(super) state: RefundState,
    /// The refunded amount, without the partial refunds; `None` if the payment was never requested.
    pub(super) amount_minor: Option<i64>,
    /// Calls to the provider for it.
    pub(super) calls: u32,
}

/// The state of such a refund.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundState {
    None,
    Started,
    Pending,
    Failed,
    Done,
}

impl<'p> ChargeRefund<'p> {
    /// The refunds of all charges of a payment, also of those that are not to be refunded.
    pub(super) fn all_of(payment: &'p Payment) -> impl Iterator<Item = Self> {
        let approvals = payment.approvals.list.iter().enumerate().map(|(index, approval)| Self {
            message: &approval.message,
            state: RefundState::of_approval(payment, index),
            amount_minor: payment.left_of(index).map(|left| left.max(0)),
            calls: payment.approvals.refund_calls,
        });
        let surplus = payment.surplus.0.iter().map(|charge| Self {
            message: &charge.approval.message,
            state: if charge.is_underway() { RefundState::Started } else { RefundState::Done },
            amount_minor: payment.surplus_minor(),
            calls: charge.calls,
        });
        approvals.chain(surplus)
    }

    /// The event with which it enters its state. If the rest was dismissed, nothing is left to be refunded.
    pub(super) fn event(&self, payment: &Payment) -> Option<PaymentEvent> {
        match self.state {
            RefundState::None => None,
            RefundState::Started => Some(PaymentEvent::RefundStarted),
            RefundState::Pending => Some(PaymentEvent::RefundPending),
            RefundState::Failed => Some(PaymentEvent::RefundFailed),
            RefundState::Done if self.amount_minor == Some(0) && has_dismissed(payment) => None,
            RefundState::Done => Some(PaymentEvent::Refunded),
        }
    }
}

impl RefundState {
    /// That of the `index`-th approval: they are refunded one after the other.
    fn of_approval(payment: &Payment, index: usize) -> Self {
        let refunded = payment.approvals.refunded;
        if index < refunded {
            return Self::Done;
        }
        if index > refunded || !matches!(payment.status, Status::Refunding { .. }) {
            return Self::None;
        }
        match payment.approvals.settling {
            Settling::None => Self::Started,
            Settling::Pending { .. } => Self::Pending,
            Settling::Failed { .. } => Self::Failed,
        }
    }
}

fn has_dismissed(payment: &Payment) -> bool {
    payment.partial_refunds.list.iter().any(|part| part.is_dismissed())
}
