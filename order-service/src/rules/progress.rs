//! Progress of an order, as its saga reports it.

use common::messages::Unreadable;

use super::context::RuleContext;
use crate::messages::Progress;
use crate::order::bounds::cut_steps;

/// Records the order's status and its saga's steps. A report that comes after the order's end, or after a report of a
/// later status, is ignored.
pub(crate) fn progress(ctx: &mut RuleContext<'_, '_>, report: Progress) -> Result<(), Unreadable> {
    let Progress { order_id, status, steps } = report;
    if !status.is_underway() {
        return Err(Unreadable::Malformed(format!("status: {status} ends an order, use order.conclude")));
    }
    ctx.update(order_id, |order, ctx| {
        if order.is_underway() && order.status < status {
            order.set_status(status, None, ctx.now);
            order.steps = cut_steps(steps);
        }
    })
}

#[cfg(test)]
mod tests;
