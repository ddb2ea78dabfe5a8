//! The end of an order, as its saga reports it.

use common::bounds::{TEXT_BYTES, shorten_any};
use common::messages::{Reply, Unreadable};

use super::context::RuleContext;
use super::credit_note;
use super::invoice;
use super::notify::{self, NoticeSubject};
use crate::messages::Conclude;
use crate::order::bounds::{cut_shipment, cut_steps};
use crate::order::notice::NoticeKind;
use crate::order::parts::Payment;
use crate::order::{Order, Status};

/// Ends the order and settles its invoice, once. The same ending again gets the same reply; another ending is refused.
pub(crate) fn conclude(ctx: &mut RuleContext<'_, '_>, ending: Conclude) -> Result<(), Unreadable> {
    if ending.status.is_underway() {
        return Err(Unreadable::Malformed(format!("status: an order cannot end as {}", ending.status)));
    }
    ctx.reply(ending.order_id, |order, ctx| {
        let known = order.status;
        let last = last_status(&ending);
        if order.is_underway() {
            end(ctx, order, ending, last);
            if let Some(kind) = notice_of(last) {
                notify::notify(ctx, order, kind, NoticeSubject::Order);
            }
            return Reply::done();
        }
        // Earlier releases kept an order as shipped that had no shipment.
        if known == last
            || known == Status::Shipped && ending.status == known
            || known == Status::Returned && last.is_fulfilled()
        {
            return Reply::done();
        }
        Reply::refused("already_ended", format!("the order is {known} and cannot become {last}"))
    })
}

/// The order's last status: a fulfilled order is shipped if it has a shipment, and otherwise confirmed; a cancelled
/// order with a payment is refunded.
fn last_status(ending: &Conclude) -> Status {
    let is_paid = ending.payment.as_ref().is_some_and(Payment::is_approved);
    match ending.status {
        Status::Confirmed | Status::Shipped if ending.shipment.is_some() => Status::Shipped,
        Status::Confirmed | Status::Shipped => Status::Confirmed,
        Status::Cancelled if is_paid => Status::Refunded,
        Status::Pending
        | Status::Reserved
        | Status::AwaitingPayment
        | Status::Paid
        | Status::Cancelling
        | Status::Returned
        | Status::Rejected
        | Status::PaymentNotCompleted
        | Status::Cancelled
        | Status::Refunded => ending.status,
    }
}

fn end(ctx: &mut RuleContext<'_, '_>, order: &mut Order, mut ending: Conclude, last: Status) {
    shorten_any(&mut ending.reason, TEXT_BYTES);
    order.set_status(last, ending.reason, ctx.now);
    order.concluded_at = Some(ctx.now);
    order.to_be_shipped = false;
    order.steps = cut_steps(ending.steps);
    // The shipment of an order that was compensated is cancelled.
    order.shipment = ending.shipment.filter(|_| last == Status::Shipped).map(cut_shipment);
    invoice::record_payment(order, ending.payment);
    if last.is_fulfilled() {
        invoice::issue(ctx, order);
    } else {
        invoice::void(order, ctx.now);
    }
    if last == Status::Refunded {
        let amount_minor = order.placed.amount_minor;
        credit_note::issue_for_order(ctx, order, amount_minor);
    }
}

/// The notice of an ending. A fulfilled order has none: its saga requests the notice in a step of its own.
const fn notice_of(last: Status) -> Option<NoticeKind> {
    match last {
        Status::Rejected => Some(NoticeKind::Rejected),
        Status::PaymentNotCompleted => Some(NoticeKind::NotPaid),
        Status::Cancelled => Some(NoticeKind::Cancelled),
        Status::Refunded => Some(NoticeKind::Refunded),
        Status::Pending
        | Status::Reserved
        | Status::AwaitingPayment
        | Status::Paid
        | Status::Cancelling
        | Status::Confirmed
        | Status::Shipped
        | Status::Returned => None,
    }
}

#[cfg(test)]
mod tests;
