//! The message contract: the tables of all services, as an AsyncAPI 3.0 document and as validators of real messages.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use common::contract::{Entry, Journal, MESSAGES, Sort, TOPICS, TopicDoc};
use common::service::Program;
use common::topics::{self, SAGA_REPLIES, Topic};
use jsonschema::Validator;
use orchestrator::program::Orchestrator;
use payment_service::program::PaymentService;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kafka::ConsumedMessage;

/// The document's path, relative to the project's root.
pub const FILE: &str = "docs/asyncapi.json";
/// The command that generates it.
pub const COMMAND: &str = "cargo run -p tests --bin asyncapi > docs/asyncapi.json";
/// The document's pointer to the shared schemas.
const SCHEMAS: &str = "/components/schemas";

/// All messages.
pub fn messages() -> impl Iterator<Item = &'static Entry> {
    let tables = [
        MESSAGES,
        order_service::contract::MESSAGES,
        inventory_service::contract::MESSAGES,
        payment_service::contract::MESSAGES,
        orchestrator::contract::MESSAGES,
        order_service::contract::EVENTS,
        inventory_service::contract::EVENTS,
        payment_service::contract::EVENTS,
        orchestrator::contract::EVENTS,
    ];
    tables.into_iter().flatten()
}

/// All journals.
pub const JOURNALS: [Journal; 4] = [
    order_service::contract::JOURNAL,
    inventory_service::contract::JOURNAL,
    payment_service::contract::JOURNAL,
    orchestrator::contract::JOURNAL,
];

/// The text of the document's file.
///
/// # Errors
/// An example that is not JSON.
pub fn text() -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&document()?)?))
}

/// The document.
///
/// # Errors
/// An example that is not JSON.
pub fn document() -> Result<Value> {
    // AsyncAPI's schema objects are a superset of JSON Schema draft 7.
    let mut settings = SchemaSettings::draft07();
    settings.definitions_path = SCHEMAS.into();
    settings.meta_schema = None;
    let mut generator = SchemaGenerator::new(settings);
    let mut all = Map::new();
    for entry in messages() {
        all.insert(entry.kind.to_owned(), message(entry, &mut generator)?);
    }
    all.insert("dead.letter".to_owned(), dead_letter());
    all.insert("journal.record".to_owned(), journal_record());
    let schemas = generator.take_definitions(true);
    let about = "Every topic and message of the order sagas. Values are JSON; headers follow CloudEvents' Kafka binary \
                 mode. All topics have the same partition count and the partitioner murmur2, which librdkafka calls \
                 murmur2_random. A new field is always optional, and unknown fields are ignored.";
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order sagas", "version": env!("CARGO_PKG_VERSION"), "description": about,
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "kafka": { "host": "localhost:29092", "protocol": "kafka" } },
        "channels": channels(),
        "operations": operations(),
        "components": { "messages": all, "schemas": schemas },
    }))
}

fn message(entry: &Entry, generator: &mut SchemaGenerator) -> Result<Value> {
    let example: Value =
        serde_json::from_str(entry.example).with_context(|| format!("the example of {}", entry.kind))?;
    let topic = topic_doc(entry.topic);
    let mut required = match entry.sort {
        Sort::Command => vec!["ce_id", "ce_type", "saga_id", "step", "attempt", "action"],
        Sort::Reply => vec!["saga_id", "step", "attempt", "action"],
        Sort::Event => vec!["ce_type"],
        Sort::Result => vec![],
    };
    required.sort_unstable();
    Ok(json!({
        "name": entry.kind,
        "title": entry.kind,
        "summary": entry.about,
        "headers": { "type": "object", "properties": headers(entry), "required": required },
        "payload": (entry.schema)(generator),
        "bindings": { "kafka": { "key": { "type": "string", "description": topic.map_or("", |topic| topic.key) } } },
        "examples": [{ "payload": example }],
        "x-kcat": kcat(entry, &example),
    }))
}

