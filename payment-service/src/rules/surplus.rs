//! Charges beyond the first: the customer paid twice. The payment stays paid, and each further charge is refunded.

use common::journal::Intent;
use common::time::Timestamp;

use super::answers::{ImpossibleOutcome, impossible};
use super::replies::{Failure, pause};
use crate::entity::Payment;
use crate::entity::approval::Approval;
use crate::entity::surplus::SurplusCharge;
use crate::messages::{Outcome, ProviderAnswered};
use crate::provider::call::{ProviderCall, Refund};
use crate::text::cut;

impl Payment {
    /// Another charge of a payment that is paid: it is refunded.
    pub(super) fn add_surplus(&mut self, approval: Approval, now: Timestamp) {
        let id = cut(approval.payment_id.as_deref().unwrap_or_default()).to_owned();
        if self.surplus.add(SurplusCharge { approval, due: now, calls: 1 }) {
            self.history.note(now, format!("approved with another payment id ({id}): that charge is to be refunded"));
        } else {
            tracing::error!(order_id = %self.order, id, "too many charges: an operator must refund this one");
            self.history.note(now, format!("too many charges: an operator must refund the one with id {id}"));
        }
    }

    /// The calls for the refunds of further charges.
    pub(super) fn surplus_intents(&self) -> impl Iterator<Item = Intent<ProviderCall>> {
        self.surplus.0.iter().filter(|charge| charge.is_underway()).map(|charge| {
            let refund = self.surplus_refund(charge);
            let id = format!("{}/surplus/{}/{}", self.order, refund.refund_id, charge.calls);
            Intent { id, due: charge.due, what: ProviderCall::Refund(refund) }
        })
    }

    fn surplus_refund(&self, charge: &SurplusCharge) -> Refund {
        let payment_id = self.id_of(&charge.approval);
        let amount = self.surplus_minor();
        // Only an operator reports such charges; the provider's id of them is not known.
        Refund { reference: None, ..self.refund_of(payment_id, self.surplus_id(charge), amount, charge.calls) }
    }

    fn surplus_id(&self, charge: &SurplusCharge) -> String {
        Refund::whole_id(&self.id_of(&charge.approval), &charge.approval.message)
    }

    /// Returns true if the provider's id is that of the refund of a further charge.
    pub(super) fn is_surplus(&self, refund_id: &str) -> bool {
        self.surplus.0.iter().any(|charge| self.surplus_id(charge) == refund_id)
    }

    /// The provider answered a call for the refund of a further charge.
    pub(super) fn surplus_answered(
        &mut self,
        refund_id: &str,
        answer: &ProviderAnswered,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> Result<(), ImpossibleOutcome> {
        let awaits = |charge: &SurplusCharge| {
            charge.is_underway() && charge.calls == answer.call && self.surplus_id(charge) == refund_id
        };
        let Some(index) = self.surplus.0.iter().position(awaits) else { return Ok(()) };
        let Some(charge) = self.surplus.0.get_mut(index) else { return Ok(()) };
        match answer.outcome {
            Outcome::Refunded => {
                charge.approval.refunded_at = Some(now);
                self.history.note(now, "the further charge is refunded");
            }
            Outcome::Failed | Outcome::Refused | Outcome::RefundFailed => {
                charge.due = now.plus(failure.retry_after.unwrap_or_default().max(pause(charge.calls)));
                charge.calls += 1;
                let what = format!("the refund of the further charge did not succeed: {}", cut(failure.error));
                self.history.note_unchanged(now, what);
            }
            // Only providers that make each refund at once have such charges.
            Outcome::Accepted
            | Outcome::Open
            | Outcome::Silent
            | Outcome::Captured
            | Outcome::Pending
            | Outcome::Listed => return Err(impossible(answer)),
        }
        Ok(())
    }
}
