//! The provider's answers: each is one transition of its payment.

use std::time::Duration;

use common::messages::Outgoing;
use common::time::Timestamp;

use super::replies::Failure;
use super::transitions::NextQuery;
use crate::entity::Payment;
use crate::messages::{Operation, Outcome, ProviderAnswered};
use crate::provider::port::Accepted;

/// An outcome that its operation can't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {operation:?} can't have the outcome {outcome:?}")]
pub struct ImpossibleOutcome {
    /// The operation.
    pub operation: Operation,
    /// The outcome.
    pub outcome: Outcome,
}

impl Payment {
    /// Applies an answer, and returns the replies to send.
    ///
    /// # Errors
    /// [`ImpossibleOutcome`]; the payment is unchanged then.
    pub fn provider_answered(
        &mut self,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Vec<Outgoing>, ImpossibleOutcome> {
        let one = |reply: Option<Outgoing>| reply.into_iter().collect();
        match answer.operation {
            Operation::Request => self.request_answered(answer, now).map(one),
            Operation::Result | Operation::Cancel => self.query_answered(answer, now).map(one),
            Operation::Review => self.reviewed(answer, failure(answer), now),
            Operation::Capture => self.capture_answered(answer, now).map(one),
            Operation::Refund => match answer.refund_id.as_deref() {
                Some(id) if self.is_part(id) => self.part_answered(id, answer, now),
                Some(id) if self.is_surplus(id) => {
                    self.surplus_answered(id, answer, failure(answer), now)?;
                    Ok(Vec::new())
                }
                Some(_) | None => self.refund_answered(answer, now).map(one),
            },
        }
    }

    fn request_answered(
        &mut self,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, ImpossibleOutcome> {
        match answer.outcome {
            Outcome::Accepted => {
                let result_after = answer.result_after_ms.map(Duration::from_millis);
                let accepted = Accepted { result_after, reference: answer.reference.clone() };
                Ok(self.accepted(answer.call, accepted, now))
            }
            Outcome::Failed => Ok(self.request_failed(answer.call, failure(answer), now)),
            Outcome::Refused => Ok(self.request_refused(answer.call, failure(answer).error, now)),
            Outcome::Open
            | Outcome::Silent
            | Outcome::Captured
            | Outcome::Refunded
            | Outcome::Pending
            | Outcome::RefundFailed
            | Outcome::Listed => Err(impossible(answer)),
        }
    }

    fn query_answered(
        &mut self,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, ImpossibleOutcome> {
        let later = NextQuery::After(answer.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis));
        let (next, names_action) = match answer.outcome {
            Outcome::Open => (later, true),
            Outcome::Silent => (NextQuery::Never, true),
            Outcome::Failed | Outcome::Refused => (later, false),
            Outcome::Accepted
            | Outcome::Captured
            | Outcome::Refunded
            | Outcome::Pending
            | Outcome::RefundFailed
            | Outcome::Listed => return Err(impossible(answer)),
        };
        let knows_action = names_action && answer.call == self.provider.queries;
        self.still_open(answer.call, next, now);
        if knows_action { Ok(self.action_required(answer.action.as_ref(), now)) } else { Ok(None) }
    }

    fn capture_answered(
        &mut self,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, ImpossibleOutcome> {
        match answer.outcome {
            Outcome::Captured => Ok(self.captured(answer.call, now)),
            Outcome::Failed => Ok(self.capture_failed(answer.call, failure(answer), now)),
            Outcome::Refused => Ok(self.capture_refused(answer.call, failure(answer).error, now)),
            Outcome::Accepted
            | Outcome::Open
            | Outcome::Silent
            | Outcome::Refunded
            | Outcome::Pending
            | Outcome::RefundFailed
            | Outcome::Listed => Err(impossible(answer)),
        }
    }

    fn refund_answered(
        &mut self,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, ImpossibleOutcome> {
        match answer.outcome {
            Outcome::Refunded => Ok(self.refunded(answer.call, now)),
            Outcome::Pending => Ok(self.refund_pending(answer.call, now)),
            Outcome::Failed => Ok(self.refund_failed(answer.call, failure(answer), now)),
            Outcome::Refused => Ok(self.refund_refused(answer.call, failure(answer), now)),
            Outcome::RefundFailed => Ok(self.refund_unmade(answer.call, failure(answer).error, now)),
            Outcome::Accepted | Outcome::Open | Outcome::Silent | Outcome::Captured | Outcome::Listed => {
                Err(impossible(answer))
            }
        }
    }

    fn part_answered(
        &mut self,
        id: &str,
        answer: &ProviderAnswered,
        now: Timestamp,
    ) -> Result<Vec<Outgoing>, ImpossibleOutcome> {
        match answer.outcome {
            Outcome::Refunded => Ok(self.part_refunded(id, answer.call, now)),
            Outcome::Pending => Ok(self.part_pending(id, answer.call, now)),
            Outcome::Failed => Ok(self.part_failed(id, answer.call, failure(answer), now).into_iter().collect()),
            Outcome::Refused => Ok(self.part_refused(id, answer.call, failure(answer).error, now)),
            Outcome::RefundFailed => Ok(self.part_unmade(id, answer.call, failure(answer).error, now)),
            Outcome::Accepted | Outcome::Open | Outcome::Silent | Outcome::Captured | Outcome::Listed => {
                Err(impossible(answer))
            }
        }
    }
}

fn failure(answer: &ProviderAnswered) -> Failure<'_> {
    Failure {
        error: answer.error.as_deref().unwrap_or("the provider gave no reason"),
        retry_after: answer.retry_after_ms.map(Duration::from_millis),
    }
}

pub(super) fn impossible(answer: &ProviderAnswered) -> ImpossibleOutcome {
    ImpossibleOutcome { operation: answer.operation, outcome: answer.outcome }
}
