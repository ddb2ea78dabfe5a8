//! Invoices: numbered without gaps when an order is confirmed, void when the confirmation is undone.

use common::messages::{Reply, Unreadable};
use common::time::Timestamp;
use serde_json::json;

use super::context::RuleContext;
use crate::messages::{Confirm, Unconfirm};
use crate::order::bounds::cut_payment;
use crate::order::entity::{self, OrderEntity, Series};
use crate::order::parts::{Invoice, InvoiceStatus, Payment};
use crate::order::{Order, Status};

/// Issues the invoice, once. An order with a delivery becomes confirmed; any other order is confirmed by its end.
pub(crate) fn confirm(ctx: &mut RuleContext<'_, '_>, command: Confirm) -> Result<(), Unreadable> {
    ctx.reply(command.order_id, |order, ctx| {
        if order.unconfirmed {
            return Reply::refused("taken_back", "the confirmation was undone");
        }
        if let Some(invoice) = &order.invoice {
            return numbered(&invoice.number);
        }
        if !order.status.is_underway() {
            return Reply::refused("already_ended", format!("the order is {}", order.status));
        }
        let number = next_number(ctx);
        let reply = numbered(&number);
        issue(order, number, command.payment, ctx.now);
        reply
    })
}

fn numbered(number: &str) -> Reply {
    Reply::ok(json!({ "invoiceNumber": number }))
}

fn next_number(ctx: &mut RuleContext<'_, '_>) -> String {
    let series = &ctx.policy.series;
    let partition = ctx.tx.partition();
    let key = entity::series_key(series, partition);
    let last = match ctx.tx.get(&key) {
        Some(OrderEntity::Series(series)) => series.last,
        Some(OrderEntity::Order(_) | OrderEntity::Mailing(_)) | None => 0,
    };
    let number = last.saturating_add(1);
    ctx.tx.put(key, OrderEntity::Series(Series { last: number }));
    format!("{series}{partition}-{number:06}")
}

fn issue(order: &mut Order, number: String, payment: Option<Payment>, now: Timestamp) {
    let is_paid = payment.as_ref().is_some_and(Payment::is_approved);
    let status = if is_paid { InvoiceStatus::Paid } else { InvoiceStatus::Open };
    order.payment = payment.map(cut_payment).or_else(|| order.payment.take());
    order.invoice = Some(Invoice { number, issued_at: now, status, voided_at: None });
    order.updated_at = now;
    if order.placed.delivery.is_some() {
        order.set_status(Status::Confirmed, None, now);
        order.to_be_shipped = true;
    }
}

/// Voids the invoice; an order without an invoice never gets one. A compensation, so it is never refused for a known
/// order.
pub(crate) fn unconfirm(ctx: &mut RuleContext<'_, '_>, command: Unconfirm) -> Result<(), Unreadable> {
    ctx.reply(command.order_id, |order, ctx| {
        if !order.unconfirmed {
            order.unconfirmed = true;
            order.updated_at = ctx.now;
        }
        if let Some(invoice) = order.invoice.as_mut().filter(|invoice| invoice.status != InvoiceStatus::Void) {
            invoice.status = InvoiceStatus::Void;
            invoice.voided_at = Some(ctx.now);
        }
        Reply::done()
    })
}

#[cfg(test)]
mod tests;
