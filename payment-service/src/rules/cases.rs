//! The cases of a payment: a failed refund, or a dispute, that needs a person's decision has one open case. They are
//! the difference between a payment and its cases, computed after each change of it, so that no rule can forget one.

use common::cases::{CaseSettled, ConcludeCase, message};
use common::journal::{Key, Transaction};
use common::messages::{Outgoing, Reply};
use common::time::Timestamp;
use uuid::Uuid;

use crate::entity::Payment;
use crate::entity::approval::Settling;
use crate::entity::cases::{Answer, Case, MOST_OPEN, Subject, case_id};
use crate::entity::review::Dispute;
use crate::messages::cases::{
    CaseAction, DISPUTE_OPENED, DISPUTE_SETTLED, DisputeOpened, REFUND_FAILED, REFUND_SETTLED, RefundFailed,
    ResolvePaymentCase,
};
use crate::provider::call::Refund;
use crate::text::cut;

/// The sender of settled cases.
const SELF: &str = "payment-service";

/// Opens the cases that a payment needs, and settles those that it does not need any more.
pub(crate) fn follow_cases(tx: &mut Transaction<'_, Payment>, key: &Key, now: Timestamp) {
    if tx.get(key).is_some_and(Payment::has_due_cases)
        && let Some(payment) = tx.update(key)
    {
        let messages = payment.follow_cases(now);
        messages.into_iter().for_each(|message| tx.send(message));
    }
}

impl Payment {
    /// The open case of a failed refund. [`Refund::WHOLE`] is a full one.
    pub fn case_of_refund(&self, refund: &str) -> Option<Uuid> {
        self.case_about(|about| matches!(about, Subject::Refund { id, .. } if id == refund))
    }

    /// The open case of a dispute.
    pub fn case_of_dispute(&self, dispute: &str) -> Option<Uuid> {
        self.case_about(|about| matches!(about, Subject::Dispute { id, .. } if id == dispute))
    }

    fn case_about(&self, is_meant: impl Fn(&Subject) -> bool) -> Option<Uuid> {
        let case = self.cases.open.iter().find(|case| is_meant(&case.about))?;
        Some(self.case_id(case.number))
    }

    fn case_id(&self, number: u32) -> Uuid {
        case_id(&self.id(), number)
    }

    /// Takes the open case with this id.
    fn take_case(&mut self, id: Uuid) -> Option<Case> {
        let index = self.cases.open.iter().position(|case| self.case_id(case.number) == id)?;
        Some(self.cases.open.remove(index))
    }

    /// Returns true if a case is to be opened or settled.
    pub fn has_due_cases(&self) -> bool {
        let undecided = self.undecided();
        let is_settled = |case: &Case| !undecided.contains(&case.about);
        self.next_case(&undecided).is_some() || self.cases.open.iter().any(is_settled)
    }

    /// Settles the cases that need no decision any more, and opens those that need one. Returns their messages.
    pub fn follow_cases(&mut self, now: Timestamp) -> Vec<Outgoing> {
        let undecided = self.undecided();
        let (open, settled) = self.cases.open.drain(..).partition(|case| undecided.contains(&case.about));
        self.cases.open = open;
        let settled: Vec<Case> = settled;
        let mut messages: Vec<Outgoing> = settled.iter().map(|case| self.settled(case, now)).collect();
        while let Some(about) = self.next_case(&undecided).cloned() {
            messages.push(self.open_case(about, None, now));
        }
        messages
    }

