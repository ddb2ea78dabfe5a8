//! Dispatches messages and timers to the rules, and sends their replies.

mod cases;
mod reply;

use common::ids::{self, OrderId};
use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, MessageMac, Origin, Outgoing, Reply, Unreadable, header};
use common::money::Currency;
use common::payments::PaymentMethod;
use common::sensitive::Sensitive;
use common::time::Timestamp;
use common::topics;

use self::cases::{conclude_case, follow_cases, resolve_case};
use self::reply::{NO_PAYMENT, no_payment, reply};
use crate::entity::approval::MOST_APPROVALS;
use crate::entity::{Payment, Price, Terms, key};
use crate::messages::{
    CapturePayment, Command, OperatorAction, OperatorCommand, PAYMENT_RESULT, PaymentResult, ProviderAnswered,
    ProviderEvent, RefundPart, RefundPayment, RequestPayment, Verdict,
};
use crate::provider::call::{Capture, ProviderCall, ProviderKind};
use crate::rules::events::Milestones;
use crate::rules::partial::{NOT_PAID, PartialRefundRequest, Requester};
use crate::text::cut;

/// The payment service's handler.
pub struct Payments {
    /// The provider of new payments.
    pub provider: ProviderKind,
    /// Recognizes the results that this service wrote; `None` if results are not marked.
    pub mac: Option<MessageMac>,
    /// Whether changes are published as events.
    pub events: bool,
}

/// The payment that a decision changes, and the id of the message or the timer that causes it.
struct EventSubject {
    key: Key,
    cause: String,
}

/// How a message on `payment-results` is treated.
enum Standing<'m> {
    /// As the result.
    Result,
    /// As a hint: the provider is asked.
    Hint,
    /// It is sent again with this service's mark, and is the result then.
    ToBeMarked(&'m MessageMac),
}

impl Handler for Payments {
    type Entity = Payment;
    type SideEffect = ProviderCall;

    fn decide(
        &self,
        tx: &mut Transaction<'_, Payment>,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Claimed => Ok(()),
            Trigger::Timer(key) => {
                let subject = |_: &Transaction<'_, Payment>| {
                    Some(EventSubject { key: key.clone(), cause: format!("{key}/{now}") })
                };
                self.publish(tx, subject, now, |tx| {
                    wake(tx, key, now);
                    follow_cases(tx, key, now);
                    Ok(())
                })
            }
            Trigger::Message(message) => {
                let command = Command::parse(message)?;
                let order = command.order_id();
                let is_result = matches!(command, Command::Result(_));
                let subject = |tx: &Transaction<'_, Payment>| {
                    // A result on another partition is only moved.
                    let is_moved = is_result && tx.home_of(&order.to_string()) != tx.partition();
                    (!is_moved).then(|| EventSubject { key: key(order), cause: message.id() })
                };
                self.publish(tx, subject, now, |tx| {
                    self.apply_command(tx, message, command, now)?;
                    follow_cases(tx, &key(order), now);
                    Ok(())
                })
            }
        }
    }

    fn intents(&self, _key: &Key, payment: &Payment) -> Vec<Intent<ProviderCall>> {
        payment.intents()
    }
}

impl Payments {
    /// Applies a rule, and sends the events of its changes of the subject. Without events the subject is not computed.
    fn publish(
        &self,
        tx: &mut Transaction<'_, Payment>,
        subject: impl FnOnce(&Transaction<'_, Payment>) -> Option<EventSubject>,
        now: Timestamp,
        rule: impl FnOnce(&mut Transaction<'_, Payment>) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if !self.events {
            return rule(tx);
        }
        let Some(EventSubject { key, cause }) = subject(tx) else { return rule(tx) };
        let before = Milestones::of(tx.get(&key));
        rule(tx)?;
        let changes = tx.get(&key).map(|payment| before.changes(payment, &cause, now));
        changes.into_iter().flatten().for_each(|event| tx.send(event));
        Ok(())
    }

    fn apply_command(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        command: Command,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        match command {
            Command::Result(result) => return self.result(tx, message, result, now),
            Command::RefundPart(part) => return refund_part(tx, message, part, now),
            Command::ResolveCase(command) => return resolve_case(tx, message, &command, now),
            Command::ConcludeCase(command) => return conclude_case(tx, message, &command, now),
            Command::ProviderAnswered(answer) => return provider_answered(tx, &answer, now),
            Command::Request(request) => self.request(tx, message, request, now),
            Command::Capture(capture) => capture_payment(tx, message, &capture, now),
            Command::Refund(refund) => self.refund(tx, message, refund, now),
            Command::Operator(command) => operator(tx, command, now),
            Command::ProviderEvent(event) => provider_event(tx, &event, now),
        }
        Ok(())
    }

    fn new_payment(&self, order: OrderId, message: &Message) -> Payment {
        Payment::new(order, self.provider, message.traceparent())
    }

    /// Decides how a result of a payment with this provider is treated.
    fn standing(&self, message: &Message, provider: ProviderKind) -> Standing<'_> {
        match &self.mac {
            Some(mac) if mac.verify(message) == Origin::Verified => Standing::Result,
            Some(_) | None if provider.is_authority() => Standing::Hint,
            Some(mac) => Standing::ToBeMarked(mac),
            None => Standing::Result,
        }
    }

