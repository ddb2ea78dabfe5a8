//! A partition of the orchestrator with webhooks, and receivers that the test answers for.

use std::collections::BTreeMap;
use std::time::Duration;

use common::journal::{Entity as _, Intent, Memory};
use common::messages::header;
use serde_json::{Value, json};

use super::super::super::*;
use super::super::fixture::message;
use crate::entity::webhooks::lane::Lane;
use crate::entity::webhooks::subscription::{SigningSecret, Subscription};
use crate::entity::webhooks::{Webhook, WebhookEntity, WebhookIndex, webhook_key};
use crate::messages::webhooks::{WEBHOOK_ANSWERED, WEBHOOK_CHANGE};
use crate::rules::webhooks::WebhookCall;
use crate::rules::webhooks::policy::WebhookPolicy;

pub(super) const SECOND: i64 = 1_000;
pub(super) const HOUR: i64 = 3_600 * SECOND;

/// Partition `partition` of `partitions`.
pub(super) struct Shop {
    handler: SagaHandler,
    pub(super) memory: Memory<Entity>,
    partition: i32,
    partitions: i32,
    pub(super) now: Timestamp,
    offset: i64,
}

impl Shop {
    pub(super) fn with(policy: WebhookPolicy) -> Self {
        let handler = SagaHandler::new(Definitions::default()).with_webhooks(policy);
        Self { handler, memory: Memory::default(), partition: 0, partitions: 1, now: Timestamp(HOUR), offset: 0 }
    }

    pub(super) fn new() -> Self {
        Self::with(WebhookPolicy::default())
    }

    pub(super) fn of_partition(partition: i32, partitions: i32) -> Self {
        Self { partition, partitions, ..Self::new() }
    }

    fn decide(&mut self, trigger: Trigger<'_>) -> Result<Vec<Outgoing>, Unreadable> {
        let store = BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, self.partitions);
        self.handler.decide(&mut tx, trigger, self.now)?;
        Ok(tx.sent().to_vec())
    }

    pub(super) fn receive(
        &mut self,
        topic: &str,
        key: &str,
        headers: &[(&'static str, &str)],
        value: &Value,
    ) -> Vec<Outgoing> {
        self.offset += 1;
        let mut message = message(topic, key, headers, value);
        message.partition = self.partition;
        message.offset = self.offset;
        message.timestamp = self.now;
        self.decide(Trigger::Message(&message)).unwrap()
    }

    /// A message about webhooks.
    pub(super) fn command(&mut self, kind: &str, id: &str, value: &Value) -> Vec<Outgoing> {
        self.receive(topics::SAGA_COMMANDS, "w", &[(header::TYPE, kind), (header::ID, id)], value)
    }

    /// An operator's change of a subscription.
    pub(super) fn change(&mut self, id: &str, webhook: &str, change: &Value) -> Vec<Outgoing> {
        let mut value = json!({"by": "techlead", "why": "a test", "webhook": webhook});
        value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.command(WEBHOOK_CHANGE, id, &value)
    }

    pub(super) fn subscribe(&mut self, webhook: &str, events: &[&str]) -> Vec<Outgoing> {
        let secret = SigningSecret::of(&[7; 32]);
        let create = json!({"change": "create", "url": "https://shop.example/", "description": "", "events": events,
            "secret": secret});
        self.change(&format!("create {webhook}"), webhook, &create)
    }

    /// An event of an order.
    pub(super) fn event(&mut self, order: &str, kind: &str, id: &str) -> Vec<Outgoing> {
        let time = self.now.to_string();
        let headers = [
            (header::TYPE, kind),
            (header::ID, id),
            (header::TIME, &*time),
            (header::SUBJECT, order),
            (header::SOURCE, "order-service"),
        ];
        self.receive(topics::ORDER_EVENTS, order, &headers, &json!({"orderId": order}))
    }

    pub(super) fn webhook(&self, id: &str) -> &Webhook {
        match self.memory.get(&webhook_key(id)).and_then(Entity::webhook) {
            Some(WebhookEntity::Subscribed(webhook)) => webhook,
            other => panic!("no webhook {id}: {other:?}"),
        }
    }

    pub(super) fn lane(&self, id: &str) -> &Lane {
        &self.webhook(id).lane
    }

    pub(super) fn subscription(&self, id: &str) -> &Subscription {
        &self.webhook(id).subscription
    }

    pub(super) fn index(&self) -> &WebhookIndex {
        match self.memory.get(WEBHOOKS).and_then(Entity::webhook) {
            Some(WebhookEntity::Index(index)) => index,
            other => panic!("no webhooks: {other:?}"),
        }
    }

    /// The requests that are wanted.
    pub(super) fn calls(&self) -> Vec<Intent<WebhookCall>> {
        self.memory.states().flat_map(|(key, entity)| self.handler.intents(key, entity)).collect()
    }

    /// The events that are being sent, by id.
    pub(super) fn sending(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.what.event).collect()
    }

    /// Answers the request of an event.
    pub(super) fn answer(&mut self, event: &str, answer: &Value) -> Vec<Outgoing> {
        let calls = self.calls();
        let call = &calls.iter().find(|call| call.what.event == event).expect("no such request").what;
        let mut value = json!({"webhook": call.webhook, "serial": call.serial, "took": 20});
        value.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        let id = format!("answer {} {}", call.webhook, call.serial);
        self.command(WEBHOOK_ANSWERED, &id, &value)
    }

    pub(super) fn accept(&mut self, event: &str) -> Vec<Outgoing> {
        self.answer(event, &json!({"answer": "accepted", "status": 204}))
    }

    pub(super) fn fail(&mut self, event: &str) -> Vec<Outgoing> {
        self.answer(event, &json!({"answer": "failed", "status": 500, "error": "it answered 500"}))
    }

    /// Lets time pass; timers fire when they are due.
    pub(super) fn pass(&mut self, millis: i64) -> Vec<Outgoing> {
        let end = self.now.0 + millis;
        let mut sent = Vec::new();
        loop {
            let timers = self.memory.states().filter_map(|(key, state)| Some((state.wake_at()?, key.clone())));
            let Some((due, key)) = timers.min().filter(|(due, _)| due.0 <= end) else { break };
            self.now = due.max(self.now);
            sent.extend(self.decide(Trigger::Timer(&key)).unwrap());
            let again = self.memory.get(&key).and_then(|state| state.wake_at());
            assert!(again.is_none_or(|again| again > due), "{key} wakes again at once");
        }
        self.now = Timestamp(end);
        sent
    }

    /// Fails each request as soon as it is made, for some time.
    pub(super) fn fail_for(&mut self, duration: Duration) -> (usize, Vec<Outgoing>) {
        let end = self.now.plus(duration);
        let mut attempts = 0;
        let mut sent = Vec::new();
        while self.now < end {
            for event in self.sending() {
                if self.sending().contains(&event) {
                    attempts += 1;
                    sent.extend(self.fail(&event));
                }
            }
            let next = self.memory.states().filter_map(|(_, state)| state.wake_at()).min();
            let step = next.map_or(end.0, |next| next.0.min(end.0)) - self.now.0;
            sent.extend(self.pass(step.max(1)));
        }
        (attempts, sent)
    }
}

impl Shop {
    /// Goes on with other limits.
    pub(super) fn use_handler(&mut self, handler: SagaHandler) {
        self.handler = handler;
    }
}