    /// `payment.resolve-case`: carries out the decision about an open case, once. A repeated command gets the same
    /// reply. A case whose decision can't be carried out is followed by another one. Returns the other messages too.
    pub fn resolve_case(&mut self, command: &ResolvePaymentCase, now: Timestamp) -> (Reply, Vec<Outgoing>) {
        let mut messages = Vec::new();
        if let Some(case) = self.take_case(command.case_id) {
            let refused = match self.carry_out(&case.about, command, now) {
                Ok(sent) => {
                    messages.extend(sent);
                    None
                }
                Err(why) => {
                    messages.push(self.open_case(case.about, Some(&why), now));
                    Some(why)
                }
            };
            self.cases.record(case.number, refused);
        }
        let outcome = self.cases.outcomes.iter().find(|known| self.case_id(known.number) == command.case_id);
        let reply = match outcome.map(|outcome| outcome.refused.as_deref()) {
            None => {
                let ResolvePaymentCase { action, by, .. } = command;
                let what = format!("the decision {} of {} came too late: not carried out", cut(action), cut(by));
                tracing::warn!(order_id = %self.order, "{what}");
                self.history.note_unchanged(now, what);
                Reply::refused("case_not_open", "the case is not open: it was settled otherwise")
            }
            Some(Some(why)) => Reply::refused("not_resolvable", why),
            Some(None) => Reply::done(),
        };
        (reply, messages)
    }

    /// `payment.conclude-case`: the saga of a case has ended. If it was not resolved, the next case is opened, with the
    /// reason; one that was not decided in time stays open until it is settled.
    pub fn conclude_case(&mut self, command: &ConcludeCase, now: Timestamp) -> Option<Outgoing> {
        if command.is_not_decided() {
            return None;
        }
        let case = self.take_case(command.case_id)?;
        let reason = command.reason.as_deref().unwrap_or(&command.status);
        Some(self.open_case(case.about, Some(reason), now))
    }

    /// What needs a person's decision.
    fn undecided(&self) -> Vec<Subject> {
        let whole = matches!(self.approvals.settling, Settling::Failed { .. });
        let whole = whole.then(|| Subject::Refund { id: Refund::WHOLE.to_owned(), retries: self.approvals.retries });
        let parts = self.partial_refunds.failed();
        let parts = parts.map(|part| Subject::Refund { id: part.id.clone(), retries: part.retries });
        let disputes = self.disputes.iter().filter(|dispute| dispute.needs_answer());
        let disputes = disputes.map(|dispute| Subject::Dispute { id: dispute.id.clone(), status: dispute.status });
        whole.into_iter().chain(parts).chain(disputes).collect()
    }

