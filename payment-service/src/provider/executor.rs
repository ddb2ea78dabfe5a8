//! Makes the calls to the provider, and sends its answers as messages. Their ids derive from the intent's, so that an
//! answer repeated after a take-over is the same message.

use common::ids::{self, OrderId};
use common::journal::Intent;
use common::messages::{MessageMac, Outgoing};
use common::time::Timestamp;
use common::topics;
use common::worker::{Executor, ExternalCall};
use serde::Serialize;

use super::call::{Charge, ProviderCall, Refund};
use super::port::{ChargeStatus, Listing, PaymentProvider, ProviderError, RefundStatus};
use crate::messages::{
    Operation, Outcome, PAYMENT_RESULT, PROVIDER_ANSWERED, PaymentResult, ProviderAnswered, Verdict,
};
use crate::text::cut;

/// Makes the payments' calls to a provider.
pub struct ProviderExecutor<P> {
    /// The provider.
    pub provider: P,
    /// Marks results as written by this service.
    pub mac: Option<MessageMac>,
}

impl<P: PaymentProvider> Executor for ProviderExecutor<P> {
    type SideEffect = ProviderCall;

    async fn execute(&self, intent: &Intent<ProviderCall>, now: Timestamp) -> Vec<Outgoing> {
        let envelope = Envelope { id: ids::derive(&[&intent.id, "answer"]).to_string(), now, mac: self.mac.as_ref() };
        let message = match &intent.what {
            ProviderCall::Request(charge) => self.request(charge, envelope).await,
            ProviderCall::Query { charge, query } => {
                let status = self.provider.result(charge).await;
                envelope.status(charge, Operation::Result, *query, status)
            }
            ProviderCall::Cancel { charge, query } => {
                let status = self.provider.cancel(charge).await;
                envelope.status(charge, Operation::Cancel, *query, status)
            }
            ProviderCall::Capture { charge, amount, call } => {
                let answer = ProviderAnswered::failed(charge.order, Operation::Capture, *call);
                let answer = match self.provider.capture(charge, *amount).await {
                    Ok(()) => ProviderAnswered { outcome: Outcome::Captured, ..answer },
                    Err(error) => failed(answer, &error),
                };
                envelope.answer(&answer, charge.trace.as_deref())
            }
            ProviderCall::Refund(refund) => self.refund(refund, envelope).await,
            ProviderCall::Review { charge, call } => {
                let answer = ProviderAnswered::failed(charge.order, Operation::Review, *call);
                let answer = match self.provider.review(charge).await {
                    Ok(Listing { refunds, disputes }) => {
                        ProviderAnswered { outcome: Outcome::Listed, refunds, disputes, ..answer }
                    }
                    Err(error) => failed(answer, &error),
                };
                envelope.answer(&answer, charge.trace.as_deref())
            }
        };
        vec![message]
    }

    fn describe(call: &ProviderCall) -> Option<ExternalCall<'_>> {
        let (name, provider, trace) = match call {
            ProviderCall::Request(charge) => ("payment.request", charge.provider, &charge.trace),
            ProviderCall::Query { charge, .. } => ("payment.query", charge.provider, &charge.trace),
            ProviderCall::Cancel { charge, .. } => ("payment.cancel", charge.provider, &charge.trace),
            ProviderCall::Capture { charge, .. } => ("payment.capture", charge.provider, &charge.trace),
            ProviderCall::Review { charge, .. } => ("payment.review", charge.provider, &charge.trace),
            ProviderCall::Refund(refund) => ("payment.refund", refund.provider, &refund.trace),
        };
        Some(ExternalCall { name, peer: provider.name(), traceparent: trace.as_deref() })
    }
}

impl<P: PaymentProvider> ProviderExecutor<P> {
    async fn request(&self, charge: &Charge, envelope: Envelope<'_>) -> Outgoing {
        let answer = ProviderAnswered::failed(charge.order, Operation::Request, charge.call);
        let answer = match self.provider.request(charge).await {
            Ok(accepted) => {
                let result_after_ms = accepted.result_after.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
                ProviderAnswered {
                    outcome: Outcome::Accepted,
                    result_after_ms,
                    reference: accepted.reference,
                    ..answer
                }
            }
            Err(error) => failed(answer, &error),
        };
        envelope.answer(&answer, charge.trace.as_deref())
    }

