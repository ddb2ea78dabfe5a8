//! `payment.request`: what can't be paid is refused, and what costs nothing is approved at once.

use common::ids::{self, OrderId};
use common::messages::{MessageMac, Outgoing, Reply};
use common::money::Currency;
use common::payments::PaymentMethod;
use common::sensitive::Sensitive;
use common::topics;

use super::context::RuleContext;
use crate::entity::{Price, Terms, key};
use crate::messages::{PAYMENT_RESULT, PaymentResult, RequestPayment, Verdict};
use crate::provider::call::{Capture, ProviderKind};

/// `payment.request`.
pub(crate) fn request(ctx: &mut RuleContext<'_, '_>, request: RequestPayment) {
    let RequestPayment { order_id, amount_minor, currency, capture, payment_method, payment } = request;
    let method = payment.as_ref().map(|choice| choice.method);
    let known = ctx.tx.get(&key(order_id));
    let is_first = known.is_none();
    let is_new = known.is_none_or(|payment| payment.terms.is_none());
    if is_new && let Some(refusal) = refusal_of(ctx.provider, amount_minor, &currency, method) {
        if let Some(payment) = ctx.tx.update(&key(order_id)) {
            payment.close_early(ctx.now);
        }
        ctx.reply(order_id, Some(refusal));
        return;
    }
    let token = payment.and_then(|choice| choice.token).or(payment_method.map(Sensitive));
    let terms = Terms { price: Price { amount_minor, currency }, capture, method, token };
    if amount_minor == 0 && is_first {
        approve_without_provider(ctx, order_id, terms);
        return;
    }
    let message = ctx.message;
    let now = ctx.now;
    ctx.apply(order_id, |payment| payment.request(terms, message, now));
}

/// Approves a request with nothing to pay, and publishes the result: the provider is not called.
fn approve_without_provider(ctx: &mut RuleContext<'_, '_>, order_id: OrderId, terms: Terms) {
    let mut payment = ctx.new_payment(order_id);
    let order = order_id.to_string();
    let id = ids::derive(&[PAYMENT_RESULT, &order, "nothing to pay"]).to_string();
    let status = match terms.capture {
        Capture::Automatic => Verdict::Approved,
        Capture::Manual => Verdict::Authorized,
    };
    let result = PaymentResult { order_id, status, reason: None, payment_id: Some(payment.id()), reference: None };
    let reply = payment.approve_free(terms, id.clone(), ctx.now);
    let result = Outgoing::event(topics::PAYMENT_RESULTS, &order, PAYMENT_RESULT, id, &order, ctx.now, &result);
    let result = result.caused_by(ctx.message.traceparent());
    ctx.tx.put(key(order_id), payment);
    ctx.reply(order_id, Some(reply));
    ctx.tx.send(MessageMac::mark_with(ctx.mac, result));
}

/// Why this can't be paid; `None` if it can.
fn refusal_of(
    provider: ProviderKind,
    amount_minor: i64,
    currency: &str,
    method: Option<PaymentMethod>,
) -> Option<Reply> {
    if let Err(why) = Currency::parse(currency) {
        return Some(Reply::refused("unknown_currency", &why));
    }
    if amount_minor < 0 {
        return Some(Reply::refused("negative_amount", "the amount must not be below zero"));
    }
    let method = method.filter(|method| amount_minor > 0 && !provider.supports(*method))?;
    let detail = format!("the provider {} takes no payment by {}", provider.name(), method.name());
    Some(Reply::refused("method_not_supported", detail))
}
