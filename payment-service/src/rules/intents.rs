//! What a payment's state requires: calls to its provider, and the time to wake it.

use common::journal::{Entity, Intent};
use common::money::Amount;
use common::time::Timestamp;

use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::entity::status::Status;
use crate::entity::{Payment, RETENTION};
use crate::provider::call::{Charge, ProviderCall, Refund};

impl Entity for Payment {
    fn is_open(&self) -> bool {
        if self.review.due.is_some() || self.partial_refunds.any_underway() || self.surplus.any_underway() {
            return true;
        }
        match &self.status {
            Status::Refunding { .. } => self.approvals.settling.is_none(),
            Status::Unrequested { .. } | Status::Requested { .. } | Status::Capturing { .. } => true,
            Status::Pending { .. } | Status::Cancelled | Status::Declined | Status::Authorized => {
                self.result_due().is_some()
            }
            Status::Approved | Status::New | Status::Failed | Status::Refunded => false,
        }
    }

    fn has_intents(&self) -> bool {
        !self.intents().is_empty()
    }

    fn traceparent(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Unrequested { until, .. } => Some(until),
            Status::Cancelled | Status::Declined => {
                self.cancellation.due.map(|due| self.cancellation.until.unwrap_or(due.plus(RETENTION)))
            }
            Status::New
            | Status::Requested { .. }
            | Status::Failed
            | Status::Pending { .. }
            | Status::Authorized
            | Status::Capturing { .. }
            | Status::Approved
            | Status::Refunding { .. }
            | Status::Refunded => None,
        }
    }
}

impl Payment {
    /// All calls to the provider that its state requires.
    pub fn intents(&self) -> Vec<Intent<ProviderCall>> {
        let parts = self.partial_refunds.list.iter().filter_map(|part| self.part_intent(part));
        parts.chain(self.surplus_intents()).chain(self.intent()).chain(self.review_intent()).collect()
    }

    /// The call that its status requires; those for partial refunds and further charges are not included.
    fn intent(&self) -> Option<Intent<ProviderCall>> {
        let order = self.order;
        match self.status {
            Status::Requested { since } => {
                let id = format!("{order}/request/{}", self.provider.requests);
                Some(Intent { id, due: since, what: ProviderCall::Request(self.charge()?) })
            }
            Status::Pending { .. } | Status::Authorized => {
                let due = self.result_due()?;
                let id = format!("{order}/result/{}", self.query_id());
                let what = ProviderCall::Query { charge: self.charge()?, query: self.provider.queries };
                Some(Intent { id, due, what })
            }
            // Its request has no answer yet: the provider's id is found first, by the request's idempotency key.
            Status::Cancelled | Status::Declined if self.is_unnamed() => {
                let id = format!("{order}/request/{}", self.provider.requests);
                Some(Intent { id, due: self.result_due()?, what: ProviderCall::Request(self.charge()?) })
            }
            Status::Cancelled | Status::Declined => {
                let id = format!("{order}/cancel/{}", self.query_id());
                let what = ProviderCall::Cancel { charge: self.charge()?, query: self.provider.queries };
                Some(Intent { id, due: self.result_due()?, what })
            }
            Status::Capturing { due } => {
                let charge = self.charge()?;
                let call = self.capture.calls;
                let amount = self.capture.amount_minor.map_or(charge.amount, Amount);
                let id = format!("{order}/capture/{call}");
                Some(Intent { id, due, what: ProviderCall::Capture { charge, amount, call } })
            }
            // The rest of the payment is not known before all partial refunds have ended.
            Status::Refunding { .. } if self.partial_refunds.any_underway() => None,
            // The provider accepted it.
            Status::Refunding { .. } if !self.approvals.settling.is_none() => None,
            Status::Refunding { due } => {
                let id = format!("{order}/refund/{}", self.approvals.refund_calls);
                Some(Intent { id, due, what: ProviderCall::Refund(self.full_refund()) })
            }
            Status::New | Status::Unrequested { .. } | Status::Failed | Status::Approved | Status::Refunded => None,
        }
    }

    /// The request that is queried, and the number of the query.
    fn query_id(&self) -> String {
        match self.provider.queries {
            0 => self.provider.requests.to_string(),
            queries => format!("{}.{queries}", self.provider.requests),
        }
    }

    /// The refund of the rest of the next approval.
    fn full_refund(&self) -> Refund {
        let approval = self.approvals.next_to_refund();
        let payment_id = approval.map_or_else(|| self.id(), |approval| self.id_of(approval));
        let refund_id = self.full_refund_id(&payment_id, approval.map_or("", |approval| &approval.message));
        let left = self.left_of(self.approvals.refunded);
        self.refund_of(payment_id, refund_id, left, self.approvals.refund_calls)
    }

    /// A call for the refund of an amount, in minor units, of the provider's payment.
    pub(super) fn refund_of(
        &self,
        payment_id: String,
        refund_id: String,
        amount_minor: Option<i64>,
        call: u32,
    ) -> Refund {
        Refund {
            order: self.order,
            refund_id,
            payment_id,
            provider: self.provider.kind,
            amount: amount_minor.map(Amount),
            currency: self.price().map(|price| price.currency.clone()).unwrap_or_default(),
            reference: self.provider.reference.clone(),
            call,
            trace: self.trace.clone(),
        }
    }

    /// The call for a partial refund that is under way.
    fn part_intent(&self, part: &PartialRefund) -> Option<Intent<ProviderCall>> {
        let PartState::Refunding { due } = part.state else { return None };
        let payment_id = self.approved_id();
        let refund_id = part.provider_id(&payment_id);
        let refund = self.refund_of(payment_id, refund_id, Some(part.amount_minor), part.calls);
        let id = format!("{}/part/{}/{}", self.order, refund.refund_id, part.calls);
        Some(Intent { id, due, what: ProviderCall::Refund(refund) })
    }

    /// The call that lists its refunds and disputes.
    fn review_intent(&self) -> Option<Intent<ProviderCall>> {
        let due = self.review.due?;
        let call = self.review.calls;
        let what = ProviderCall::Review { charge: self.charge()?, call };
        Some(Intent { id: format!("{}/review/{call}", self.order), due, what })
    }

    fn charge(&self) -> Option<Charge> {
        let terms = self.terms.as_ref()?;
        Some(Charge {
            order: self.order,
            payment_id: self.id(),
            provider: self.provider.kind,
            amount: Amount(terms.price.amount_minor),
            currency: terms.price.currency.clone(),
            capture: terms.capture,
            method: terms.method,
            token: terms.token.clone(),
            reference: self.provider.reference.clone(),
            call: self.provider.requests,
            trace: self.trace.clone(),
        })
    }
}
