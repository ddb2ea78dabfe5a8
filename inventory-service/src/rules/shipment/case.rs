//! The commands of a case's saga: carry out the decision, withdraw it, and end the case.

use common::bounds::{TEXT_BYTES, cut};
use common::cases::ConcludeCase;
use common::messages::Reply;
use uuid::Uuid;

use super::resolve::{Decision, carry_out, record};
use crate::entity::shipment::{Case, Resolution};
use crate::entity::{Inventory, Shipment, shipment_key};
use crate::messages::ResolveAction;
use crate::messages::cases::{ReopenCase, ResolveCase};
use crate::rules::context::RuleContext;

/// Why a decision that was withdrawn is not carried out.
const WITHDRAWN: &str = "it was withdrawn";

/// Carries out the decision about the open case, once. A repeated command gets the same reply.
pub(crate) fn resolve_case(ctx: &mut RuleContext<'_, '_>, command: ResolveCase) -> Reply {
    let ResolveCase { order_id, case_id, action, by, why } = command;
    let key = shipment_key(&order_id.to_string());
    let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) else { return unknown() };
    if known.decision_of(case_id).is_none() && known.open_case() == Some(case_id) {
        carry_out(ctx, &mut known, Decision { id: case_id.to_string(), action, by, why });
        if known.decision_of(case_id).is_some_and(|made| made.refused.is_none()) {
            known.case = known.case.map(|case| Case { decided: true, ..case });
        }
    }
    let reply = reply_of(&mut known, case_id);
    ctx.tx.put(key, Inventory::Shipment(known));
    reply
}

fn reply_of(shipment: &mut Shipment, case: Uuid) -> Reply {
    match shipment.decision_of(case) {
        None => Reply::refused("case_not_open", "the case is not open: the shipment was resolved otherwise"),
        Some(Resolution { refused: Some(why), .. }) => Reply::refused("not_resolvable", why.clone()),
        Some(Resolution { refused: None, .. }) => Reply::done(),
    }
}

fn unknown() -> Reply {
    Reply::refused("unknown_shipment", "the order has no shipment")
}

/// Withdraws the decision to send no other parcel, so that the shipment can be resolved again. If the decision was not
/// carried out yet, it never is. A parcel that was sent stays sent.
pub(crate) fn reopen_case(ctx: &mut RuleContext<'_, '_>, command: ReopenCase) -> Reply {
    let ReopenCase { order_id, case_id } = command;
    let key = shipment_key(&order_id.to_string());
    let Some(Inventory::Shipment(mut known)) = ctx.tx.take(&key) else { return Reply::done() };
    let is_open = known.open_case() == Some(case_id);
    let reply = match known.decision_of(case_id) {
        Some(Resolution { action: ResolveAction::Resend, refused: None, .. }) => {
            Reply::refused("already_sent", "another parcel was sent")
        }
        Some(made) => {
            made.refused.get_or_insert_with(|| WITHDRAWN.to_owned());
            Reply::done()
        }
        None => {
            if is_open {
                let made = Resolution {
                    id: case_id.to_string(),
                    action: ResolveAction::Close,
                    by: "the case's saga".to_owned(),
                    why: WITHDRAWN.to_owned(),
                    at: ctx.now,
                    refused: Some(WITHDRAWN.to_owned()),
                    from_stock: false,
                };
                record(&mut known, made);
            }
            Reply::done()
        }
    };
    ctx.tx.put(key, Inventory::Shipment(known));
    reply
}

/// Ends the open case. If the parcel still needs a decision, the next case is opened, with the reason. A case that was
/// not decided in time stays open until the parcel needs no decision.
pub(crate) fn conclude_case(ctx: &mut RuleContext<'_, '_>, command: ConcludeCase) -> Reply {
    let is_not_decided = command.is_not_decided();
    let ConcludeCase { order_id, case_id, reason, .. } = command;
    if let Some(Inventory::Shipment(shipment)) = ctx.tx.update(&shipment_key(&order_id.to_string()))
        && shipment.open_case() == Some(case_id)
        && !is_not_decided
    {
        if let Some(reason) = reason
            && let Some(made) = shipment.decision_of(case_id)
            && made.refused.as_deref() == Some(WITHDRAWN)
        {
            made.refused = Some(cut(&format!("{WITHDRAWN}: {reason}"), TEXT_BYTES).into_owned());
        }
        shipment.case = None;
    }
    Reply::done()
}
