//! What payment-service decides: reads a message, makes the payment's move, sends the answer. The moves themselves are
//! the payment's.

use std::time::Duration;

use common::ids::OrderId;
use common::journal::{Handler, Intent, Key, Trigger, World};
use common::messages::{Message, Outgoing, Reply, Unreadable, header};
use common::time::Timestamp;
use common::topics;
use serde::{Deserialize, Serialize};

use crate::payment::{Act, Payment, Price, key};
use crate::provider::ProviderKind;

const REQUEST: &str = "payment.request";
const REFUND: &str = "payment.refund";
/// `ce_type` of what the service tells itself of the provider's answers.
pub const PROVIDER_ANSWERED: &str = "payment.provider-answered";

/// `payment.request`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestPayment {
    order_id: OrderId,
    amount_minor: i64,
    currency: String,
}

/// `payment.refund`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundPayment {
    order_id: OrderId,
}

/// `payment.provider-answered`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAnswered {
    /// The order.
    pub order_id: OrderId,
    /// What the provider was asked.
    pub operation: Operation,
    /// Which call of that operation: 1, 2, ...
    pub call: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For an accepted request: when to ask for its result; none when the provider tells by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_after_ms: Option<u64>,
}

impl ProviderAnswered {
    /// The answer to a call that failed, until something better is known.
    pub fn to(order_id: OrderId, operation: Operation, call: u32) -> Self {
        Self { order_id, operation, call, outcome: Outcome::Failed, error: None, result_after_ms: None }
    }
}

/// What a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// To take a payment.
    Request,
    /// To give it back.
    Refund,
}

/// What became of a call to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A request was taken; its result is to come.
    Accepted,
    /// A technical failure.
    Failed,
    /// A refund was made.
    Refunded,
}

/// The payment service's decisions.
pub struct Payments {
    /// Who takes new payments.
    pub provider: ProviderKind,
}

impl Handler for Payments {
    type Entity = Payment;
    type Act = Act;

    fn decide(&self, world: &mut World<'_, Payment>, trigger: Trigger<'_>, now: Timestamp) -> Result<(), Unreadable> {
        match trigger {
            Trigger::Claimed => Ok(()),
            Trigger::Timer(key) => {
                if let Some(mut payment) = world.take(key)
                    && payment.wake(now)
                {
                    world.put(key.clone(), payment);
                }
                Ok(())
            }
            Trigger::Message(message) if &*message.topic == topics::PAYMENT_RESULTS => self.result(world, message, now),
            Trigger::Message(message) => match message.kind() {
                Some(REQUEST) => self.request(world, message, now),
                Some(REFUND) => self.refund(world, message, now),
                Some(PROVIDER_ANSWERED) => provider_answered(world, message, now),
                Some(other) => Err(Unreadable::UnknownType(other.to_owned())),
                None => Err(Unreadable::Header(header::TYPE, "it is missing".to_owned())),
            },
        }
    }

    fn intents(&self, _key: &Key, payment: &Payment) -> Vec<Intent<Act>> {
        payment.intent().into_iter().collect()
    }
}

impl Payments {
    /// A payment of which nothing was heard before this message.
    pub(crate) fn unheard_of(&self, order: OrderId, message: &Message) -> Payment {
        Payment::new(order, self.provider, message.header(header::TRACEPARENT))
    }

    fn request(&self, world: &mut World<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let RequestPayment { order_id, amount_minor, currency } = message.json()?;
        let key = key(order_id);
        let mut payment = world.take(&key).unwrap_or_else(|| self.unheard_of(order_id, message));
        let reply = payment.request(Price { amount_minor, currency }, message, now);
        world.put(key, payment);
        answer(world, message, order_id, reply, now);
        Ok(())
    }

    fn refund(&self, world: &mut World<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
        let RefundPayment { order_id } = message.json()?;
        let key = key(order_id);
        let mut payment = world.take(&key).unwrap_or_else(|| self.unheard_of(order_id, message));
        let reply = payment.refund(message, now);
        world.put(key, payment);
        answer(world, message, order_id, reply, now);
        Ok(())
    }
}

/// Sends the reply to a command, if it is not to wait for the provider.
fn answer(world: &mut World<'_, Payment>, command: &Message, order: OrderId, reply: Option<Reply>, now: Timestamp) {
    if let Some(reply) = reply {
        world.send(Outgoing::reply(command, &order.to_string(), now, &reply));
    }
}

fn provider_answered(world: &mut World<'_, Payment>, message: &Message, now: Timestamp) -> Result<(), Unreadable> {
    let ProviderAnswered { order_id, operation, call, outcome, error, result_after_ms } = message.json()?;
    let key = key(order_id);
    let error = error.as_deref().unwrap_or("the provider gave no reason");
    let answer = match (operation, outcome) {
        (Operation::Request, Outcome::Accepted) => {
            let result_after = result_after_ms.map(Duration::from_millis);
            world.update(&key).and_then(|payment| payment.accepted(call, result_after, now))
        }
        (Operation::Request, Outcome::Failed) => world.update(&key).and_then(|p| p.request_failed(call, error, now)),
        (Operation::Refund, Outcome::Refunded) => world.update(&key).and_then(|p| p.refunded(call, now)),
        (Operation::Refund, Outcome::Failed) => world.update(&key).and_then(|p| p.refund_failed(call, error, now)),
        (Operation::Request, Outcome::Refunded) | (Operation::Refund, Outcome::Accepted) => {
            return Err(Unreadable::Malformed("an outcome that its operation can't have".to_owned()));
        }
    };
    answer.into_iter().for_each(|answer| world.send(answer));
    Ok(())
}