    /// The first that has no case yet, unless too many are open.
    fn next_case<'a>(&self, undecided: &'a [Subject]) -> Option<&'a Subject> {
        if self.cases.open.len() >= MOST_OPEN {
            return None;
        }
        undecided.iter().find(|about| self.cases.open.iter().all(|case| case.about != **about))
    }

    /// Opens the next case. `refused` is why the decision about the case before was not carried out.
    fn open_case(&mut self, about: Subject, refused: Option<&str>, now: Timestamp) -> Outgoing {
        let number = self.cases.add(about.clone());
        let case_id = self.case_id(number);
        let refused = refused.map(|why| cut(why).to_owned());
        let opened = match about {
            Subject::Refund { id, .. } => self.refund_case(id, Opened { case_id, number, refused }, now),
            Subject::Dispute { id, status } => {
                let dispute = self.disputes.iter().find(|dispute| dispute.id == id);
                let value = DisputeOpened {
                    case_id,
                    order_id: self.order,
                    payment_id: self.id(),
                    dispute_id: id,
                    status,
                    answer_by: dispute.and_then(|dispute| dispute.answer_by),
                    amount_minor: dispute.map_or(0, |dispute| dispute.amount_minor),
                    currency: self.currency(),
                    provider: self.provider.kind,
                    reason: dispute.and_then(|dispute| dispute.reason.clone()),
                    number,
                    refused,
                    at: now,
                };
                message(DISPUTE_OPENED, case_id, now, &value)
            }
        };
        opened.caused_by(self.trace.as_deref())
    }

    /// The event of a failed refund.
    fn refund_case(&self, refund_id: String, opened: Opened, now: Timestamp) -> Outgoing {
        let part = self.partial_refunds.failed().find(|part| part.id == refund_id);
        let (amount_minor, reason) = match (part, &self.approvals.settling) {
            (Some(part), _) => (part.amount_minor, part.failure()),
            (None, Settling::Failed { detail, .. }) => {
                (self.left_of(self.approvals.refunded).unwrap_or(0), Some(detail.as_str()))
            }
            (None, Settling::None | Settling::Pending { .. }) => (0, None),
        };
        let Opened { case_id, number, refused } = opened;
        let value = RefundFailed {
            case_id,
            order_id: self.order,
            payment_id: self.id(),
            refund_id,
            amount_minor,
            currency: self.currency(),
            provider: self.provider.kind,
            reason: reason.unwrap_or_default().to_owned(),
            number,
            refused,
            at: now,
        };
        message(REFUND_FAILED, case_id, now, &value)
    }

    /// The event of a case that needs no decision any more.
    fn settled(&self, case: &Case, now: Timestamp) -> Outgoing {
        let case_id = self.case_id(case.number);
        let (kind, why) = match &case.about {
            Subject::Refund { id, .. } => {
                (REFUND_SETTLED, format!("refund {} was made again, or settled otherwise", cut(id)))
            }
            Subject::Dispute { id, .. } => {
                let dispute = self.disputes.iter().find(|dispute| dispute.id == *id);
                let status = dispute.map_or("unknown", Dispute::state);
                (DISPUTE_SETTLED, format!("dispute {} is {status}", cut(id)))
            }
        };
        let value = CaseSettled { case_id, order_id: self.order.to_string(), by: SELF.to_owned(), why };
        message(kind, case_id, now, &value).caused_by(self.trace.as_deref())
    }

    /// Carries out a decision. Returns the messages to send.
    ///
    /// # Errors
    /// Why it can't be carried out.
    fn carry_out(
        &mut self,
        about: &Subject,
        command: &ResolvePaymentCase,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, String> {
        let ResolvePaymentCase { action, by, why, .. } = command;
        let Some(action) = CaseAction::of(action) else {
            return Err(format!("there is no decision {:?}", cut(action)));
        };
        match (about, action) {
            (Subject::Refund { id, .. }, CaseAction::Retry) => {
                self.retry_refund(id, Some(by), now);
                Ok(None)
            }
            (Subject::Refund { id, .. }, CaseAction::Dismiss) if self.can_dismiss(id) => {
                Ok(self.dismiss_refund(id, why, Some(by), now))
            }
            (Subject::Refund { .. }, CaseAction::Dismiss) => {
                Err("it can't be dismissed: its amount is that of a further charge, or unknown".to_owned())
            }
            (Subject::Dispute { id, .. }, CaseAction::Contest | CaseAction::Accept) => {
                self.answer_dispute(id, action, command, now);
                Ok(None)
            }
            (Subject::Refund { .. }, CaseAction::Contest | CaseAction::Accept) => {
                Err(format!("{} is no decision about a refund", action.name()))
            }
            (Subject::Dispute { .. }, CaseAction::Retry | CaseAction::Dismiss) => {
                Err(format!("{} is no decision about a dispute", action.name()))
            }
        }
    }

    fn answer_dispute(&mut self, id: &str, action: CaseAction, command: &ResolvePaymentCase, now: Timestamp) {
        let ResolvePaymentCase { by, why, .. } = command;
        let is_meant = |dispute: &&mut Dispute| dispute.id == id;
        let Some(dispute) = self.disputes.iter_mut().find(is_meant) else { return };
        let by = cut(by).to_owned();
        let why = cut(why).to_owned();
        let done = if action == CaseAction::Accept { "accepted" } else { "contested" };
        let what = format!("dispute {} is {done} by {by}", cut(id));
        dispute.answer = Some(Answer { status: dispute.status, action, by, why, at: now });
        self.history.note(now, what);
    }

    fn currency(&self) -> Option<String> {
        self.price().map(|price| price.currency.clone())
    }
}

/// What is the same of all cases.
struct Opened {
    case_id: Uuid,
    number: u32,
    refused: Option<String>,
}
