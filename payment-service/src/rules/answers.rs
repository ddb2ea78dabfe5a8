//! What the provider answered, as the message by which the service tells itself, and the payment's move that it is.

use std::time::Duration;

use crate::entity::{Payment, key};
use crate::messages::{Operation, Outcome, ProviderAnswered};
use crate::provider::port::Accepted;
use common::journal::Transaction;
use common::messages::{Message, Outgoing, Unreadable};
use common::time::Timestamp;

/// Takes an answer in.
pub(crate) fn provider_answered(
    tx: &mut Transaction<'_, Payment>,
    message: &Message,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let said: ProviderAnswered = message.json()?;
    let Some(payment) = tx.update(&key(said.order_id)) else { return Ok(()) };
    match said.tell(payment, now) {
        Some(answers) => answers.into_iter().for_each(|answer| tx.send(answer)),
        None => {
            let (outcome, operation) = (said.outcome, said.operation);
            return Err(Unreadable::Malformed(format!("the outcome {outcome:?}, which a {operation:?} can't have")));
        }
    }
    Ok(())
}

impl ProviderAnswered {
    /// Tells the payment, and gives what is to be sent; none for an outcome that its operation can't have.
    fn tell(&self, payment: &mut Payment, now: Timestamp) -> Option<Vec<Outgoing>> {
        let one = |answer: Option<Outgoing>| Some(answer.into_iter().collect());
        match self.operation {
            Operation::Request => one(self.of_request(payment, now)?),
            Operation::Result | Operation::Cancel => {
                let retry_after = self.retry_after_ms.map(Duration::from_millis);
                let silent = match self.outcome {
                    Outcome::Open | Outcome::Failed | Outcome::Refused => false,
                    Outcome::Silent => true,
                    Outcome::Accepted | Outcome::Captured | Outcome::Refunded => return None,
                };
                payment.still_open(self.call, silent, retry_after, now);
                Some(Vec::new())
            }
            Operation::Capture => one(self.of_capture(payment, now)?),
            Operation::Refund => match self.refund_id.as_deref().filter(|id| payment.is_part(id)) {
                Some(id) => self.of_part(id, payment, now),
                None => one(self.of_refund(payment, now)?),
            },
        }
    }

    fn why(&self) -> (&str, Option<Duration>) {
        let error = self.error.as_deref().unwrap_or("the provider gave no reason");
        (error, self.retry_after_ms.map(Duration::from_millis))
    }

    fn of_request(&self, payment: &mut Payment, now: Timestamp) -> Option<Option<Outgoing>> {
        let (call, (error, retry_after)) = (self.call, self.why());
        Some(match self.outcome {
            Outcome::Accepted => {
                let result_after = self.result_after_ms.map(Duration::from_millis);
                payment.accepted(call, Accepted { result_after, reference: self.reference.clone() }, now)
            }
            Outcome::Failed => payment.request_failed(call, error, retry_after, now),
            Outcome::Refused => payment.request_refused(call, error, now),
            Outcome::Open | Outcome::Silent | Outcome::Captured | Outcome::Refunded => return None,
        })
    }

    fn of_capture(&self, payment: &mut Payment, now: Timestamp) -> Option<Option<Outgoing>> {
        let (call, (error, retry_after)) = (self.call, self.why());
        Some(match self.outcome {
            Outcome::Captured => payment.captured(call, now),
            Outcome::Failed => payment.capture_failed(call, error, retry_after, now),
            Outcome::Refused => payment.capture_refused(call, error, now),
            Outcome::Accepted | Outcome::Open | Outcome::Silent | Outcome::Refunded => return None,
        })
    }

    fn of_refund(&self, payment: &mut Payment, now: Timestamp) -> Option<Option<Outgoing>> {
        let (call, (error, retry_after)) = (self.call, self.why());
        Some(match self.outcome {
            Outcome::Refunded => payment.refunded(call, now),
            Outcome::Failed => payment.refund_failed(call, error, false, retry_after, now),
            Outcome::Refused => payment.refund_failed(call, error, true, retry_after, now),
            Outcome::Accepted | Outcome::Open | Outcome::Silent | Outcome::Captured => return None,
        })
    }

    fn of_part(&self, id: &str, payment: &mut Payment, now: Timestamp) -> Option<Vec<Outgoing>> {
        let (call, (error, retry_after)) = (self.call, self.why());
        Some(match self.outcome {
            Outcome::Refunded => payment.part_refunded(id, call, now),
            Outcome::Failed => payment.part_failed((id, call), error, retry_after, now).into_iter().collect(),
            Outcome::Refused => payment.part_refused(id, call, error, now).into_iter().collect(),
            Outcome::Accepted | Outcome::Open | Outcome::Silent | Outcome::Captured => return None,
        })
    }
}
