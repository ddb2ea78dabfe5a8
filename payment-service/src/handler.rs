//! What payment-service decides: reads a message, makes the payment's move, sends the answer. The moves themselves are
//! the payment's.

use common::ids::{self, OrderId};
use common::journal::{Handler, Intent, Key, Transaction, Trigger};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answers::{PROVIDER_ANSWERED, provider_answered};
use crate::payment::moves::Asked;
use crate::payment::partial::{Asker, NOT_PAID, Wanted};
use crate::payment::{Payment, Price, ProviderCall, cut, key};
use crate::provider::{Capture, ProviderKind};

pub(crate) const REQUEST: &str = "payment.request";
pub(crate) const CAPTURE: &str = "payment.capture";
pub(crate) const REFUND: &str = "payment.refund";
pub(crate) const REFUND_PART: &str = "payment.refund-part";
const NO_PAYMENT: &str = "there is no payment for this order";
/// `ce_type` of what is asked for by HTTP.
pub const ASKED: &str = "payment.asked";

/// `payment.request`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestPayment {
    order_id: OrderId,
    amount_minor: i64,
    currency: String,
    #[serde(default)]
    capture: Capture,
    #[serde(default)]
    payment_method: Option<String>,
}

/// `payment.capture`
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CapturePayment {
    order_id: OrderId,
    #[serde(default)]
    amount_minor: Option<i64>,
}

/// `payment.refund`: of all of it, as a request's compensation, or with an id or an amount of a part.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundPayment {
    order_id: OrderId,
    #[serde(default)]
    refund_id: Option<String>,
    #[serde(default)]
    amount_minor: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
}

/// `payment.refund-part`: a saga gives a part back, such as for what was returned. What it is called by is the saga's
/// to say, so that it can't be given back twice.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundPart {
    order_id: OrderId,
    refund_id: Uuid,
    amount_minor: i64,
    #[serde(default)]
    reason: Option<String>,
}

/// `payment.asked`: what somebody asks for by HTTP. Nothing replies to it; the view shows what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentAsked {
    /// The order.
    pub order_id: OrderId,
    /// What is asked for.
    #[serde(flatten)]
    pub what: Ask,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Ask {
    /// To take what is set aside.
    Capture {
        /// How much; none is all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
    },
    /// To give a part of it back, or what is left.
    Refund {
        /// By which it is known.
        refund_id: String,
        /// How much; none is all that is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount_minor: Option<i64>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// The payment service's decisions.
pub struct Payments {
    /// Who takes new payments.
    pub provider: ProviderKind,
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
                if let Some(mut payment) = tx.take(key)
                    && payment.wake(now)
                {
                    tx.put(key.clone(), payment);
                }
                Ok(())
            }
            Trigger::Message(message) if &*message.topic == topics::PAYMENT_RESULTS => self.result(tx, message, now),
            Trigger::Message(message) => match message.kind() {
                Some(REQUEST) => self.request(tx, message, now),
                Some(CAPTURE) => self.capture(tx, message, now),
                Some(REFUND) => self.refund(tx, message, now),
                Some(REFUND_PART) => refund_part(tx, message, now),
                Some(ASKED) => asked(tx, message, now),
                Some(PROVIDER_ANSWERED) => provider_answered(tx, message, now),
                Some(other) => Err(Unreadable::UnknownType(other.to_owned())),
                None => Err(Unreadable::Header(header::TYPE, "it is missing".to_owned())),
            },
        }
    }

    fn intents(&self, _key: &Key, payment: &Payment) -> Vec<Intent<ProviderCall>> {
        payment.intents()
    }
}

impl Payments {
    /// A payment of which nothing was heard before this message.
    pub(crate) fn unheard_of(&self, order: OrderId, message: &Message) -> Payment {
        Payment::new(order, self.provider, message.header(header::TRACEPARENT))
    }

    fn request(&self, tx: &mut Transaction<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let RequestPayment { order_id, amount_minor, currency, capture, payment_method } = message.json()?;
        let asked = Asked { price: Price { amount_minor, currency }, capture, method: payment_method };
        self.command(tx, message, order_id, now, |payment| payment.request(asked, message, now));
        Ok(())
    }

