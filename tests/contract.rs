//! The message contract: what stands in `docs/asyncapi.json` is what the types say, its examples hold, and what the
//! last releases wrote is still read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

use std::collections::{BTreeMap, BTreeSet};

use common::contract::{MESSAGES, Sort, TOPICS};
use common::service::Program;
use common::topics;
use serde_json::{Value, json};
use tests::contract::{COMMAND, Contract, FILE, JOURNALS, document, messages, text};
use tests::files;
use tests::kafka::Lying;
use tests::record;

#[test]
fn the_document_is_what_the_types_say() {
    let written = std::fs::read_to_string(files::root().join(FILE)).unwrap_or_default();
    assert!(written == text().unwrap(), "{FILE} is not what the types say now: {COMMAND}");
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
fn every_reference_of_the_document_leads_somewhere() {
    common::http::check_description(&document().unwrap()).unwrap();
}

#[test]
fn every_example_is_read_and_as_documented() {
    let contract = Contract::new().unwrap();
    for entry in messages() {
        (entry.read)(entry.example.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", entry.kind));
        contract.takes(entry, &serde_json::from_str(entry.example).unwrap()).unwrap();
    }
}

#[test]
fn every_message_stands_once_on_a_topic_that_is_there_and_every_topic_of_a_service_is() {
    let topics: BTreeSet<_> = TOPICS.iter().map(|topic| topic.name).collect();
    let mut kinds = BTreeSet::new();
    for entry in messages() {
        assert!(topics.contains(entry.topic), "{} is on {}, of which TOPICS knows nothing", entry.kind, entry.topic);
        assert!(kinds.insert(entry.kind), "{} stands twice", entry.kind);
    }
    fn of<P: Program>(all: &mut Vec<&'static str>) {
        all.extend(P::INPUTS.iter().chain(P::OUTPUTS).filter(|topic| !topics::is_dead_letters(topic)));
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

fn lying(topic: &str, headers: &[(&str, &str)], value: &Value) -> Lying {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let value = value.to_string().into_bytes();
    Lying { topic: topic.to_owned(), partition: 0, offset: 0, at: 0, key: None, headers, value }
}

#[test]
fn what_is_not_documented_is_found() {
    let contract = Contract::new().unwrap();
    let result = json!({"orderId": "0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "status": " Approved "});
    contract.holds(&lying(topics::PAYMENT_RESULTS, &[], &result)).unwrap();
    let wrong = json!({"orderId": "0197a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", "status": "perhaps"});
    assert!(contract.holds(&lying(topics::PAYMENT_RESULTS, &[], &wrong)).is_err());
    let unknown = lying(topics::ORDER_COMMANDS, &[("ce_type", "order.dream")], &json!({}));
    assert!(contract.holds(&unknown).unwrap_err().to_string().contains("order.dream"));
    assert!(contract.holds(&lying("dreams", &[], &json!({}))).is_err());
    let reply = json!({"outcome": "ok", "data": {}});
    let without = lying(topics::SAGA_REPLIES, &[("step", "reserve")], &reply);
    assert!(contract.holds(&without).unwrap_err().to_string().contains("headers"), "headers are looked at, too");
    assert!(MESSAGES.iter().any(|entry| entry.sort == Sort::Reply));
}

#[test]
fn what_earlier_releases_wrote_is_still_read() {
    let readers: BTreeMap<_, _> = JOURNALS.iter().map(|journal| (journal.topic, journal.read)).collect();
    let (mut read, mut wrong) = (BTreeSet::new(), Vec::new());
    for release in std::fs::read_dir(record::releases()).unwrap().map(|entry| entry.unwrap().path()) {
        for (topic, all) in record::kept(&release).unwrap() {
            for kept in all {
                let entry = messages().find(|entry| entry.topic == topic && entry.kind == kept.kind);
                let reader = readers.get(topic.as_str()).copied().or(entry.map(|entry| entry.read));
                let bytes = kept.value.to_string().into_bytes();
                let told = reader.map_or_else(|| Err("nobody reads it".to_owned()), |reads| reads(&bytes));
                wrong.extend(told.err().map(|why| format!("{} {topic} {}: {why}", release.display(), kept.kind)));
                read.insert((topic.clone(), kept.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(read.len() >= 20, "only {} kinds of messages are kept: {read:?}", read.len());
}
