//! The ledger postings of a payment, double entry. Pure functions of the payment; the view stores them as rows.

use common::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::entity::Payment;
use crate::entity::review::Dispute;
use crate::entity::status::Status;
use crate::entity::surplus::SurplusCharge;
use crate::messages::DisputeStatus;

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What customers owe: debited by the sale, credited by the payment.
    CustomerReceivable,
    /// What the provider holds for the shop.
    ProviderClearing,
    /// Sales.
    Revenue,
    /// Refunds of sales.
    Refunds,
    /// What banks have taken back until a dispute ends.
    Disputed,
    /// What was lost by disputes.
    DisputeLosses,
}

impl Account {
    /// All accounts.
    pub const ALL: [Self; 6] = [
        Self::CustomerReceivable,
        Self::ProviderClearing,
        Self::Revenue,
        Self::Refunds,
        Self::Disputed,
        Self::DisputeLosses,
    ];

    /// Its name in the API and in the view.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerReceivable => "customer_receivable",
            Self::ProviderClearing => "provider_clearing",
            Self::Revenue => "revenue",
            Self::Refunds => "refunds",
            Self::Disputed => "disputed",
            Self::DisputeLosses => "dispute_losses",
        }
    }
}

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The number of the entry within the payment; the postings of an entry balance.
    pub entry: u32,
    /// The kind of the entry.
    pub what: &'static str,
    /// When it happened; `None` for an approval of an older record.
    pub at: Option<Timestamp>,
    /// The account.
    pub account: Account,
    /// The debit, in minor units.
    pub debit_minor: i64,
    /// The credit, in minor units.
    pub credit_minor: i64,
}

impl Payment {
    /// The captured amount of the `index`-th approval; `None` if the payment was never requested.
    fn captured_of(&self, index: usize) -> Option<i64> {
        let price = self.price()?.amount_minor;
        Some(if index == 0 { self.capture.amount_minor.unwrap_or(price) } else { price })
    }

    /// The amount of the `index`-th approval that is neither refunded in parts nor about to be.
    pub fn left_of(&self, index: usize) -> Option<i64> {
        let parts = if index == 0 { self.partial_minor() } else { 0 };
        self.captured_of(index).map(|captured| captured - parts)
    }

    /// The sum of all partial refunds that are made or under way.
    fn partial_minor(&self) -> i64 {
        self.partial_refunds.counted().map(|part| part.amount_minor).sum()
    }

    /// The amount of a charge beyond the first; `None` if the payment was never requested.
    pub(crate) fn surplus_minor(&self) -> Option<i64> {
        self.price().map(|price| price.amount_minor)
    }

    /// The sum of those charges beyond the first.
    fn surplus_sum(&self, counts: impl Fn(&SurplusCharge) -> bool) -> i64 {
        let charges = self.surplus.0.iter().filter(|charge| counts(charge));
        charges.filter_map(|_| self.surplus_minor()).sum()
    }

    /// The captured amount.
    pub fn captured_minor(&self) -> i64 {
        let approved: i64 = (0..self.approvals.list.len()).filter_map(|index| self.captured_of(index)).sum();
        approved + self.surplus_sum(|_| true)
    }

    /// The refunded amount.
    pub fn refunded_minor(&self) -> i64 {
        let done = self.partial_refunds.list.iter().filter(|part| part.is_done());
        let parts: i64 = done.map(|part| part.amount_minor).sum();
        let surplus = self.surplus_sum(|charge| !charge.is_underway());
        parts + surplus + (0..self.approvals.refunded).filter_map(|index| self.left_of(index)).sum::<i64>()
    }

    /// The amount that can still be refunded in parts.
    pub fn refundable_minor(&self) -> i64 {
        if self.status == Status::Approved { self.left_of(0).unwrap_or(0) } else { 0 }
    }

    /// The payment's postings, oldest first within approvals and refunds.
    pub fn postings(&self) -> Vec<Posting> {
        let mut book = Book { postings: Vec::new(), entry: 0 };
        for (index, approval) in self.approvals.list.iter().enumerate() {
            let Some(amount) = self.captured_of(index) else { continue };
            book.sale(approval.at, amount);
        }
        for part in &self.partial_refunds.list {
            if let Some(at) = part.done_at() {
                book.refund(Some(at), part.amount_minor);
            }
        }
        for (index, approval) in self.approvals.list.iter().enumerate().take(self.approvals.refunded) {
            book.refund(approval.refunded_at, self.left_of(index).unwrap_or(0));
        }
        for charge in &self.surplus.0 {
            let Some(amount) = self.surplus_minor() else { continue };
            book.sale(charge.approval.at, amount);
            if let Some(at) = charge.approval.refunded_at {
                book.refund(Some(at), amount);
            }
        }
        self.disputes.iter().for_each(|dispute| book.dispute(dispute));
        book.postings
    }
}

struct Book {
    postings: Vec<Posting>,
    entry: u32,
}

impl Book {
    fn sale(&mut self, at: Option<Timestamp>, amount: i64) {
        self.entry("sale", at, Account::CustomerReceivable, Account::Revenue, amount);
        self.entry("capture", at, Account::ProviderClearing, Account::CustomerReceivable, amount);
    }

    fn refund(&mut self, at: Option<Timestamp>, amount: i64) {
        self.entry("refund", at, Account::Refunds, Account::CustomerReceivable, amount);
        self.entry("payout", at, Account::CustomerReceivable, Account::ProviderClearing, amount);
    }

    /// An inquiry takes no money. A dispute does, and gives it back if it is won.
    fn dispute(&mut self, dispute: &Dispute) {
        let amount = dispute.amount_minor;
        let closed = dispute.closed_at;
        let taken = match dispute.status {
            DisputeStatus::Inquiry | DisputeStatus::Closed => return,
            DisputeStatus::Open => None,
            DisputeStatus::Won => Some(("dispute_won", Account::ProviderClearing)),
            DisputeStatus::Lost => Some(("dispute_lost", Account::DisputeLosses)),
        };
        self.entry("dispute", Some(dispute.at), Account::Disputed, Account::ProviderClearing, amount);
        if let Some((what, debit)) = taken {
            self.entry(what, closed, debit, Account::Disputed, amount);
        }
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
