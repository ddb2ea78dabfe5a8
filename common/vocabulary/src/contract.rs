//! The message contract as data: every message with its type, which yields its JSON Schema, and every topic. Each
//! service has its own table beside its types (`contract.rs`); the common part is here. The tests generate
//! `docs/asyncapi.json` from it, check real messages against it, and read the last release's messages with it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::messages::Reply;
use crate::topics;

/// The sort of a message, which determines its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A saga's request to a participant, which replies.
    Command,
    /// A participant's reply.
    Reply,
    /// A service's event, or its own record of an HTTP request.
    Event,
    /// A result that an operator may also send, without key and headers.
    Result,
}

/// A message of the contract: a line in a service's table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The topic.
    pub topic: &'static str,
    /// Its `ce_type`.
    pub kind: &'static str,
    /// Its sort.
    pub sort: Sort,
    /// Its meaning, in a sentence.
    pub about: &'static str,
    /// An example of its value, as JSON.
    pub example: &'static str,
    /// The schema of the value.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Checks that a value can be read.
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

    /// A result whose value has the schema of `T`, and is checked by `read`.
    pub const fn result<T: JsonSchema>(
        topic: &'static str,
        kind: &'static str,
        about: &'static str,
        example: &'static str,
        read: fn(&[u8]) -> Result<(), String>,
    ) -> Self {
        Self { topic, kind, sort: Sort::Result, about, example, schema: schema_of::<T>, read }
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), String> {
    let mut de = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize::<_, T>(&mut de).map(|_| ()).map_err(|error| error.to_string())
}

/// A service's journal, with the type of its states.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    /// Its topic.
    pub topic: &'static str,
    /// Checks that a state can be read.
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
    /// The meaning of its key.
    pub key: &'static str,
    /// Its content.
    pub about: &'static str,
}

/// All topics except journals and dead-letter topics.
pub const TOPICS: &[TopicDoc] = &[
    TopicDoc { name: topics::ORDER_COMMANDS, key: "the order's id", about: "Commands for order-service." },
    TopicDoc {
        name: topics::CREATED_ORDERS,
        key: "the order's id",
        about: "Events of orders, from order-service: they start sagas.",
    },
    TopicDoc { name: topics::INVENTORY_COMMANDS, key: "the warehouse", about: "Commands for inventory-service." },
    TopicDoc { name: topics::PAYMENT_COMMANDS, key: "the order's id", about: "Commands for payment-service." },
    TopicDoc { name: topics::SAGA_REPLIES, key: "the saga's id", about: "The participants' replies." },
    TopicDoc {
        name: topics::SAGA_COMMANDS,
        key: "the saga's id, or a definition's name",
        about: "Operators' commands for the orchestrator.",
    },
    TopicDoc {
        name: topics::PAYMENT_RESULTS,
        key: "the order's id, or anything, or none",
        about: "Results of payments, from a provider or an operator.",
    },
    TopicDoc {
        name: topics::GOODS_RECEIVED,
        key: "the return's id, or anything, or none",
        about: "Results of returns, from a warehouse or an operator.",
    },
    TopicDoc {
        name: topics::CASES,
        key: "the case's id",
        about: "Matters that a person decides about: parcels that did not arrive, failed refunds and disputes. They \
                start and settle sagas.",
    },
    TopicDoc {
        name: topics::CASE_DECISIONS,
        key: "the case's id, or anything, or none",
        about: "Decisions about cases, from people with a task.",
    },
    TopicDoc { name: topics::STOCK_EVENTS, key: "the warehouse", about: "Events of the stock." },
    TopicDoc {
        name: topics::NOTIFICATIONS,
        key: "the order's id",
        about: "Notifications for customers, in their language.",
    },
    TopicDoc {
        name: topics::ORDER_EVENTS,
        key: "the order's id",
        about: "Each change of an order, for external systems: ids, amounts and codes, no personal data.",
    },
    TopicDoc {
        name: topics::PAYMENT_EVENTS,
        key: "the order's id",
        about: "Each change of a payment, for external systems: ids, amounts and codes, no personal data.",
    },
    TopicDoc {
        name: topics::SHIPMENT_EVENTS,
        key: "the order's id",
        about: "Each change of a shipment, for external systems: ids, days and codes, no personal data.",
    },
    TopicDoc {
        name: topics::SAGA_EVENTS,
        key: "the saga's id",
        about: "Each change of a saga, for external systems: ids, names and codes, no personal data.",
    },
];

/// The messages that several services send.
pub const MESSAGES: &[Entry] = &[Entry::of::<Reply>(
    topics::SAGA_REPLIES,
    "saga.reply",
    Sort::Reply,
    "A participant's reply to a command: done, refused (retrying does not help) or failed (retrying may help).",
    r#"{"outcome":"refused","reason":"out_of_stock","detail":"2 wanted, 1 there"}"#,
)];
