//! The message contract: `docs/asyncapi.json` is generated from the current types, its examples are valid, and messages
//! of earlier releases can be read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::contract::{MESSAGES, Sort, TOPICS};
use common::service::Program;
use common::{schemas, topics};
use orchestrator::definitions::Definitions;
use orchestrator::i18n::Lang;
use serde_json::{Value, json};
use tests::contract::{COMMAND, Contract, FILE, JOURNALS, document, messages, text};
use tests::files;
use tests::kafka::ConsumedMessage;
use tests::record;

#[test]
fn the_document_is_generated_from_the_types() {
    let written = std::fs::read_to_string(files::root().join(FILE)).unwrap_or_default();
    assert!(written == text().unwrap(), "{FILE} is out of date: {COMMAND}");
}

/// AsyncAPI's own schema, which `./dev test` fetches.
#[test]
fn the_document_is_asyncapi_3_0() {
    let schema = files::target().unwrap().join("asyncapi/node_modules/@asyncapi/specs/schemas/3.0.0.json");
    let text = std::fs::read_to_string(&schema).unwrap_or_else(|error| {
        let by_hand = "npm install --no-save --prefix target/asyncapi @asyncapi/specs";
        panic!("{}: {error}; ./dev test fetches it, and so does: {by_hand}", schema.display())
    });
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap();
    let document = document().unwrap();
    let wrong: Vec<_> = validator.iter_errors(&document).map(|error| format!("{}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let nonsense = json!({"asyncapi": "3.0.0", "info": {}});
    assert!(!validator.is_valid(&nonsense));
}

#[test]
fn every_reference_of_the_document_resolves() {
    common::http::check_description(&document().unwrap()).unwrap();
}

#[test]
fn every_example_is_readable_and_valid() {
    let contract = Contract::new().unwrap();
    for entry in messages() {
        (entry.read)(entry.example.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", entry.kind));
        contract.validate_value(entry, &serde_json::from_str(entry.example).unwrap()).unwrap();
    }
}

/// A task shows what the message that started its saga has, besides objects and lists.
#[test]
fn what_a_task_of_a_built_in_definition_shows_has_names_in_both_languages() {
    let document = document().unwrap();
    let definitions = Definitions::load(Path::new("")).unwrap();
    let mut names = BTreeSet::new();
    for definition in definitions.all().filter(|definition| definition.steps.iter().any(|step| step.human.is_some())) {
        let event = definition.start.event.as_str();
        let message = &document["components"]["messages"][event];
        let properties = resolve(&document, &resolve(&document, message)["payload"])["properties"].as_object();
        let shown = properties.unwrap_or_else(|| panic!("{event}: {message}")).iter();
        names.extend(shown.filter(|(_, schema)| is_scalar(&document, schema)).map(|(name, _)| name.clone()));
    }
    assert!(names.len() > 15 && names.contains("refundMinor"), "{names:?}");
    let unnamed = |name: &&String| [Lang::En, Lang::Pt].iter().any(|lang| lang.field(name) == **name);
    assert_eq!(names.iter().filter(unnamed).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// The schema or message to which a reference leads.
fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => resolve(document, document.pointer(reference.trim_start_matches('#')).unwrap()),
        None => value,
    }
}

/// Whether a schema has values that are neither objects nor lists.
fn is_scalar(document: &Value, schema: &Value) -> bool {
    let schema = resolve(document, schema);
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().any(|schema| schema["type"] != "null" && is_scalar(document, schema));
    }
    let kind = &schema["type"];
    let kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind.clone()]);
    kinds.iter().any(|kind| ["string", "integer", "number", "boolean"].iter().any(|scalar| kind == scalar))
}

#[test]
fn every_message_has_one_known_topic_and_every_topic_of_a_service_is_known() {
    let topics: BTreeSet<_> = TOPICS.iter().map(|topic| topic.name).collect();
    let mut kinds = BTreeSet::new();
    for entry in messages() {
        assert!(topics.contains(entry.topic), "{} is on {}, which is not in TOPICS", entry.kind, entry.topic);
        assert!(kinds.insert(entry.kind), "{} is listed twice", entry.kind);
    }
    fn of<P: Program>(all: &mut Vec<&'static str>) {
        all.extend(
            P::INPUTS.iter().chain(P::OUTPUTS).chain(&P::EVENTS).filter(|topic| !topics::is_dead_letters(topic)),
        );
    }
    let mut read = Vec::new();
    of::<order_service::program::Program>(&mut read);
    of::<inventory_service::program::Program>(&mut read);
    of::<payment_service::program::PaymentService>(&mut read);
    of::<orchestrator::program::Orchestrator>(&mut read);
    for topic in read {
        assert!(topics.contains(topic), "{topic} is not in common::contract::TOPICS");
    }
}