    async fn refund(&self, refund: &Refund, envelope: Envelope<'_>) -> Outgoing {
        let answer = ProviderAnswered::failed(refund.order, Operation::Refund, refund.call);
        let answer = ProviderAnswered { refund_id: Some(refund.refund_id.clone()), ..answer };
        let answer = match self.provider.refund(refund).await {
            Ok(RefundStatus::Made) => ProviderAnswered { outcome: Outcome::Refunded, ..answer },
            Ok(RefundStatus::Pending) => ProviderAnswered { outcome: Outcome::Pending, ..answer },
            Ok(RefundStatus::Failed(why)) => {
                ProviderAnswered { outcome: Outcome::RefundFailed, error: Some(cut(&why).to_owned()), ..answer }
            }
            Err(error) => failed(answer, &error),
        };
        envelope.answer(&answer, refund.trace.as_deref())
    }
}

fn failed(answer: ProviderAnswered, error: &ProviderError) -> ProviderAnswered {
    let ProviderAnswered { order_id, operation, call, .. } = answer;
    let outcome = match error {
        ProviderError::Refused(_) => Outcome::Refused,
        ProviderError::Failed(_) | ProviderError::Busy(_) | ProviderError::CircuitOpen(_) => Outcome::Failed,
    };
    // The failures that opened the circuit were logged as warnings; calls rejected by it are not.
    if matches!(error, ProviderError::CircuitOpen(_)) {
        tracing::debug!(%order_id, ?operation, call, "the provider was not called: {error}");
    } else {
        tracing::warn!(%order_id, ?operation, call, "the call to the provider did not succeed: {error}");
    }
    let retry_after_ms = error.retry_after().map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    let error = cut(&error.to_string()).to_owned();
    ProviderAnswered { outcome, error: Some(error), retry_after_ms, ..answer }
}

/// The id and the time of an answer, and the mark of a result.
struct Envelope<'m> {
    id: String,
    now: Timestamp,
    mac: Option<&'m MessageMac>,
}

impl Envelope<'_> {
    /// The status of a payment. A result is a [`PaymentResult`], as from any other source; all else is an answer to the
    /// payment alone.
    fn status(
        self,
        charge: &Charge,
        operation: Operation,
        query: u32,
        status: Result<ChargeStatus, ProviderError>,
    ) -> Outgoing {
        let answer = ProviderAnswered::failed(charge.order, operation, query);
        let trace = charge.trace.as_deref();
        let (status, reason) = match status {
            Ok(ChargeStatus::Approved) => (Verdict::Approved, None),
            Ok(ChargeStatus::Authorized) => (Verdict::Authorized, None),
            Ok(ChargeStatus::Declined(reason)) => (Verdict::Declined, reason.map(|reason| cut(&reason).to_owned())),
            Ok(ChargeStatus::ActionRequired { action, reported }) => {
                let outcome = if reported { Outcome::Silent } else { Outcome::Open };
                return self.answer(&ProviderAnswered { outcome, action: Some(action), ..answer }, trace);
            }
            Ok(ChargeStatus::Open) => {
                return self.answer(&ProviderAnswered { outcome: Outcome::Open, ..answer }, trace);
            }
            Ok(ChargeStatus::Silent) => {
                return self.answer(&ProviderAnswered { outcome: Outcome::Silent, ..answer }, trace);
            }
            Err(error) => return self.answer(&failed(answer, &error), trace),
        };
        let result = PaymentResult {
            order_id: charge.order,
            status,
            reason,
            payment_id: Some(charge.payment_id.clone()),
            reference: charge.reference.clone(),
        };
        let mac = self.mac;
        let message = self.message(topics::PAYMENT_RESULTS, PAYMENT_RESULT, charge.order, trace, &result);
        MessageMac::mark_with(mac, message)
    }

    fn answer(self, answer: &ProviderAnswered, trace: Option<&str>) -> Outgoing {
        self.message(topics::PAYMENT_COMMANDS, PROVIDER_ANSWERED, answer.order_id, trace, answer)
    }

    fn message<T: Serialize>(
        self,
        topic: &'static str,
        kind: &str,
        order: OrderId,
        trace: Option<&str>,
        value: &T,
    ) -> Outgoing {
        let order = order.to_string();
        Outgoing::event(topic, &order, kind, self.id, &order, self.now, value).caused_by(trace)
    }
}
