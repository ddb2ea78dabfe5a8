//! The cases of parcels that did not arrive: one is open as long as a parcel needs a decision. They are the difference
//! between a shipment and its case, computed after each change of the shipment, so that no rule can forget one.

use common::cases::{CaseSettled, message};
use common::messages::Outgoing;

use super::context::RuleContext;
use crate::entity::shipment::Case;
use crate::entity::{Inventory, Shipment, shipment_key};
use crate::messages::cases::{ParcelUndelivered, SETTLED, UNDELIVERED};

/// Runs a rule of an order's shipment, and opens or settles its case if the rule makes that due. The messages continue
/// the trace of its cause.
pub(crate) fn following<T>(
    ctx: &mut RuleContext<'_, '_>,
    order: &str,
    trace: Option<&str>,
    rule: impl FnOnce(&mut RuleContext<'_, '_>) -> T,
) -> T {
    let key = shipment_key(order);
    let last = |shipment: &Shipment| shipment.resolutions.last().map(|made| made.id.clone());
    let before = ctx.tx.get(&key).and_then(Inventory::shipment).and_then(last);
    let result = rule(ctx);
    let is_due = |shipment: &Shipment| match shipment.case {
        None => shipment.is_to_be_resolved(),
        // What the saga of a case decided does not settle it: the saga ends by itself.
        Some(case) => !case.decided && !shipment.is_to_be_resolved(),
    };
    if ctx.tx.get(&key).and_then(Inventory::shipment).is_some_and(is_due)
        && let Some(Inventory::Shipment(mut shipment)) = ctx.tx.take(&key)
    {
        let message = match shipment.case.take() {
            None => opened(ctx, &mut shipment),
            Some(case) => settled(ctx, &shipment, case, before.as_deref()),
        };
        ctx.tx.send(message.caused_by(trace));
        ctx.tx.put(key, Inventory::Shipment(shipment));
    }
    result
}

/// Opens the next case.
fn opened(ctx: &RuleContext<'_, '_>, shipment: &mut Shipment) -> Outgoing {
    let refused = shipment.last_refusal().map(str::to_owned);
    shipment.cases = shipment.cases.saturating_add(1);
    let number = shipment.cases;
    shipment.case = Some(Case { number, decided: false });
    let case_id = shipment.case_id(number);
    let value = ParcelUndelivered {
        case_id,
        order_id: shipment.order_id.clone(),
        shipment_id: shipment.id(),
        warehouse: shipment.warehouse.clone(),
        number,
        status: shipment.status,
        carrier: shipment.carrier.map(|carrier| carrier.name().to_owned()),
        tracking_number: shipment.tracking_number.clone(),
        refused,
        at: ctx.now,
    };
    message(UNDELIVERED, case_id, ctx.now, &value)
}

/// The parcel needs no decision any more: it was found, or an operator has resolved it. `before` is the last decision
/// before that.
fn settled(ctx: &RuleContext<'_, '_>, shipment: &Shipment, case: Case, before: Option<&str>) -> Outgoing {
    let case_id = shipment.case_id(case.number);
    let made = shipment.resolutions.last().filter(|made| made.refused.is_none() && Some(&*made.id) != before);
    let (by, why) = match made {
        Some(made) => (made.by.clone(), made.why.clone()),
        None => ("the carrier".to_owned(), format!("the shipment is {}", shipment.status.name())),
    };
    let value = CaseSettled { case_id, order_id: shipment.order_id.clone(), by, why };
    message(SETTLED, case_id, ctx.now, &value)
}

#[cfg(test)]
mod tests;