fn headers(entry: &Entry) -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let mut all = Map::from_iter([
        ("ce_id".to_owned(), text("The message's id. A repeated message has the same id.")),
        ("ce_type".to_owned(), json!({ "const": entry.kind })),
        ("ce_subject".to_owned(), text("The order or saga that the message is about.")),
        ("ce_time".to_owned(), json!({ "type": "string", "format": "date-time" })),
        ("ce_source".to_owned(), text("The sender.")),
        ("ce_specversion".to_owned(), json!({ "const": "1.0" })),
        ("content-type".to_owned(), json!({ "const": "application/json" })),
        ("traceparent".to_owned(), text("W3C Trace Context.")),
    ]);
    match entry.sort {
        Sort::Command | Sort::Reply => {
            all.insert("saga_id".to_owned(), text("The saga."));
            all.insert("step".to_owned(), text("The saga's step."));
            all.insert("attempt".to_owned(), json!({ "type": "string", "pattern": "^[0-9]+$" }));
            all.insert("action".to_owned(), json!({ "enum": ["execute", "compensate"] }));
        }
        Sort::Event | Sort::Result => {}
    }
    match entry.sort {
        Sort::Reply => {
            all.insert("correlation_id".to_owned(), text("The ce_id of the command that this replies to."));
        }
        Sort::Command | Sort::Event | Sort::Result => {}
    }
    Value::Object(all)
}

/// The command that publishes it by hand.
fn kcat(entry: &Entry, example: &Value) -> String {
    let mut command = format!("echo '{example}' | kcat -P -b localhost:29092 -t {}", entry.topic);
    let order = example["orderId"].as_str();
    let key = if entry.topic == topics::INVENTORY_COMMANDS { Some("main") } else { order };
    let headers: &[&str] = match entry.sort {
        Sort::Result => return command,
        Sort::Command => &["ce_id=1", "saga_id=SAGA", "step=STEP", "attempt=1", "action=execute"],
        Sort::Reply => &["saga_id=SAGA", "step=STEP", "attempt=1", "action=execute"],
        Sort::Event => &["ce_id=1"],
    };
    let subject = order.unwrap_or("SAGA");
    command.push_str(&format!(" -X partitioner=murmur2_random -k {}", key.unwrap_or("SAGA")));
    command.push_str(&format!(" -H ce_type={} -H ce_subject={subject}", entry.kind));
    for header in headers {
        command.push_str(&format!(" -H {}", header.replace("SAGA", subject)));
    }
    command
}

fn dead_letter() -> Value {
    let names = ["exception", "message", "topic", "partition", "offset"].map(|name| format!("__streams.errors.{name}"));
    let properties: Map<_, _> = names.iter().map(|name| (name.clone(), json!({ "type": "string" }))).collect();
    json!({
        "name": "dead.letter", "title": "A message that could not be read",
        "summary": "The message's key, value and headers, its topic, partition and offset, and the reason (KIP-1034).",
        "headers": { "type": "object", "properties": properties, "required": names },
        "payload": {},
    })
}

fn journal_record() -> Value {
    json!({
        "name": "journal.record", "title": "A record of a journal",
        "summary": "A service's own history, outbox and database in one. No other service reads or writes it.",
        "payload": { "type": "object" },
    })
}

fn topic_doc(name: &str) -> Option<&'static TopicDoc> {
    TOPICS.iter().find(|topic| topic.name == name)
}

fn channels() -> Value {
    let to = |kind: &str| json!({ "$ref": format!("#/components/messages/{kind}") });
    let mut all = Map::new();
    for topic in TOPICS {
        let of_topic = messages().filter(|entry| entry.topic == topic.name);
        let messages: Map<_, _> = of_topic.map(|entry| (entry.kind.to_owned(), to(entry.kind))).collect();
        all.insert(topic.name.to_owned(), channel(&Topic::input(topic.name), topic.about, topic.key, messages));
        let letters = Map::from_iter([("dead.letter".to_owned(), to("dead.letter"))]);
        let about = format!("Messages of {} that could not be read.", topic.name);
        let dlq = Topic::dead_letters_of(topic.name);
        all.insert(dlq.name.clone(), channel(&dlq, &about, "the message's key", letters));
    }
    for journal in JOURNALS {
        let records = Map::from_iter([("journal.record".to_owned(), to("journal.record"))]);
        let topic = Topic::journal(journal.topic);
        all.insert(journal.topic.to_owned(), channel(&topic, "A service's journal, never deleted.", "none", records));
    }
    Value::Object(all)
}

fn channel(topic: &Topic, about: &str, key: &str, messages: Map<String, Value>) -> Value {
    // The settings that AsyncAPI's Kafka binding defines.
    let number = |text: String| text.parse::<i64>().map_or(Value::String(text), Value::from);
    let settings = topic.settings().into_iter().filter_map(|(name, value)| match name {
        "cleanup.policy" => Some((name.to_owned(), json!([value]))),
        "retention.ms" | "retention.bytes" | "max.message.bytes" => Some((name.to_owned(), number(value))),
        _ => None,
    });
    let settings: Map<_, _> = settings.collect();
    json!({
        "address": topic.name,
        "description": format!("{about} Key: {key}."),
        "messages": messages,
        "bindings": { "kafka": { "topic": topic.name, "topicConfiguration": settings } },
    })
}

