//! The cases of a payment: failed refunds and disputes that a person decides about. Each is a saga of its own.

use std::collections::VecDeque;

use common::ids;
use common::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::json::is_zero;
use crate::messages::DisputeStatus;
use crate::messages::cases::CaseAction;

/// The most cases of a payment that are open at once; others are opened when one of these ends.
pub(crate) const MOST_OPEN: usize = 20;
/// The most outcomes that are kept.
pub(crate) const KEPT_OUTCOMES: usize = 20;

/// What a case is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// A refund that failed.
    Refund {
        /// The id of the refund.
        id: String,
        /// How many times it had been made again by then.
        retries: u32,
    },
    /// A dispute that needs an answer.
    Dispute {
        /// The provider's id of the dispute.
        id: String,
        /// Its status: an inquiry that becomes a dispute is another case.
        status: DisputeStatus,
    },
}

/// An open case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its number among the cases of the payment, from 1.
    pub number: u32,
    /// What it is about.
    pub about: Subject,
}

/// What became of a decision: a command that is sent again gets the same reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOutcome {
    /// The number of the case.
    pub number: u32,
    /// Why it was not carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A person's answer to a dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status of the dispute that it answers.
    pub status: DisputeStatus,
    /// The answer.
    pub action: CaseAction,
    /// Who gave it.
    pub by: String,
    /// The reason.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// The cases of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cases {
    /// How many were ever opened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub opened: u32,
    /// The open ones, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Case>,
    /// The outcomes of the last decisions, oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub outcomes: VecDeque<CaseOutcome>,
}

impl Cases {
    /// Adds the next case. Returns its number.
    pub(crate) fn add(&mut self, about: Subject) -> u32 {
        self.opened = self.opened.saturating_add(1);
        self.open.push(Case { number: self.opened, about });
        self.opened
    }

    /// Records the outcome of a decision.
    pub(crate) fn record(&mut self, number: u32, refused: Option<String>) {
        if self.outcomes.len() >= KEPT_OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(CaseOutcome { number, refused });
    }
}

/// The id of a payment's case, and of its saga.
pub fn case_id(payment_id: &str, number: u32) -> Uuid {
    ids::derive(&["payment-case", payment_id, &number.to_string()])
}
