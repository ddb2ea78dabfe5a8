//! The message contract, as data: every message with its type, from which its JSON Schema is made, and every topic. Each
//! service has a table of its own beside its types (`contract.rs`); what all of them have in common stands here. The tests
//! make `docs/asyncapi.json` of it, hold real messages against it, and read the last release's messages with it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::messages::Reply;
use crate::topics;

/// What a message is, which says which headers it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A saga asks a participant, which replies.
    Command,
    /// A participant answers.
    Reply,
    /// A service tells what happened, or itself what it was asked by HTTP.
    Event,
    /// What a person may say too, without key and headers.
    Result,
}

/// A message of the contract: a line in a service's table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The topic.
    pub topic: &'static str,
    /// Its `ce_type`.
    pub kind: &'static str,
    /// What it is.
    pub sort: Sort,
    /// What it says, in a sentence.
    pub about: &'static str,
    /// A value, as JSON.
    pub example: &'static str,
    /// The schema of the value.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Whether the value can be read.
    pub read: fn(&[u8]) -> Result<(), String>,
}

impl Entry {
    /// A message whose value is a `T`.
    pub const fn of<T: JsonSchema + DeserializeOwned>(
        topic: &'static str,
        kind: &'static str,
        sort: Sort,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self { topic, kind, sort, about, example, schema: schema_of::<T>, read: read::<T> }
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), String> {
    let mut de = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize::<_, T>(&mut de).map(|_| ()).map_err(|error| error.to_string())
}

/// A service's journal: which states stand in it.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    /// Its topic.
    pub topic: &'static str,
    /// Whether a state can be read.
    pub read: fn(&[u8]) -> Result<(), String>,
}

impl Journal {
    /// A journal of `T`s.
    pub const fn of<T: DeserializeOwned>(topic: &'static str) -> Self {
        Self { topic, read: read::<T> }
    }
}

/// A topic of the contract.
#[derive(Clone, Copy, Debug)]
pub struct TopicDoc {
    /// Its name.
    pub name: &'static str,
    /// What the key is.
    pub key: &'static str,
    /// What lies on it.
    pub about: &'static str,
}

/// Every topic that is no journal and holds no dead letters: a line each.
pub const TOPICS: &[TopicDoc] = &[
    TopicDoc { name: topics::ORDER_COMMANDS, key: "the order's id", about: "What is asked of order-service." },
    TopicDoc {
        name: topics::CREATED_ORDERS,
        key: "the order's id",
        about: "What order-service tells of orders: sagas begin with it.",
    },
    TopicDoc { name: topics::INVENTORY_COMMANDS, key: "the warehouse", about: "What is asked of inventory-service." },
    TopicDoc { name: topics::PAYMENT_COMMANDS, key: "the order's id", about: "What is asked of payment-service." },
    TopicDoc { name: topics::SAGA_REPLIES, key: "the saga's id", about: "The participants' answers." },
    TopicDoc {
        name: topics::SAGA_COMMANDS,
        key: "the saga's id, or a definition's name",
        about: "What operators ask of the orchestrator.",
    },
    TopicDoc {
        name: topics::PAYMENT_RESULTS,
        key: "the order's id, or anything, or none",
        about: "How payments ended, as a provider or a person says it.",
    },
    TopicDoc {
        name: topics::GOODS_RECEIVED,
        key: "the return's id, or anything, or none",
        about: "What became of goods that came back, as a warehouse or a person says it.",
    },
    TopicDoc { name: topics::STOCK_EVENTS, key: "the warehouse", about: "What people may want to know of the stock." },
    TopicDoc {
        name: topics::NOTIFICATIONS,
        key: "the order's id",
        about: "What customers are told, in their language.",
    },
];

/// What no service alone says.
pub const MESSAGES: &[Entry] = &[Entry::of::<Reply>(
    topics::SAGA_REPLIES,
    "saga.reply",
    Sort::Reply,
    "A participant's answer to a command: done, refused (asking again is no use) or failed (it may be asked again).",
    r#"{"outcome":"refused","reason":"out_of_stock","detail":"2 wanted, 1 there"}"#,
)];
