//! Progress of an order, as its saga reports it.

use common::messages::Unreadable;

use super::context::RuleContext;
use super::invoice;
use crate::messages::Progress;
use crate::order::Status;
use crate::order::bounds::cut_steps;

/// Records the order's status, its payment and its saga's steps, and issues its invoice: an order of which any status
/// but `cancelling` is reported is reserved. A report that comes after the order's end, after that it is cancelled, or
/// after a report of a later status, is ignored.
pub(crate) fn progress(ctx: &mut RuleContext<'_, '_>, report: Progress) -> Result<(), Unreadable> {
    let Progress { order_id, status, steps, payment } = report;
    let is_confirmed = status == Status::Confirmed;
    if !status.is_underway() && !is_confirmed {
        return Err(Unreadable::Malformed(format!("status: {status} ends an order, use order.conclude")));
    }
    ctx.update(order_id, |order, ctx| {
        if order.status == Status::Cancelling {
            return;
        }
        if status == Status::Cancelling && order.is_underway() {
            order.set_status(status, None, ctx.now);
            order.to_be_shipped = false;
            order.steps = cut_steps(steps);
            return;
        }
        if order.is_underway() && order.status < status {
            order.set_status(status, None, ctx.now);
            order.to_be_shipped = is_confirmed;
            order.steps = cut_steps(steps);
            invoice::record_payment(order, payment);
            invoice::issue(ctx, order);
        }
    })
}

#[cfg(test)]
mod tests;
