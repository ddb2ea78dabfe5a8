//! Credit notes: one for each completed return, and one for an order that is refunded after it was invoiced, or since
//! its parcel did not arrive. They are numbered without gaps, in a series of their own.

use uuid::Uuid;

use super::context::RuleContext;
use super::series;
use crate::order::Order;
use crate::order::bounds::MOST_CREDIT_NOTES;
use crate::order::parts::{CreditNote, ReturnStatus};

/// Issues the credit note of a return that is complete, once.
pub(super) fn issue_for_return(ctx: &mut RuleContext<'_, '_>, order: &mut Order, id: Uuid) {
    let is_it = |status: ReturnStatus, known: Uuid| known == id && status == ReturnStatus::Returned;
    if let Some(known) = order.returns.iter().find(|known| is_it(known.status, known.id)) {
        let refund = known.refund_minor;
        issue(ctx, order, Some(id), refund);
    }
}

/// Issues the credit note of an order whose payment is refunded, once: over this amount.
pub(super) fn issue_for_order(ctx: &mut RuleContext<'_, '_>, order: &mut Order, amount_minor: i64) {
    issue(ctx, order, None, amount_minor);
}

/// An order without an invoice has nothing to credit.
fn issue(ctx: &mut RuleContext<'_, '_>, order: &mut Order, return_id: Option<Uuid>, amount_minor: i64) {
    let is_known = order.credit_notes.iter().any(|note| note.return_id == return_id);
    if order.invoice.is_none() || is_known || order.credit_notes.len() >= MOST_CREDIT_NOTES {
        return;
    }
    let policy = ctx.policy;
    let number = series::next_number(ctx, &policy.credit_series);
    order.credit_notes.push(CreditNote { number, issued_at: ctx.now, amount_minor, return_id });
    order.updated_at = ctx.now;
}

#[cfg(test)]
mod tests;
