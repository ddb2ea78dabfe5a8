//! Refunds that were made in the provider's own dashboard: each is booked once, at most with what is left. One takes
//! the place of refunds of this service that failed or were dismissed.

use common::time::Timestamp;

use crate::entity::Payment;
use crate::entity::approval::Settling;
use crate::entity::partial_refund::{PartState, PartialRefund};
use crate::messages::{ListedRefund, ListedStatus};
use crate::rules::partial::MOST_PARTS_OF_ALL;
use crate::text::cut;

/// The reason of a refund that was made in the provider's own dashboard.
const EXTERNAL: &str = "made at the provider";

impl Payment {
    /// Books a listed refund of the dashboard, or its new state. If its amount is that of a partial refund that failed
    /// or was dismissed, it takes its place: the operator made that one in the dashboard. Otherwise it takes what is
    /// left, and only then the amounts of such refunds. The provider makes no more than was paid, but a refund of this
    /// service may have taken the rest meanwhile.
    pub(super) fn external_listed(&mut self, listed: &ListedRefund, now: Timestamp) {
        let state = PartState::of_listed(listed, now);
        if self.follow_external(listed, &state, now) {
            return;
        }
        if self.approvals.list.is_empty() {
            self.review.unbooked = true;
            let what = format!("refund {} of the provider's dashboard: booked once it is approved", cut(&listed.id));
            self.history.note_unchanged(now, what);
            return;
        }
        let is_possible = listed.amount_minor > 0 && listed.status != ListedStatus::Failed;
        if !is_possible || !self.book_external(listed, &state, now) {
            let what = format!("refund {} of the provider's dashboard: nothing is left for it", cut(&listed.id));
            self.history.note_unchanged(now, what);
        }
    }

    /// Books a refund of the dashboard that was not listed before. Returns false if nothing is left for it.
    fn book_external(&mut self, listed: &ListedRefund, state: &PartState, now: Timestamp) -> bool {
        let same = self
            .partial_refunds
            .list
            .iter_mut()
            .filter(|part| part.can_be_replaced() && part.amount_minor == listed.amount_minor);
        if let Some(part) = same.min_by_key(|part| !part.is_failed()) {
            part.replace(&listed.id, state);
            let what = replaced(part, &listed.id);
            self.history.note(now, what);
            return true;
        }
        let from_rest = listed.amount_minor.min(self.left_for_external());
        let missing = listed.amount_minor - from_rest;
        let missing_part = self.replace_smaller(listed, state, missing, now);
        let larger = self
            .partial_refunds
            .list
            .iter()
            .position(|part| part.can_be_replaced() && part.amount_minor > missing_part);
        let amount_minor = from_rest + larger.map_or(0, |_| missing_part);
        if amount_minor == 0 {
            return missing_part < missing;
        }
        if self.partial_refunds.counted().count() >= MOST_PARTS_OF_ALL {
            tracing::error!(order_id = %self.order, "the payment has too many refunds: one more is not booked");
            self.history.note_unchanged(now, format!("refund {} is one too many: not booked", cut(&listed.id)));
            return true;
        }
        if let Some(part) = larger.and_then(|index| self.partial_refunds.list.get_mut(index)) {
            part.amount_minor -= missing_part;
            part.replaced_minor += missing_part;
        }
        self.add_external(listed, amount_minor, state, now);
        true
    }

    fn add_external(&mut self, listed: &ListedRefund, amount_minor: i64, state: &PartState, now: Timestamp) {
        let amount = self.money(amount_minor);
        self.history.note(now, format!("{amount} of it refunded in the provider's dashboard ({})", cut(&listed.id)));
        self.partial_refunds.add(PartialRefund {
            reason: Some(EXTERNAL.to_owned()),
            external: true,
            ..PartialRefund::new(listed.id.clone(), amount_minor, now, state.clone())
        });
    }

    /// The amount left for refunds of the dashboard. A pending full refund takes all of it, a failed one nothing.
    fn left_for_external(&self) -> i64 {
        let is_pending = matches!(self.approvals.settling, Settling::Pending { .. });
        let left = self.left_of(0).filter(|_| self.approvals.refunded == 0 && !is_pending);
        left.unwrap_or(0).max(0)
    }

    /// The refund of the dashboard takes the place of failed and dismissed ones, together of at most this amount.
    /// Returns the rest of the amount.
    fn replace_smaller(&mut self, listed: &ListedRefund, state: &PartState, amount_minor: i64, now: Timestamp) -> i64 {
        let mut rest = amount_minor;
        for part in self.partial_refunds.list.iter_mut().filter(|part| part.can_be_replaced()) {
            if part.amount_minor <= rest {
                rest -= part.amount_minor;
                part.replace(&listed.id, state);
                self.history.note(now, replaced(part, &listed.id));
            }
        }
        rest
    }

    /// Returns true if the refund of the dashboard was listed before; the state of those that are booked for it follows
    /// the provider's.
    fn follow_external(&mut self, listed: &ListedRefund, state: &PartState, now: Timestamp) -> bool {
        let mut is_known = false;
        let mut end = None;
        for part in self.partial_refunds.list.iter_mut().filter(|part| part.is_listed_as(&listed.id)) {
            is_known = true;
            if part.state.is_changed_by(listed.status) && part.follows(&listed.id) {
                part.state = state.clone();
                end = Some(if part.is_done() { "is made" } else { "failed" });
            }
        }
        if let Some(end) = end {
            self.history.note(now, format!("refund {} of the provider's dashboard {end}", cut(&listed.id)));
            self.reopen();
        }
        is_known
    }
}

fn replaced(part: &PartialRefund, by: &str) -> String {
    format!("refund {} is replaced by {} of the provider's dashboard", cut(&part.id), cut(by))
}
