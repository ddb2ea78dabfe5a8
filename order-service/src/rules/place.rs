//! Placing an order.

use common::ids;
use common::messages::Unreadable;

use super::context::RuleContext;
use crate::messages::CREATED;
use crate::order::bounds::check_placed;
use crate::order::{self, Order, Placed};

/// Creates a pending order and announces it. A known order stays unchanged and is not announced again.
pub(crate) fn place(ctx: &mut RuleContext<'_, '_>, placed: Placed) -> Result<(), Unreadable> {
    let id = placed.order_id.to_string();
    ctx.tx.check_home("order", &id)?;
    check_placed(&placed).map_err(Unreadable::Malformed)?;
    let key = order::key(placed.order_id);
    if ctx.tx.get(&key).is_some() {
        return Ok(());
    }
    let event_id = ids::derive(&[&ctx.message.id(), "created"]).to_string();
    ctx.announce(&id, CREATED, event_id, &placed);
    ctx.put(key, Order::new(placed));
    Ok(())
}

#[cfg(test)]
mod tests;
