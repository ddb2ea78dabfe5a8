//! What the commands of sagas and operators, and the provider's answers and events, do to their payment.

use common::cases::ConcludeCase;
use common::ids;
use common::messages::{Message, Reply, Unreadable, header};

use super::context::{NO_PAYMENT, RuleContext, no_payment};
use super::partial::{NOT_PAID, PartialRefundRequest, Requester};
use crate::entity::key;
use crate::messages::cases::ResolvePaymentCase;
use crate::messages::{
    CapturePayment, OperatorAction, OperatorCommand, ProviderAnswered, ProviderEvent, RefundPart, RefundPayment,
};
use crate::text::cut;

/// `payment.capture`.
pub(crate) fn capture(ctx: &mut RuleContext<'_, '_>, capture: &CapturePayment) {
    let CapturePayment { order_id, amount_minor } = *capture;
    let waiting = Some(ctx.message.reply_headers());
    let now = ctx.now;
    ctx.update(order_id, |payment| payment.capture(amount_minor, waiting, now));
}

/// `payment.refund`.
pub(crate) fn refund(ctx: &mut RuleContext<'_, '_>, refund: RefundPayment) {
    let RefundPayment { order_id, refund_id, amount_minor, reason } = refund;
    let waiting = Some(ctx.message.reply_headers());
    let now = ctx.now;
    if refund_id.is_none() && amount_minor.is_none() {
        ctx.apply(order_id, |payment| payment.refund(waiting, now));
        return;
    }
    let id = refund_id.map_or_else(|| id_of_step(ctx.message), |id| cut(&id).to_owned());
    let request = PartialRefundRequest { id, amount_minor, reason, by: None, requester: Requester::Caller };
    ctx.update(order_id, |payment| payment.refund_part(request, waiting, now));
}

/// `payment.refund-part`.
///
/// # Errors
/// [`Unreadable::WrongPartition`] if the payment belongs to another partition: the saga of a return has an id of its
/// own, by which the command may be keyed.
pub(crate) fn refund_part(ctx: &mut RuleContext<'_, '_>, part: RefundPart) -> Result<(), Unreadable> {
    let RefundPart { order_id, refund_id, amount_minor, reason } = part;
    ctx.tx.check_home("order", &order_id.to_string())?;
    let id = refund_id.to_string();
    let request = PartialRefundRequest { id, amount_minor, reason, by: None, requester: Requester::SagaStep };
    let waiting = Some(ctx.message.reply_headers());
    let reply = match ctx.tx.update(&key(order_id)) {
        Some(payment) => payment.refund_part(request, waiting, ctx.now),
        None => Some(Reply::refused(NOT_PAID, NO_PAYMENT)),
    };
    ctx.reply(order_id, reply);
    Ok(())
}

/// The id of a refund whose command has none: the same for every attempt of a saga's step.
fn id_of_step(command: &Message) -> String {
    match (command.header(header::SAGA_ID), command.header(header::STEP)) {
        (Some(saga), Some(step)) => ids::derive(&["refund", saga, step]).to_string(),
        _ => command.id(),
    }
}

/// `payment.resolve-case`.
///
/// # Errors
/// [`Unreadable::WrongPartition`] if the payment belongs to another partition.
pub(crate) fn resolve_case(ctx: &mut RuleContext<'_, '_>, command: &ResolvePaymentCase) -> Result<(), Unreadable> {
    ctx.tx.check_home("order", &command.order_id.to_string())?;
    let (reply, messages) = match ctx.tx.update(&key(command.order_id)) {
        Some(payment) => payment.resolve_case(command, ctx.now),
        None => (no_payment(), Vec::new()),
    };
    messages.into_iter().for_each(|message| ctx.tx.send(message));
    ctx.reply(command.order_id, Some(reply));
    Ok(())
}

/// `payment.conclude-case`.
///
/// # Errors
/// As [`resolve_case`].
pub(crate) fn conclude_case(ctx: &mut RuleContext<'_, '_>, command: &ConcludeCase) -> Result<(), Unreadable> {
    ctx.tx.check_home("order", &command.order_id.to_string())?;
    let payment = ctx.tx.update(&key(command.order_id));
    let opened = payment.and_then(|payment| payment.conclude_case(command, ctx.now));
    opened.into_iter().for_each(|message| ctx.tx.send(message));
    ctx.reply(command.order_id, Some(Reply::done()));
    Ok(())
}

/// An operator's request by HTTP. It has no reply: its effect is read from the state.
pub(crate) fn operator(ctx: &mut RuleContext<'_, '_>, command: OperatorCommand) {
    let OperatorCommand { order_id, action } = command;
    let now = ctx.now;
    let Some(payment) = ctx.tx.update(&key(order_id)) else { return };
    match action {
        OperatorAction::Capture { amount_minor } => {
            let _ = payment.capture(amount_minor, None, now);
        }
        OperatorAction::Retry { refund_id, by } => payment.retry_refund(&refund_id, by.as_deref(), now),
        OperatorAction::Dismiss { refund_id, reason, by } => {
            let reply = payment.dismiss_refund(&refund_id, &reason, by.as_deref(), now);
            reply.into_iter().for_each(|reply| ctx.tx.send(reply));
        }
        OperatorAction::Review { by } => payment.review_by_operator(by.as_deref(), now),
        OperatorAction::Refund { refund_id, amount_minor, reason, by } => {
            let id = cut(&refund_id).to_owned();
            let request = PartialRefundRequest { id, amount_minor, reason, by, requester: Requester::Caller };
            let _ = payment.refund_part(request, None, now);
        }
    }
}

/// The provider's answer to a call.
///
/// # Errors
/// [`Unreadable::Malformed`] for an outcome that its operation can't have.
pub(crate) fn provider_answered(ctx: &mut RuleContext<'_, '_>, answer: &ProviderAnswered) -> Result<(), Unreadable> {
    let Some(payment) = ctx.tx.update(&key(answer.order_id)) else { return Ok(()) };
    let replies = payment.provider_answered(answer, ctx.now);
    let replies = replies.map_err(|error| Unreadable::Malformed(error.to_string()))?;
    replies.into_iter().for_each(|reply| ctx.tx.send(reply));
    Ok(())
}

/// An event of the provider, by its webhook.
pub(crate) fn provider_event(ctx: &mut RuleContext<'_, '_>, event: &ProviderEvent) {
    match ctx.tx.update(&key(event.order_id)) {
        Some(payment) => payment.provider_event(event, ctx.now),
        None => {
            tracing::warn!(order_id = %event.order_id, event = cut(&event.event), "there is no such payment: not used")
        }
    }
}
