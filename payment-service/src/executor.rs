//! Asks the provider what the payments want asked, and says its answers as messages. Their ids derive from the
//! intent's, so that an answer given again after a take-over is the same answer.

use common::ids::{self, OrderId};
use common::journal::Intent;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use common::worker::Executor;
use serde::Serialize;

use crate::answers::{Operation, Outcome, PROVIDER_ANSWERED, ProviderAnswered};
use crate::payment::ProviderCall;
use crate::provider::{Charge, PaymentProvider, ProviderError, Refund, Standing};
use crate::results::{PAYMENT_RESULT, PaymentResult, Verdict};

/// Performs the payments' acts at a provider.
pub struct Cashier<P> {
    /// The provider.
    pub provider: P,
}

impl<P: PaymentProvider> Executor for Cashier<P> {
    type SideEffect = ProviderCall;

    async fn execute(&self, intent: &Intent<ProviderCall>, now: Timestamp) -> Vec<Outgoing> {
        let said = Said { id: ids::derive(&[&intent.id, "answer"]).to_string(), now };
        vec![match &intent.what {
            ProviderCall::Request(charge) => self.request(charge, said).await,
            ProviderCall::Result(charge, ask) => {
                let standing = self.provider.result(charge).await;
                stands(charge, (Operation::Result, *ask), standing, said)
            }
            ProviderCall::Cancel(charge, ask) => {
                let standing = self.provider.cancel(charge).await;
                stands(charge, (Operation::Cancel, *ask), standing, said)
            }
            ProviderCall::Capture { charge, amount, call } => {
                let answer = ProviderAnswered::to(charge.order, Operation::Capture, *call);
                let answer = match self.provider.capture(charge, *amount).await {
                    Ok(()) => ProviderAnswered { outcome: Outcome::Captured, ..answer },
                    Err(error) => failed(answer, &error),
                };
                said.answer(&answer, charge.trace.as_deref())
            }
            ProviderCall::Refund(refund) => self.refund(refund, said).await,
        }]
    }
}

impl<P: PaymentProvider> Cashier<P> {
    async fn request(&self, charge: &Charge, said: Said) -> Outgoing {
        let answer = ProviderAnswered::to(charge.order, Operation::Request, charge.call);
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
        said.answer(&answer, charge.trace.as_deref())
    }

    async fn refund(&self, refund: &Refund, said: Said) -> Outgoing {
        let refund_id = Some(refund.refund_id.clone());
        let answer =
            ProviderAnswered { refund_id, ..ProviderAnswered::to(refund.order, Operation::Refund, refund.call) };
        let answer = match self.provider.refund(refund).await {
            Ok(()) => ProviderAnswered { outcome: Outcome::Refunded, ..answer },
            Err(error) => failed(answer, &error),
        };
        said.answer(&answer, refund.trace.as_deref())
    }
}

/// How a payment stands is a payment result as anybody may say it; that it is not known yet is told to the payment
/// alone.
fn stands(
    charge: &Charge,
    (operation, ask): (Operation, u32),
    standing: Result<Standing, ProviderError>,
    said: Said,
) -> Outgoing {
    let answer = ProviderAnswered::to(charge.order, operation, ask);
    let trace = charge.trace.as_deref();
    let (status, reason) = match standing {
        Ok(Standing::Approved) => (Verdict::Approved, None),
        Ok(Standing::Authorized) => (Verdict::Authorized, None),
        Ok(Standing::Declined(reason)) => (Verdict::Declined, reason),
        Ok(Standing::Open) => return said.answer(&ProviderAnswered { outcome: Outcome::Open, ..answer }, trace),
        Ok(Standing::Silent) => return said.answer(&ProviderAnswered { outcome: Outcome::Silent, ..answer }, trace),
        Err(error) => return said.answer(&failed(answer, &error), trace),
    };
    let (payment_id, reference) = (Some(charge.payment_id.clone()), charge.reference.clone());
    let result = PaymentResult { order_id: charge.order, status, reason, payment_id, reference };
    said.message(topics::PAYMENT_RESULTS, PAYMENT_RESULT, charge.order, trace, &result)
}

fn failed(answer: ProviderAnswered, error: &ProviderError) -> ProviderAnswered {
    let (operation, call) = (answer.operation, answer.call);
    let order_id = answer.order_id;
    let outcome = match error {
        ProviderError::Refused(_) => Outcome::Refused,
        ProviderError::Failed(_) | ProviderError::Busy(_) | ProviderError::CircuitOpen(_) => Outcome::Failed,
    };
    // While the circuit is open this is no news; that it opens is told by the failures before.
    if matches!(error, ProviderError::CircuitOpen(_)) {
        tracing::debug!(%order_id, ?operation, call, "the provider was not asked: {error}");
    } else {
        tracing::warn!(%order_id, ?operation, call, "the provider did not do it: {error}");
    }
    let retry_after_ms = error.retry_after().map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    ProviderAnswered { outcome, error: Some(error.to_string()), retry_after_ms, ..answer }
}

/// An answer's id and time.
struct Said {
    id: String,
    now: Timestamp,
}

impl Said {
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
