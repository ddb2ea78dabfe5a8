//! An order whose parcel did not arrive, and whose payment was refunded for it.

use common::messages::{Reply, Unreadable};

use super::context::RuleContext;
use super::credit_note;
use super::invoice;
use super::notify::{self, NoticeSubject};
use crate::messages::RecordRefund;
use crate::order::Status;
use crate::order::notice::NoticeKind;

/// The reason of such an order's end.
const NOT_DELIVERED: &str = "not_delivered";

/// Ends a shipped order as refunded, voids its invoice, and issues its credit note, once.
pub(crate) fn record_refund(ctx: &mut RuleContext<'_, '_>, command: RecordRefund) -> Result<(), Unreadable> {
    let RecordRefund { order_id, amount_minor } = command;
    ctx.reply(order_id, |order, ctx| {
        if order.is_underway() {
            return Reply::failed("the saga of the order has not ended", None);
        }
        if order.was_not_delivered() {
            return Reply::done();
        }
        if order.status != Status::Shipped {
            return Reply::refused("not_shipped", format!("the order is {}", order.status));
        }
        let credited = amount_minor.min(order.placed.amount_minor).max(0);
        order.set_status(Status::Refunded, Some(NOT_DELIVERED.to_owned()), ctx.now);
        invoice::void(order, ctx.now);
        credit_note::issue_for_order(ctx, order, credited);
        notify::notify(ctx, order, NoticeKind::NotDelivered, NoticeSubject::Order);
        Reply::done()
    })
}

#[cfg(test)]
mod tests;
