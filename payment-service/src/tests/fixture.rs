//! The fixture of the rules' tests: the service with the partition of one order, and its clock.

use std::collections::BTreeMap;

use common::ids::OrderId;
use common::journal::{Entity as _, Handler as _, Intent, Memory, Transaction, Trigger};
use common::messages::{Headers, Message, Outgoing, Reply, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::entity::{Payment, key};
use crate::handler::Payments;
use crate::provider::call::{ProviderCall, ProviderKind, Refund};
use crate::provider::settings::ProviderSettings;
use crate::settings::Settings;

pub(crate) const PARTITIONS: i32 = 4;

pub(crate) fn order() -> OrderId {
    "3852cb18-9c19-4326-ac77-a1a0264bd98c".parse().unwrap()
}

pub(crate) fn home() -> i32 {
    topics::partition_of(order().to_string().as_bytes(), PARTITIONS)
}

/// The service with one order's partition, and its clock.
pub(crate) struct Fixture {
    pub(crate) handler: Payments,
    pub(crate) memory: Memory<Payment>,
    pub(crate) partition: i32,
    pub(crate) now: Timestamp,
    pub(crate) offset: i64,
    /// The messages about cases, in order; they are not among those that a decision returns.
    pub(crate) cases: Vec<Outgoing>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let handler = Payments { provider: ProviderKind::Simulated, mac: None, events: false };
        Self {
            handler,
            memory: Memory::default(),
            partition: home(),
            now: Timestamp(1_760_000_000_000),
            offset: 0,
            cases: Vec::new(),
        }
    }

    pub(crate) fn decide(&mut self, trigger: Trigger<'_>) -> Vec<Outgoing> {
        let store = BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, PARTITIONS);
        let sent: Vec<Outgoing> = match (self.handler.decide(&mut tx, trigger, self.now), trigger) {
            (Err(reason), Trigger::Message(message)) => self.handler.unreadable(message, &reason).into_iter().collect(),
            (Ok(()) | Err(_), _) => tx.sent().to_vec(),
        };
        let (cases, others) = sent.into_iter().partition(|message| message.topic == topics::CASES);
        let cases: Vec<Outgoing> = cases;
        self.cases.extend(cases);
        others
    }

    pub(crate) fn message(&mut self, topic: &str, headers: &[(&'static str, &str)], value: &str) -> Message {
        self.offset += 1;
        let mut all = Headers::default();
        headers.iter().for_each(|(name, text)| all.push(*name, *text));
        let value = Some(value.as_bytes().to_vec());
        Message {
            topic: topic.into(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.now,
            key: None,
            headers: all,
            value,
        }
    }

    /// Sends a command of the saga, the `attempt`-th of its kind.
    pub(crate) fn command(&mut self, kind: &str, attempt: u32) -> Vec<Outgoing> {
        let value = match kind {
            "payment.request" => json!({ "orderId": order(), "amountMinor": 1050, "currency": "BRL" }).to_string(),
            _ => json!({ "orderId": order() }).to_string(),
        };
        let id = format!("{kind}/{attempt}");
        let attempt = attempt.to_string();
        let saga = order().to_string();
        let headers = [
            (header::ID, id.as_str()),
            (header::TYPE, kind),
            (header::SAGA_ID, saga.as_str()),
            (header::STEP, "request-payment"),
            (header::ATTEMPT, attempt.as_str()),
            (header::TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        let message = self.message(topics::PAYMENT_COMMANDS, &headers, &value);
        self.decide(Trigger::Message(&message))
    }

    pub(crate) fn request(&mut self, attempt: u32) -> Vec<Outgoing> {
        self.command("payment.request", attempt)
    }

    pub(crate) fn refund(&mut self, attempt: u32) -> Vec<Outgoing> {
        self.command("payment.refund", attempt)
    }

    /// Sends `payment.refund` of a part, the first attempt of its step.
    pub(crate) fn refund_part(&mut self, id: &str, amount_minor: Option<i64>) -> Vec<Outgoing> {
        let mut value = json!({ "orderId": order(), "refundId": id, "reason": "returned" });
        amount_minor.into_iter().for_each(|amount| value["amountMinor"] = amount.into());
        self.saga_command("payment.refund", &format!("refund {id}"), &value)
    }

    /// Sends a command of this step of the saga, with an id of its own.
    pub(crate) fn saga_command(&mut self, kind: &str, step: &str, value: &Value) -> Vec<Outgoing> {
        let id = format!("{step}/{}", self.offset);
        self.command_with_id(kind, step, &id, value)
    }

    /// Sends a command of this step of the saga with this id.
    pub(crate) fn command_with_id(&mut self, kind: &str, step: &str, id: &str, value: &Value) -> Vec<Outgoing> {
        let saga = order().to_string();
        let headers = [
            (header::ID, id),
            (header::TYPE, kind),
            (header::SAGA_ID, saga.as_str()),
            (header::STEP, step),
            (header::ATTEMPT, "1"),
        ];
        let message = self.message(topics::PAYMENT_COMMANDS, &headers, &value.to_string());
        self.decide(Trigger::Message(&message))
    }

    /// Sends the provider's answer to a call for a partial refund.
    pub(crate) fn part_answered(&mut self, id: &str, call: u32, outcome: &str) -> Vec<Outgoing> {
        let refund_id = Refund::part_id(&self.payment().approved_id(), id);
        self.answer(json!({ "operation": "refund", "call": call, "outcome": outcome, "refundId": refund_id }))
    }

    /// Sends the provider's answer to a call.
    pub(crate) fn provider_answered(&mut self, operation: &str, call: u32, outcome: &str) -> Vec<Outgoing> {
        self.answer(json!({ "operation": operation, "call": call, "outcome": outcome, "resultAfterMs": 0 }))
    }

    pub(crate) fn answer(&mut self, mut answer: Value) -> Vec<Outgoing> {
        answer["orderId"] = json!(order());
        answer["error"] = "no answer".into();
        let headers = [(header::TYPE, "payment.provider-answered")];
        let message = self.message(topics::PAYMENT_COMMANDS, &headers, &answer.to_string());
        self.decide(Trigger::Message(&message))
    }

    /// Sends a value on `payment-results`, without key and headers.
    pub(crate) fn raw_result(&mut self, value: &str) -> Vec<Outgoing> {
        let message = self.message(topics::PAYMENT_RESULTS, &[], value);
        self.decide(Trigger::Message(&message))
    }

    pub(crate) fn result(&mut self, status: &str) -> Vec<Outgoing> {
        self.raw_result(&json!({ "orderId": order(), "status": status }).to_string())
    }

    /// Sends a result with a payment id, as a provider does.
    pub(crate) fn result_of(&mut self, payment: &str, status: &str) -> Vec<Outgoing> {
        self.raw_result(&json!({ "orderId": order(), "status": status, "paymentId": payment }).to_string())
    }

    pub(crate) fn payment(&self) -> &Payment {
        self.memory.get(&key(order())).unwrap()
    }

    pub(crate) fn status(&self) -> &'static str {
        self.memory.get(&key(order())).map_or("none", |payment| payment.status.name())
    }

    pub(crate) fn intent(&self) -> Option<Intent<ProviderCall>> {
        let payment = self.payment();
        let intents = self.handler.intents(&key(order()), payment);
        assert!(intents.is_empty() || payment.is_open(), "a payment with intents must be open: {payment:?}");
        intents.into_iter().next()
    }

    pub(crate) fn handler_intents(&self) -> usize {
        self.handler.intents(&key(order()), self.payment()).len()
    }

    pub(crate) fn intent_id(&self) -> Option<String> {
        self.intent().map(|intent| intent.id.replace(&format!("{}/", order()), ""))
    }

    pub(crate) fn last_event(&self) -> &str {
        &self.payment().history.last().unwrap().what
    }

    /// A payment that the provider accepted.
    pub(crate) fn pending() -> Self {
        let mut fixture = Self::new();
        fixture.request(1);
        fixture.provider_answered("request", 1, "accepted");
        fixture
    }

    /// A payment that is approved under the id `p1`.
    pub(crate) fn approved() -> Self {
        let mut fixture = Self::pending();
        fixture.result_of("p1", "approved");
        fixture
    }
}

/// The only message sent, a reply.
pub(crate) fn reply(sent: &[Outgoing]) -> Reply {
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].topic, topics::SAGA_REPLIES);
    serde_json::from_slice(sent[0].value.bytes().unwrap()).unwrap()
}

pub(crate) fn accepted() -> Reply {
    accepted_by(ProviderKind::Simulated)
}

pub(crate) fn accepted_by(provider: ProviderKind) -> Reply {
    let id = Payment::new(order(), ProviderKind::Simulated, None).id();
    Reply::ok(json!({ "paymentId": id, "provider": provider.name() }))
}

pub(crate) fn done(outcome: &str) -> Reply {
    Reply::ok(json!({ "outcome": outcome }))
}

pub(crate) fn refused(reply: &Reply) -> &str {
    let Reply::Refused { reason, .. } = reply else { panic!("not refused: {reply:?}") };
    reason
}

pub(crate) fn value(message: &Outgoing) -> Value {
    serde_json::from_slice(message.value.bytes().unwrap()).unwrap()
}

/// The provider settings in `default.toml`.
pub(crate) fn provider_settings() -> ProviderSettings {
    let defaults = include_str!("../../config/default.toml");
    let environment = std::iter::empty();
    let settings = common::settings::load_with::<Settings>(defaults, "payment-service", None, environment);
    settings.unwrap().own.provider
}
