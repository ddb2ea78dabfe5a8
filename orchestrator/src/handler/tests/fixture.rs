//! The orchestrator over an in-memory journal, and definitions for it.

use common::blob::Blob;
use common::journal::{Key, Memory};
use common::messages::{Headers, header};
use saga::Saga;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::*;
use crate::entity::saga_key;
use crate::messages::SAGA_ACTION;

pub(super) const GIFT_CARD: &str = include_str!("../../../../tests/scenarios/gift-card/gift-card.toml");

/// Another version of the gift card, with another label.
pub(super) fn second_version() -> String {
    GIFT_CARD.replace("version = 1", "version = 2").replace("label = { en = \"Gift card\"", "label = { en = \"Card\"")
}

pub(super) fn id() -> Uuid {
    Uuid::from_u128(7)
}

pub(super) fn definitions(texts: &[&str]) -> Definitions {
    let directory = tempfile::tempdir().unwrap();
    for (i, text) in texts.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{i}.toml")), text).unwrap();
    }
    Definitions::load(directory.path()).unwrap()
}

/// Partition `partition` of 2 of the orchestrator, with its entities in memory.
pub(super) struct Fixture {
    pub(super) handler: SagaHandler,
    pub(super) memory: Memory<Entity>,
    pub(super) partition: i32,
    offset: i64,
    pub(super) now: Timestamp,
}

/// The first message of partition 0.
pub(super) fn message(topic: &str, key: &str, headers: &[(&'static str, &str)], value: &Value) -> Message {
    let mut all = Headers::default();
    headers.iter().for_each(|(name, value)| all.push(*name, *value));
    Message {
        topic: topic.into(),
        partition: 0,
        offset: 0,
        timestamp: Timestamp(0),
        key: Some(Blob::from(key.to_owned())),
        headers: all,
        value: Some(value.to_string().into_bytes()),
    }
}

impl Fixture {
    pub(super) fn new(texts: &[&str]) -> Self {
        let partition = topics::partition_of(id().to_string().as_bytes(), 2);
        let handler = SagaHandler::new(definitions(texts));
        let mut fixture = Self { handler, memory: Memory::default(), partition, offset: 0, now: Timestamp(1_000) };
        fixture.claim();
        fixture
    }

    /// Starts another process with these files on the same journal. Returns the reason if it refuses to run.
    pub(super) fn restart(&mut self, texts: &[&str]) -> Option<String> {
        self.handler = SagaHandler::new(definitions(texts));
        self.claim()
    }

    fn claim(&mut self) -> Option<String> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Claimed, self.now).unwrap();
        tx.refused()
    }

    pub(super) fn receive(
        &mut self,
        topic: &str,
        headers: &[(&'static str, &str)],
        value: &Value,
    ) -> Result<Vec<Outgoing>, Unreadable> {
        self.offset += 1;
        let mut message = message(topic, &id().to_string(), headers, value);
        message.partition = self.partition;
        message.offset = self.offset;
        message.timestamp = self.now;
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Message(&message), self.now)?;
        Ok(tx.sent().to_vec())
    }

    pub(super) fn start(&mut self) -> Vec<Outgoing> {
        let headers = [(header::TYPE, "gift-card.created"), (header::SUBJECT, &*id().to_string())];
        let card = json!({"customerId": "c1", "amountMinor": 500, "currency": "EUR"});
        self.receive("created-gift-cards", &headers, &card).unwrap()
    }

    pub(super) fn operate(&mut self, request: &str, act: &Value) -> Result<Vec<Outgoing>, Unreadable> {
        let headers = [(header::TYPE, SAGA_ACTION), (header::ID, request), (header::SUBJECT, &*id().to_string())];
        self.receive(topics::SAGA_COMMANDS, &headers, act)
    }

    pub(super) fn reply(&mut self, step: &str) -> Vec<Outgoing> {
        let id = id().to_string();
        let headers =
            [(header::SAGA_ID, &*id), (header::STEP, step), (header::ATTEMPT, "1"), (header::ACTION, "execute")];
        self.receive(topics::SAGA_REPLIES, &headers, &json!({"outcome": "ok"})).unwrap()
    }

    pub(super) fn wake(&mut self, key: &Key) -> Vec<Outgoing> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Timer(key), self.now).unwrap();
        tx.sent().to_vec()
    }

    pub(super) fn saga(&self) -> &Saga {
        self.memory.get(&saga_key(id())).unwrap().saga().unwrap()
    }
}