    fn capture(&self, tx: &mut Transaction<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let CapturePayment { order_id, amount_minor } = message.json()?;
        let waiting = Some(message.reply_headers());
        match tx.update(&key(order_id)).map(|payment| payment.capture(amount_minor, waiting, now)) {
            Some(reply) => answer(tx, message, order_id, reply, now),
            None => answer(tx, message, order_id, Some(unknown()), now),
        }
        Ok(())
    }

    fn refund(&self, tx: &mut Transaction<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let RefundPayment { order_id, refund_id, amount_minor, reason } = message.json()?;
        let waiting = Some(message.reply_headers());
        if refund_id.is_none() && amount_minor.is_none() {
            self.command(tx, message, order_id, now, |payment| payment.refund(waiting, now));
            return Ok(());
        }
        let id = refund_id.map_or_else(|| same_step(message), |id| cut(&id).to_owned());
        let wanted = Wanted { id, amount_minor, reason, by: Asker::Anybody };
        match tx.update(&key(order_id)).map(|payment| payment.refund_part(wanted, waiting, now)) {
            Some(reply) => answer(tx, message, order_id, reply, now),
            None => answer(tx, message, order_id, Some(unknown()), now),
        }
        Ok(())
    }

    /// Makes a move that may be the first of a payment.
    fn command(
        &self,
        tx: &mut Transaction<'_, Payment>,
        message: &Message,
        order: OrderId,
        now: Timestamp,
        make: impl FnOnce(&mut Payment) -> Option<Reply>,
    ) {
        let key = key(order);
        let mut payment = tx.take(&key).unwrap_or_else(|| self.unheard_of(order, message));
        let reply = make(&mut payment);
        tx.put(key, payment);
        answer(tx, message, order, reply, now);
    }
}

fn refund_part(tx: &mut Transaction<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let RefundPart { order_id, refund_id, amount_minor, reason } = message.json()?;
    // A saga of a return has an id of its own: with that as the key this would be another partition than the payment's.
    tx.check_home("order", &order_id.to_string())?;
    let by = Asker::Step;
    let wanted = Wanted { id: refund_id.to_string(), amount_minor: Some(amount_minor), reason, by };
    let waiting = Some(message.reply_headers());
    let reply = match tx.update(&key(order_id)) {
        Some(payment) => payment.refund_part(wanted, waiting, now),
        None => Some(Reply::Refused { reason: NOT_PAID.to_owned(), detail: Some(NO_PAYMENT.to_owned()) }),
    };
    answer(tx, message, order_id, reply, now);
    Ok(())
}

/// The answer where there is no payment.
fn unknown() -> Reply {
    Reply::refused("no_payment", NO_PAYMENT)
}

/// A refund's id where the command names none: the same for every attempt of a saga's step.
fn same_step(command: &Message) -> String {
    match (command.header(header::SAGA_ID), command.header(header::STEP)) {
        (Some(saga), Some(step)) => ids::derive(&["refund", saga, step]).to_string(),
        _ => command.id(),
    }
}

/// Sends the reply to a command, if it is not to wait for the provider.
fn answer(tx: &mut Transaction<'_, Payment>, command: &Message, order: OrderId, reply: Option<Reply>, now: Timestamp) {
    if let Some(reply) = reply {
        tx.send(Outgoing::reply(&command.reply_headers(), &order.to_string(), now, &reply));
    }
}

fn asked(tx: &mut Transaction<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let PaymentAsked { order_id, what } = message.json()?;
    let Some(payment) = tx.update(&key(order_id)) else { return Ok(()) };
    // Nobody waits for a reply: what became of it stands in the state.
    let _ = match what {
        Ask::Capture { amount_minor } => payment.capture(amount_minor, None, now),
        Ask::Refund { refund_id, amount_minor, reason } => {
            let id = cut(&refund_id).to_owned();
            payment.refund_part(Wanted { id, amount_minor, reason, by: Asker::Anybody }, None, now)
        }
    };
    Ok(())
}
