//! What a payment says of money: captured, given back, and the postings of both, double entry. Functions of the state
//! alone: the view keeps them as rows.

use crate::entity::{Payment, Status};
use common::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What customers owe: charged when the sale is booked, settled by the payment.
    CustomerReceivable,
    /// What the provider holds for us.
    ProviderClearing,
    /// What was sold.
    Revenue,
    /// What was given back of it.
    Refunds,
}

impl Account {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CustomerReceivable, Self::ProviderClearing, Self::Revenue, Self::Refunds];

    /// What the API and the view call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerReceivable => "customer_receivable",
            Self::ProviderClearing => "provider_clearing",
            Self::Revenue => "revenue",
            Self::Refunds => "refunds",
        }
    }
}

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Which entry of the payment; the postings of one balance.
    pub entry: u32,
    /// What is booked.
    pub what: &'static str,
    /// When it happened; an approval of an older record doesn't say it.
    pub at: Option<Timestamp>,
    /// Where it is booked.
    pub account: Account,
    /// On the left side, in minor units.
    pub debit_minor: i64,
    /// On the right side.
    pub credit_minor: i64,
}

impl Payment {
    /// How much was given back in parts, or is about to be.
    pub(crate) fn partial_minor(&self) -> i64 {
        self.partial_refunds.iter().filter(|part| part.counts()).map(|part| part.amount_minor).sum()
    }

    /// How much was captured of the `index`-th approval; none where it was never said how much it is.
    fn captured_of(&self, index: usize) -> Option<i64> {
        let price = self.price.as_ref()?.amount_minor;
        Some(if index == 0 { self.capture_minor.unwrap_or(price) } else { price })
    }

    /// How much of the `index`-th approval is neither given back in parts nor about to be.
    pub(crate) fn left_of(&self, index: usize) -> Option<i64> {
        let parts = if index == 0 { self.partial_minor() } else { 0 };
        self.captured_of(index).map(|captured| captured - parts)
    }

    /// How much was captured in all.
    pub fn captured_minor(&self) -> i64 {
        (0..self.approvals.len()).filter_map(|index| self.captured_of(index)).sum()
    }

    /// How much was given back in all.
    pub fn refunded_minor(&self) -> i64 {
        let parts: i64 = self.partial_refunds.iter().filter(|part| part.is_done()).map(|part| part.amount_minor).sum();
        parts + (0..self.refunds).filter_map(|index| self.left_of(index)).sum::<i64>()
    }

    /// How much may still be given back.
    pub fn refundable_minor(&self) -> i64 {
        if self.status == Status::Approved { self.left_of(0).unwrap_or(0) } else { 0 }
    }

    /// The payment's postings, oldest first within approvals and refunds.
    pub fn postings(&self) -> Vec<Posting> {
        let mut book = Book { postings: Vec::new(), entry: 0 };
        for (index, approval) in self.approvals.iter().enumerate() {
            let Some(amount) = self.captured_of(index) else { continue };
            book.entry("sale", approval.at, Account::CustomerReceivable, Account::Revenue, amount);
            book.entry("capture", approval.at, Account::ProviderClearing, Account::CustomerReceivable, amount);
        }
        for part in &self.partial_refunds {
            if let Some(at) = part.done_at() {
                book.refund(Some(at), part.amount_minor);
            }
        }
        for (index, approval) in self.approvals.iter().enumerate().take(self.refunds) {
            book.refund(approval.refunded_at, self.left_of(index).unwrap_or(0));
        }
        book.postings
    }
}

struct Book {
    postings: Vec<Posting>,
    entry: u32,
}

impl Book {
    fn refund(&mut self, at: Option<Timestamp>, amount: i64) {
        self.entry("refund", at, Account::Refunds, Account::CustomerReceivable, amount);
        self.entry("payout", at, Account::CustomerReceivable, Account::ProviderClearing, amount);
    }

    fn entry(&mut self, what: &'static str, at: Option<Timestamp>, debit: Account, credit: Account, amount: i64) {
        if amount == 0 {
            return;
        }
        let entry = self.entry;
        self.entry += 1;
        let posting =
            |account, debit_minor, credit_minor| Posting { entry, what, at, account, debit_minor, credit_minor };
        self.postings.extend([posting(debit, amount, 0), posting(credit, 0, amount)]);
    }
}