    /// Applies a result, puts it back on the partition of its order, or requests the status from the provider.
    ///
    /// # Errors
    /// [`Unreadable::Malformed`] for a result of a payment that has too many approvals.
    fn result(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        result: PaymentResult,
        now: Timestamp,
    ) -> Result<(), Unreadable> {
        let order = result.order_id.to_string();
        let home = tx.home_of(&order);
        if home != tx.partition() {
            tx.send(Outgoing::put_back(message, &order, home));
            return Ok(());
        }
        let key = key(result.order_id);
        let known = tx.get(&key);
        let provider = known.map_or(self.provider, |payment| payment.provider.kind);
        match self.standing(message, provider) {
            Standing::Result => {
                if known.is_some_and(|payment| payment.exceeds_approvals(&result, &message.id())) {
                    let limit = format!("has {MOST_APPROVALS} approvals: none is taken before they are refunded");
                    return Err(Unreadable::Malformed(format!("payment of {order} {limit}")));
                }
                let mut payment = tx.take(&key).unwrap_or_else(|| self.new_payment(result.order_id, message));
                let reply = payment.result(result, message.id(), now);
                tx.put(key, payment);
                reply.into_iter().for_each(|reply| tx.send(reply));
            }
            // A payment that is not known yet is queried once it is requested.
            Standing::Hint => {
                if let Some(payment) = tx.update(&key) {
                    payment.hinted(&format!("a message reports it {}", result.status.name()), now);
                }
            }
            Standing::ToBeMarked(mac) => {
                let mut marked = Outgoing::put_back(message, &order, home);
                marked.headers.set(header::ID, ids::derive(&[&message.id(), "marked"]).to_string());
                tx.send(mac.mark(marked));
            }
        }
        Ok(())
    }

    fn request(&self, tx: &mut Transaction<'_, Payment>, message: &Message, request: RequestPayment, now: Timestamp) {
        let RequestPayment { order_id, amount_minor, currency, capture, payment_method, payment } = request;
        let method = payment.as_ref().map(|choice| choice.method);
        let is_new = tx.get(&key(order_id)).is_none_or(|payment| payment.terms.is_none());
        if is_new && let Some(refusal) = self.refusal_of(amount_minor, &currency, method) {
            if let Some(payment) = tx.update(&key(order_id)) {
                payment.close_early(now);
            }
            reply(tx, message, order_id, Some(refusal), now);
            return;
        }
        let token = payment.and_then(|choice| choice.token).or(payment_method.map(Sensitive));
        let terms = Terms { price: Price { amount_minor, currency }, capture, method, token };
        if amount_minor == 0 && tx.get(&key(order_id)).is_none() {
            self.approve_without_provider(tx, message, order_id, terms, now);
            return;
        }
        self.apply(tx, message, order_id, now, |payment| payment.request(terms, message, now));
    }

    /// Approves a request with nothing to pay, and publishes the result: the provider is not called.
    fn approve_without_provider(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        order_id: OrderId,
        terms: Terms,
        now: Timestamp,
    ) {
        let mut payment = self.new_payment(order_id, message);
        let order = order_id.to_string();
        let id = ids::derive(&[PAYMENT_RESULT, &order, "nothing to pay"]).to_string();
        let status = match terms.capture {
            Capture::Automatic => Verdict::Approved,
            Capture::Manual => Verdict::Authorized,
        };
        let result = PaymentResult { order_id, status, reason: None, payment_id: Some(payment.id()), reference: None };
        let answer = payment.approve_free(terms, id.clone(), now);
        let result = Outgoing::event(topics::PAYMENT_RESULTS, &order, PAYMENT_RESULT, id, &order, now, &result);
        let result = result.caused_by(message.traceparent());
        tx.put(key(order_id), payment);
        reply(tx, message, order_id, Some(answer), now);
        tx.send(MessageMac::mark_with(self.mac.as_ref(), result));
    }

    /// Why this can't be paid; `None` if it can.
    fn refusal_of(&self, amount_minor: i64, currency: &str, method: Option<PaymentMethod>) -> Option<Reply> {
        if let Err(why) = Currency::parse(currency) {
            return Some(Reply::refused("unknown_currency", &why));
        }
        if amount_minor < 0 {
            return Some(Reply::refused("negative_amount", "the amount must not be below zero"));
        }
        let provider = self.provider;
        let method = method.filter(|method| amount_minor > 0 && !provider.supports(*method))?;
        let detail = format!("the provider {} takes no payment by {}", provider.name(), method.name());
        Some(Reply::refused("method_not_supported", detail))
    }