/// The topics that each service reads and writes, by its own lists.
fn operations() -> Value {
    fn of<P: Program>(all: &mut Map<String, Value>) {
        let events = P::EVENTS.as_slice();
        for (action, topics) in [("receive", P::INPUTS), ("send", P::OUTPUTS), ("send", events)] {
            for topic in topics.iter().filter(|topic| topic_doc(topic).is_some()) {
                let title = format!("{} {} {topic}", P::NAME, if action == "send" { "writes" } else { "reads" });
                let channel = json!({ "$ref": format!("#/channels/{topic}") });
                let operation = json!({ "action": action, "channel": channel, "title": title });
                all.insert(title.replace(' ', "."), operation);
            }
        }
    }
    let mut all = Map::new();
    of::<order_service::program::Program>(&mut all);
    of::<inventory_service::program::Program>(&mut all);
    of::<PaymentService>(&mut all);
    of::<Orchestrator>(&mut all);
    Value::Object(all)
}

/// Validates real messages against the document.
pub struct Contract {
    /// By topic and type.
    values: BTreeMap<(&'static str, &'static str), Validator>,
    headers: BTreeMap<(&'static str, &'static str), Validator>,
}

impl Contract {
    /// Compiles the schemas.
    ///
    /// # Errors
    /// An invalid schema.
    pub fn new() -> Result<Self> {
        let document = document()?;
        let mut values = BTreeMap::new();
        let mut headers = BTreeMap::new();
        for entry in messages() {
            let message = &document["components"]["messages"][entry.kind];
            let schema = |part: &str| {
                let mut schema = message[part].clone();
                // References point into the document.
                schema["components"] = json!({ "schemas": document["components"]["schemas"] });
                let options = jsonschema::options().with_draft(jsonschema::Draft::Draft7);
                options.build(&schema).map_err(|error| anyhow!("{} {part}: {error}", entry.kind))
            };
            let key = (entry.topic, entry.kind);
            values.insert(key, schema("payload")?);
            headers.insert(key, schema("headers")?);
        }
        Ok(Self { values, headers })
    }

    /// Validates a message's value and headers.
    ///
    /// # Errors
    /// The first violation.
    pub fn validate(&self, message: &ConsumedMessage) -> Result<()> {
        let topic = topic_doc(&message.topic).ok_or_else(|| anyhow!("the topic is not in {FILE}"))?.name;
        // Each of these topics has only one kind of message, and its type header is optional.
        let kind = match (message.kind(), topic) {
            ("", SAGA_REPLIES) => "saga.reply",
            ("", topics::PAYMENT_RESULTS) => "payment.result",
            ("", topics::GOODS_RECEIVED) => "goods.received",
            ("", topics::CASE_DECISIONS) => "case.decided",
            (kind, _) => kind,
        };
        let (value, headers) = self.validators(topic, kind).ok_or_else(|| anyhow!("'{kind}' is not in {FILE}"))?;
        let json: Value = serde_json::from_slice(&message.value).context("the value is not JSON")?;
        value.validate(&json).map_err(|error| anyhow!("{kind} at {}: {error}", error.instance_path()))?;
        let all = json!(message.headers);
        headers.validate(&all).map_err(|error| anyhow!("{kind}, headers at {}: {error}", error.instance_path()))
    }

    /// Validates a value against a message's schema.
    ///
    /// # Errors
    /// The first violation.
    pub fn validate_value(&self, entry: &Entry, value: &Value) -> Result<()> {
        let (validator, _) = self.validators(entry.topic, entry.kind).context("there is no such message")?;
        validator.validate(value).map_err(|error| anyhow!("{} at {}: {error}", entry.kind, error.instance_path()))
    }

    fn validators(&self, topic: &str, kind: &str) -> Option<(&Validator, &Validator)> {
        let (_, value) = self.values.iter().find(|((t, k), _)| *t == topic && *k == kind)?;
        let (_, headers) = self.headers.iter().find(|((t, k), _)| *t == topic && *k == kind)?;
        Some((value, headers))
    }
}
