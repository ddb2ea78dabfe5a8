//! What a payment wants asked of its provider, as long as its state says so.

use common::journal::{Entity, Intent};
use common::money::Amount;
use common::time::Timestamp;

use crate::entity::partial_refund::PartialRefund;
use crate::entity::{KEPT, Payment, Status};
use crate::provider::call::{Charge, ProviderCall, Refund};

impl Payment {
    /// All that it wants asked of the provider.
    pub fn intents(&self) -> Vec<Intent<ProviderCall>> {
        self.partial_intents().chain(self.intent()).collect()
    }

    /// What it wants asked of the provider, parts that are given back aside.
    fn intent(&self) -> Option<Intent<ProviderCall>> {
        let order = self.order;
        match self.status {
            Status::Requested { since } => {
                let id = format!("{order}/request/{}", self.calls);
                Some(Intent { id, due: since, what: ProviderCall::Request(self.charge()?) })
            }
            Status::Pending { .. } => {
                let id = format!("{order}/result/{}", self.numbered());
                Some(Intent { id, due: self.result_due()?, what: ProviderCall::Result(self.charge()?, self.asks) })
            }
            Status::Cancelled | Status::Declined => {
                let id = format!("{order}/cancel/{}", self.numbered());
                Some(Intent { id, due: self.result_due()?, what: ProviderCall::Cancel(self.charge()?, self.asks) })
            }
            Status::Capturing { due } => {
                let (charge, call) = (self.charge()?, self.capture_calls);
                let amount = self.capture_minor.map_or(charge.amount, Amount);
                let id = format!("{order}/capture/{call}");
                Some(Intent { id, due, what: ProviderCall::Capture { charge, amount, call } })
            }
            // Parts that are on their way are waited for: what is left is not known before.
            Status::Refunding { .. } if self.partial_refunds.iter().any(PartialRefund::is_underway) => None,
            Status::Refunding { due } => {
                let call = self.refund_calls;
                Some(Intent {
                    id: format!("{order}/refund/{call}"),
                    due,
                    what: ProviderCall::Refund(self.whole_refund(call)),
                })
            }
            Status::New
            | Status::Unrequested { .. }
            | Status::Failed
            | Status::Authorized
            | Status::Approved
            | Status::Refunded => None,
        }
    }

    /// The request that the provider is asked about, and how often it was.
    fn numbered(&self) -> String {
        match self.asks {
            0 => self.calls.to_string(),
            asks => format!("{}.{asks}", self.calls),
        }
    }

    /// What is left of the next approval to be given back.
    fn whole_refund(&self, call: u32) -> Refund {
        let approval = self.approvals.get(self.refunds);
        let payment_id = approval.and_then(|approval| approval.payment_id.clone()).unwrap_or_else(|| self.id());
        let refund_id = Refund::id(&payment_id, "whole", approval.map_or("", |approval| &approval.message));
        let reference = approval.and_then(|approval| approval.reference.clone()).or_else(|| self.reference.clone());
        let amount = self.left_of(self.refunds).map(Amount);
        let (order, provider, trace) = (self.order, self.provider, self.trace.clone());
        Refund { order, payment_id, refund_id, provider, amount, reference, call, trace }
    }

    fn charge(&self) -> Option<Charge> {
        let price = self.price.as_ref()?;
        Some(Charge {
            order: self.order,
            payment_id: self.id(),
            provider: self.provider,
            amount: Amount(price.amount_minor),
            currency: price.currency.clone(),
            capture: self.capture,
            method: self.method.clone(),
            reference: self.reference.clone(),
            call: self.calls,
            trace: self.trace.clone(),
        })
    }
}

impl Entity for Payment {
    fn is_open(&self) -> bool {
        match &self.status {
            Status::Unrequested { .. }
            | Status::Requested { .. }
            | Status::Capturing { .. }
            | Status::Refunding { .. } => true,
            Status::Pending { .. } | Status::Cancelled | Status::Declined => self.result_due().is_some(),
            Status::Approved => self.partial_refunds.iter().any(PartialRefund::is_underway),
            Status::New | Status::Failed | Status::Authorized | Status::Refunded => false,
        }
    }

    fn has_intents(&self) -> bool {
        !self.intents().is_empty()
    }

    fn wake_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Unrequested { until, .. } => Some(until),
            Status::Cancelled | Status::Declined => {
                self.late_result_due.map(|due| self.late_result_until.unwrap_or(due.plus(KEPT)))
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