fn message(topic: &str, headers: &[(&str, &str)], value: &Value) -> ConsumedMessage {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let value = value.to_string().into_bytes();
    ConsumedMessage { topic: topic.to_owned(), partition: 0, offset: 0, at: 0, key: None, headers, value }
}

#[test]
fn undocumented_messages_are_detected() {
    let contract = Contract::new().unwrap();
    let result = json!({"orderId": "0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "status": " Approved "});
    contract.validate(&message(topics::PAYMENT_RESULTS, &[], &result)).unwrap();
    let wrong = json!({"orderId": "0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "status": "perhaps"});
    assert!(contract.validate(&message(topics::PAYMENT_RESULTS, &[], &wrong)).is_err());
    let unknown = message(topics::ORDER_COMMANDS, &[("ce_type", "order.dream")], &json!({}));
    assert!(contract.validate(&unknown).unwrap_err().to_string().contains("order.dream"));
    assert!(contract.validate(&message("dreams", &[], &json!({}))).is_err());
    let reply = json!({"outcome": "ok", "data": {}});
    let without = message(topics::SAGA_REPLIES, &[("step", "reserve")], &reply);
    assert!(contract.validate(&without).unwrap_err().to_string().contains("headers"), "headers are not validated");
    assert!(MESSAGES.iter().any(|entry| entry.sort == Sort::Reply));
}

/// The schema of payment results is one: of the readers, of the saga's definition and of the document.
#[test]
fn the_fields_of_results_are_the_same_everywhere() {
    let document = document().unwrap();
    for (file, topic, name, schema) in [
        ("order.toml", topics::PAYMENT_RESULTS, "PaymentResult", &schemas::PAYMENT_RESULT),
        ("return.toml", topics::GOODS_RECEIVED, "GoodsReceived", &schemas::GOODS_RECEIVED),
        ("parcel.toml", topics::CASE_DECISIONS, "CaseDecision", &schemas::CASE_DECISION),
        ("failed-refund.toml", topics::CASE_DECISIONS, "CaseDecision", &schemas::CASE_DECISION),
        ("dispute.toml", topics::CASE_DECISIONS, "CaseDecision", &schemas::CASE_DECISION),
    ] {
        let text = std::fs::read_to_string(files::root().join("orchestrator/sagas").join(file)).unwrap();
        assert!(text.contains("[steps.receive.fields]"), "{file} names its fields");
        let definition = saga::Definition::parse(file, &text).unwrap();
        let receive = definition.receives().find(|receive| receive.topic == topic).unwrap();
        assert_eq!(receive.fields, None, "{file} names the fields of the schema, all and no others");
        let documented = &document["components"]["schemas"][name];
        let names: BTreeSet<&str> = documented["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, schema.fields.iter().map(|field| &*field.path).collect(), "{name}");
        for field in &*schema.fields {
            let required = documented["required"].as_array().unwrap().contains(&Value::from(&*field.path));
            assert_eq!(required, field.required, "{name}.{}", field.path);
            assert!(!documented["properties"][&*field.path]["description"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn messages_of_earlier_releases_are_still_read() {
    let readers: BTreeMap<_, _> = JOURNALS.iter().map(|journal| (journal.topic, journal.read)).collect();
    let mut read = BTreeSet::new();
    let mut wrong = Vec::new();
    for release in std::fs::read_dir(record::releases()).unwrap().map(|entry| entry.unwrap().path()) {
        for (topic, all) in record::read(&release).unwrap() {
            for recorded in all {
                let entry = messages().find(|entry| entry.topic == topic && entry.kind == recorded.kind);
                let reader = readers.get(topic.as_str()).copied().or(entry.map(|entry| entry.read));
                let bytes = recorded.value.to_string().into_bytes();
                let result = reader.map_or_else(|| Err("it has no reader".to_owned()), |reads| reads(&bytes));
                wrong.extend(result.err().map(|why| format!("{} {topic} {}: {why}", release.display(), recorded.kind)));
                read.insert((topic.clone(), recorded.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(read.len() >= 20, "only {} kinds of messages are recorded: {read:?}", read.len());
}
