//! What the customer must do for the payment, as payment-service reports it.

use common::bounds::Check;
use common::messages::Unreadable;
use common::payments::ActionRequired;

use super::context::RuleContext;
use super::notify::{self, NoticeSubject};
use crate::order::notice::NoticeKind;

/// Records what the customer must do, and notifies them once. A report that is late, repeated, or about a payment of
/// another saga, changes nothing.
pub(crate) fn record(ctx: &mut RuleContext<'_, '_>, report: ActionRequired) -> Result<(), Unreadable> {
    let ActionRequired { order_id, number, action } = report;
    let mut check = Check::default();
    action.iter().for_each(|action| action.check(&mut check));
    check.done().map_err(Unreadable::Malformed)?;
    let known = ctx.edit(order_id, |order, ctx| {
        if !order.awaits_payment() || number <= order.action_number {
            return;
        }
        order.action_number = number;
        if order.action != action {
            order.set_action(action, ctx.now);
            if order.action.is_some() {
                notify::notify(ctx, order, NoticeKind::ActionRequired, NoticeSubject::Order);
            }
        }
    })?;
    if known.is_none() {
        tracing::debug!(%order_id, "the action belongs to no order");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
