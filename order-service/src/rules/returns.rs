//! Returns: a customer requests one, its own saga carries it out and reports its end.

use std::collections::BTreeMap;

use common::bounds::{TEXT_BYTES, shorten_any};
use common::ids;
use common::messages::{Reply, Unreadable};

use super::context::RuleContext;
use super::credit_note;
use super::notify::{self, NoticeSubject};
use super::returnable;
use crate::messages::{ConcludeReturn, RETURN_REQUESTED, RequestReturn, ReturnRequested};
use crate::order::Status;
use crate::order::bounds::add_return;
use crate::order::notice::NoticeKind;
use crate::order::parts::{Pieces, Return, ReturnStatus};

/// Records a return and announces it, which starts its saga. A return that is not possible is recorded as refused, so
/// that the API can report it.
pub(crate) fn request_return(ctx: &mut RuleContext<'_, '_>, request: RequestReturn) -> Result<(), Unreadable> {
    let RequestReturn { return_id, order_id, items, why, by } = request;
    if items.iter().any(|pieces| pieces.quantity == 0) {
        return Err(Unreadable::Malformed("items.quantity: must be at least 1".to_owned()));
    }
    let items = merged(items);
    ctx.update(order_id, |order, ctx| {
        if order.returns.iter().any(|known| known.id == return_id) {
            return;
        }
        let refund = returnable::refund_for(order, &items, ctx.now, ctx.policy.return_window);
        let mut known = Return {
            id: return_id,
            status: ReturnStatus::Requested,
            items,
            refund_minor: 0,
            why,
            by,
            requested_at: ctx.now,
            ended_at: None,
            outcome_reason: None,
        };
        match refund {
            Ok(refund_minor) => {
                known.refund_minor = refund_minor;
                let id = return_id.to_string();
                let event_id = ids::derive(&["return", &id, "requested"]).to_string();
                let event = ReturnRequested {
                    return_id,
                    order_id,
                    customer_id: order.placed.customer_id,
                    items: known.items.clone(),
                    refund_minor,
                    currency: order.placed.currency.clone(),
                    shipped: order.shipment.is_some(),
                    warehouse: order.placed.warehouse.clone(),
                    why: known.why.clone(),
                    requested_at: ctx.now,
                };
                ctx.announce(&id, RETURN_REQUESTED, event_id, &event);
            }
            Err(refusal) => {
                known.status = ReturnStatus::Refused;
                known.ended_at = Some(ctx.now);
                known.outcome_reason = Some(refusal.code.to_owned());
            }
        }
        add_return(order, known);
        order.updated_at = ctx.now;
    })
}

/// Each item once, with its quantities added up.
pub(crate) fn merged(items: Vec<Pieces>) -> Vec<Pieces> {
    let mut merged: Vec<Pieces> = Vec::new();
    let mut places = BTreeMap::new();
    for Pieces { id, quantity } in items {
        let place = *places.entry(id.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known) => known.quantity = known.quantity.saturating_add(quantity),
            None => merged.push(Pieces { id, quantity }),
        }
    }
    merged
}

/// Ends a return, once. The last piece makes the whole order returned.
pub(crate) fn conclude_return(ctx: &mut RuleContext<'_, '_>, ending: ConcludeReturn) -> Result<(), Unreadable> {
    let kind = match ending.status {
        ReturnStatus::Requested => {
            return Err(Unreadable::Malformed("status: a return cannot end as requested".to_owned()));
        }
        ReturnStatus::Returned => NoticeKind::Returned,
        ReturnStatus::Refused => NoticeKind::ReturnRefused,
    };
    let id = ending.return_id;
    ctx.reply(ending.order_id, |order, ctx| {
        let Some(known) = order.returns.iter_mut().find(|known| known.id == id) else {
            return Reply::refused("unknown_return", format!("the order has no return {id}"));
        };
        if known.status == ending.status {
            return Reply::done();
        }
        if known.status != ReturnStatus::Requested {
            return Reply::refused("already_ended", format!("return {id} ended otherwise"));
        }
        known.status = ending.status;
        known.ended_at = Some(ctx.now);
        known.outcome_reason = ending.reason;
        shorten_any(&mut known.outcome_reason, TEXT_BYTES);
        order.updated_at = ctx.now;
        credit_note::issue_for_return(ctx, order, id);
        if returnable::is_returned(order) {
            order.set_status(Status::Returned, None, ctx.now);
        }
        notify::notify(ctx, order, kind, NoticeSubject::Return(id));
        Reply::done()
    })
}

#[cfg(test)]
mod tests;