    fn refund(&self, tx: &mut Transaction<'_, Payment>, message: &Message, refund: RefundPayment, now: Timestamp) {
        let RefundPayment { order_id, refund_id, amount_minor, reason } = refund;
        let waiting = Some(message.reply_headers());
        if refund_id.is_none() && amount_minor.is_none() {
            self.apply(tx, message, order_id, now, |payment| payment.refund(waiting, now));
            return;
        }
        let id = refund_id.map_or_else(|| id_of_step(message), |id| cut(&id).to_owned());
        let request = PartialRefundRequest { id, amount_minor, reason, by: None, requester: Requester::Caller };
        let refunded = tx.update(&key(order_id)).map(|payment| payment.refund_part(request, waiting, now));
        reply(tx, message, order_id, refunded.unwrap_or_else(|| Some(no_payment())), now);
    }

    /// Applies a command that may be the first message about a payment.
    fn apply(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        order: OrderId,
        now: Timestamp,
        rule: impl FnOnce(&mut Payment) -> Option<Reply>,
    ) {
        let key = key(order);
        let mut payment = tx.take(&key).unwrap_or_else(|| self.new_payment(order, message));
        let outcome = rule(&mut payment);
        tx.put(key, payment);
        reply(tx, message, order, outcome, now);
    }
}

/// Wakes a payment, or removes it when it is no longer needed.
fn wake(tx: &mut Transaction<'_, Payment>, key: &Key, now: Timestamp) {
    if let Some(mut payment) = tx.take(key)
        && payment.wake(now)
    {
        tx.put(key.clone(), payment);
    }
}

fn capture_payment(tx: &mut Transaction<'_, Payment>, message: &Message, capture: &CapturePayment, now: Timestamp) {
    let CapturePayment { order_id, amount_minor } = *capture;
    let waiting = Some(message.reply_headers());
    let captured = tx.update(&key(order_id)).map(|payment| payment.capture(amount_minor, waiting, now));
    reply(tx, message, order_id, captured.unwrap_or_else(|| Some(no_payment())), now);
}

fn refund_part(
    tx: &mut Transaction<'_, Payment>,
    message: &Message,
    part: RefundPart,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let RefundPart { order_id, refund_id, amount_minor, reason } = part;
    // The saga of a return has an id of its own; keyed by it, the command would be on another partition than the
    // payment.
    tx.check_home("order", &order_id.to_string())?;
    let request = PartialRefundRequest {
        id: refund_id.to_string(),
        amount_minor,
        reason,
        by: None,
        requester: Requester::SagaStep,
    };
    let waiting = Some(message.reply_headers());
    let outcome = match tx.update(&key(order_id)) {
        Some(payment) => payment.refund_part(request, waiting, now),
        None => Some(Reply::refused(NOT_PAID, NO_PAYMENT)),
    };
    reply(tx, message, order_id, outcome, now);
    Ok(())
}

fn operator(tx: &mut Transaction<'_, Payment>, command: OperatorCommand, now: Timestamp) {
    let OperatorCommand { order_id, action } = command;
    let Some(payment) = tx.update(&key(order_id)) else { return };
    // A request by HTTP has no reply: its effect is read from the state.
    match action {
        OperatorAction::Capture { amount_minor } => {
            let _ = payment.capture(amount_minor, None, now);
        }
        OperatorAction::Retry { refund_id, by } => payment.retry_refund(&refund_id, by.as_deref(), now),
        OperatorAction::Dismiss { refund_id, reason, by } => {
            let reply = payment.dismiss_refund(&refund_id, &reason, by.as_deref(), now);
            reply.into_iter().for_each(|reply| tx.send(reply));
        }
        OperatorAction::Review { by } => payment.review_by_operator(by.as_deref(), now),
        OperatorAction::Refund { refund_id, amount_minor, reason, by } => {
            let id = cut(&refund_id).to_owned();
            let request = PartialRefundRequest { id, amount_minor, reason, by, requester: Requester::Caller };
            let _ = payment.refund_part(request, None, now);
        }
    }
}

fn provider_answered(
    tx: &mut Transaction<'_, Payment>,
    answer: &ProviderAnswered,
    now: Timestamp,
) -> Result<(), Unreadable> {
    let Some(payment) = tx.update(&key(answer.order_id)) else { return Ok(()) };
    let replies = payment.provider_answered(answer, now).map_err(|error| Unreadable::Malformed(error.to_string()))?;
    replies.into_iter().for_each(|reply| tx.send(reply));
    Ok(())
}

fn provider_event(tx: &mut Transaction<'_, Payment>, event: &ProviderEvent, now: Timestamp) {
    match tx.update(&key(event.order_id)) {
        Some(payment) => payment.provider_event(event, now),
        None => {
            tracing::warn!(order_id = %event.order_id, event = cut(&event.event), "there is no such payment: not used")
        }
    }
}

/// The id of a refund whose command has none: the same for every attempt of a saga's step.
fn id_of_step(command: &Message) -> String {
    match (command.header(header::SAGA_ID), command.header(header::STEP)) {
        (Some(saga), Some(step)) => ids::derive(&["refund", saga, step]).to_string(),
        _ => command.id(),
    }
}
