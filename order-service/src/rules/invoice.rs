//! Invoices: numbered without gaps when an order is reserved, paid with its payment, void if it ends otherwise.

use std::time::Duration;

use common::messages::{Reply, Unreadable};
use common::time::Timestamp;
use serde_json::json;

use super::context::RuleContext;
use super::series;
use crate::messages::{Confirm, Unconfirm};
use crate::order::bounds::cut_payment;
use crate::order::parts::{Invoice, InvoiceStatus, Payment};
use crate::order::terms::Terms;
use crate::order::{Order, Status};

/// Records a reported payment. Without a report the known one stays.
pub(super) fn record_payment(order: &mut Order, payment: Option<Payment>) {
    let was_paid = order.was_paid();
    order.payment = payment.map(cut_payment).or_else(|| order.payment.take());
    order.was_paid = was_paid || order.was_paid();
}

/// Issues the invoice of a reserved order, once, and marks it as paid when the payment is approved. An order whose
/// confirmation was undone gets none.
pub(super) fn issue(ctx: &mut RuleContext<'_, '_>, order: &mut Order) {
    let is_paid = order.payment.as_ref().is_some_and(Payment::is_approved);
    let status = if is_paid { InvoiceStatus::Paid } else { InvoiceStatus::Open };
    match &mut order.invoice {
        Some(invoice) if invoice.status == InvoiceStatus::Open && is_paid => invoice.status = status,
        Some(_) => return,
        None if order.unconfirmed => return,
        None => {
            let policy = ctx.policy;
            let number = series::next_number(ctx, &policy.series);
            order.invoice = Some(new(number, status, &policy.terms, ctx.now));
        }
    }
    order.updated_at = ctx.now;
}

/// An invoice that keeps the terms of its issue.
fn new(number: String, status: InvoiceStatus, terms: &Terms, now: Timestamp) -> Invoice {
    let days = Duration::from_secs(u64::from(terms.due_days) * 24 * 3600);
    Invoice {
        number,
        issued_at: now,
        status,
        voided_at: None,
        due_at: Some(now.plus(days)),
        seller: terms.seller.clone(),
        taxes: terms.taxes.clone(),
        prices_exclude_tax: terms.prices_exclude_tax,
        note: terms.note.clone(),
    }
}

/// Voids the invoice, if there is one. Its number is not used again.
pub(super) fn void(order: &mut Order, now: Timestamp) {
    if let Some(invoice) = order.invoice.as_mut().filter(|invoice| invoice.status != InvoiceStatus::Void) {
        invoice.status = InvoiceStatus::Void;
        invoice.voided_at = Some(now);
        order.updated_at = now;
    }
}

/// Issues the invoice of a paid order, for sagas of versions 3 and 4. An order with a delivery becomes confirmed; any
/// other order is confirmed by its end.
pub(crate) fn confirm(ctx: &mut RuleContext<'_, '_>, command: Confirm) -> Result<(), Unreadable> {
    ctx.reply(command.order_id, |order, ctx| {
        if order.unconfirmed {
            return Reply::refused("taken_back", "the confirmation was undone");
        }
        if order.is_underway() {
            record_payment(order, command.payment);
            issue(ctx, order);
            if order.placed.delivery.is_some() && order.status != Status::Confirmed {
                order.set_status(Status::Confirmed, None, ctx.now);
                order.to_be_shipped = true;
            }
        }
        match order.invoice.as_ref().filter(|invoice| invoice.status != InvoiceStatus::Void) {
            Some(invoice) => Reply::ok(json!({ "invoiceNumber": invoice.number })),
            None => Reply::refused("already_ended", format!("the order is {}", order.status)),
        }
    })
}

/// Undoes the confirmation, for sagas of versions 3 and 4: the invoice is void, and an order without one never gets
/// one. A compensation, so it is never refused for a known order.
pub(crate) fn unconfirm(ctx: &mut RuleContext<'_, '_>, command: Unconfirm) -> Result<(), Unreadable> {
    ctx.reply(command.order_id, |order, ctx| {
        if !order.unconfirmed {
            order.unconfirmed = true;
            order.updated_at = ctx.now;
        }
        void(order, ctx.now);
        Reply::done()
    })
}

#[cfg(test)]
mod tests;
