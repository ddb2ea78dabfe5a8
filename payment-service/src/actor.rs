//! Asks the provider what the payments want asked, and says its answers as messages. Their ids derive from the intent's,
//! so that an answer given again after a take-over is the same answer.

use common::ids::{self, OrderId};
use common::journal::Intent;
use common::messages::Outgoing;
use common::time::Timestamp;
use common::topics;
use common::worker::Actor;
use serde::Serialize;

use crate::handler::{Operation, Outcome, PROVIDER_ANSWERED, ProviderAnswered};
use crate::payment::Act;
use crate::provider::{Charge, PaymentProvider, Refund};
use crate::results::{PAYMENT_RESULT, PaymentResult};

/// Performs the payments' acts at a provider.
pub struct Cashier<P> {
    /// The provider.
    pub provider: P,
}

impl<P: PaymentProvider> Actor for Cashier<P> {
    type Act = Act;

    async fn act(&self, intent: &Intent<Act>, now: Timestamp) -> Vec<Outgoing> {
        let said = Said { id: ids::derive(&[&intent.id, "answer"]).to_string(), now };
        match &intent.what {
            Act::Request(charge) => vec![self.request(charge, said).await],
            Act::Result(charge) => self.result(charge, said).await.into_iter().collect(),
            Act::Refund(refund) => vec![self.refund(refund, said).await],
        }
    }
}

impl<P: PaymentProvider> Cashier<P> {
    async fn request(&self, charge: &Charge, said: Said) -> Outgoing {
        let answer = ProviderAnswered::to(charge.order, Operation::Request, charge.call);
        let answer = match self.provider.request(charge).await {
            Ok(accepted) => {
                let result_after_ms = accepted.result_after.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
                ProviderAnswered { outcome: Outcome::Accepted, result_after_ms, ..answer }
            }
            Err(error) => {
                tracing::warn!(order_id = %charge.order, call = charge.call, "request failed: {error}");
                ProviderAnswered { error: Some(error.to_string()), ..answer }
            }
        };
        said.message(topics::PAYMENT_COMMANDS, PROVIDER_ANSWERED, charge.order, charge.trace.as_deref(), &answer)
    }

    async fn result(&self, charge: &Charge, said: Said) -> Option<Outgoing> {
        let status = self.provider.result(charge).await?;
        let payment_id = Some(charge.payment_id.clone());
        let result = PaymentResult { order_id: charge.order, status, reason: None, payment_id };
        Some(said.message(topics::PAYMENT_RESULTS, PAYMENT_RESULT, charge.order, charge.trace.as_deref(), &result))
    }

    async fn refund(&self, refund: &Refund, said: Said) -> Outgoing {
        let answer = ProviderAnswered::to(refund.order, Operation::Refund, refund.call);
        let answer = match self.provider.refund(refund).await {
            Ok(()) => ProviderAnswered { outcome: Outcome::Refunded, ..answer },
            Err(error) => {
                tracing::warn!(order_id = %refund.order, call = refund.call, "refund failed: {error}");
                ProviderAnswered { error: Some(error.to_string()), ..answer }
            }
        };
        said.message(topics::PAYMENT_COMMANDS, PROVIDER_ANSWERED, refund.order, refund.trace.as_deref(), &answer)
    }
}

/// An answer's id and time.
struct Said {
    id: String,
    now: Timestamp,
}

impl Said {
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
