//! Cancelling an order at the customer's request. The order records the request and announces it; its saga decides
//! whether it comes in time.

use common::ids;
use common::messages::Unreadable;

use super::context::RuleContext;
use crate::messages::{CANCEL_REQUESTED, Cancel, CancelRequested};
use crate::order::parts::Cancellation;

/// Records the first request and announces it. Later requests, and requests for an order that has ended, are ignored;
/// the API rejects them.
pub(crate) fn cancel(ctx: &mut RuleContext<'_, '_>, request: Cancel) -> Result<(), Unreadable> {
    let Cancel { order_id, why } = request;
    ctx.update(order_id, |order, ctx| {
        if !order.is_underway() || order.cancellation.is_some() {
            return;
        }
        order.cancellation = Some(Cancellation { requested_at: ctx.now, why: why.clone() });
        order.updated_at = ctx.now;
        let id = order_id.to_string();
        let event_id = ids::derive(&[&id, CANCEL_REQUESTED]).to_string();
        let event = CancelRequested { order_id, by: "customer".to_owned(), why };
        ctx.announce(&id, CANCEL_REQUESTED, event_id, &event);
    })
}

#[cfg(test)]
mod tests;
