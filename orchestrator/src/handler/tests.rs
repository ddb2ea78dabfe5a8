//! Tests of the handler and its rules over an in-memory journal.

use common::blob::Blob;
use common::journal::Memory;
use common::messages::{Headers, MessageMac};
use saga::{Operate, Status};
use serde_json::json;

use common::journal::{Entity as _, Key};
use common::messages::header;
use saga::Saga;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::entity::{early_key, saga_key};
use crate::messages::{ROLLOUT_SET, SAGA_ACTION, SagaAction};

const GIFT_CARD: &str = include_str!("../../../tests/scenarios/gift-card/gift-card.toml");
const CODE: &str = concat!(
    r#"receive = { topic = "codes", correlation = "card.saga", status = "card.is", "#,
    r#"yes = ["good"], timeout = "1m" }"#
);

fn id() -> Uuid {
    Uuid::from_u128(7)
}

fn definitions(texts: &[&str]) -> Definitions {
    let directory = tempfile::tempdir().unwrap();
    for (i, text) in texts.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{i}.toml")), text).unwrap();
    }
    Definitions::load(directory.path()).unwrap()
}

/// Partition `partition` of 2 of the orchestrator, with its entities in memory.
struct Fixture {
    handler: SagaHandler,
    memory: Memory<Entity>,
    partition: i32,
    offset: i64,
    now: Timestamp,
}

impl Fixture {
    fn new(texts: &[&str]) -> Self {
        let partition = topics::partition_of(id().to_string().as_bytes(), 2);
        let handler = SagaHandler::new(definitions(texts));
        let mut fixture = Self { handler, memory: Memory::default(), partition, offset: 0, now: Timestamp(1_000) };
        fixture.claim();
        fixture
    }

    /// Starts another process with these files on the same journal. Returns the reason if it refuses to run.
    fn restart(&mut self, texts: &[&str]) -> Option<String> {
        self.handler = SagaHandler::new(definitions(texts));
        self.claim()
    }

    fn claim(&mut self) -> Option<String> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Claimed, self.now).unwrap();
        tx.refused()
    }

    fn receive(
        &mut self,
        topic: &str,
        headers: &[(&'static str, &str)],
        value: &Value,
    ) -> Result<Vec<Outgoing>, Unreadable> {
        self.offset += 1;
        let mut all = Headers::default();
        headers.iter().for_each(|(name, value)| all.push(*name, *value));
        let message = Message {
            topic: topic.into(),
            partition: self.partition,
            offset: self.offset,
            timestamp: self.now,
            key: Some(Blob::from(id().to_string())),
            headers: all,
            value: Some(value.to_string().into_bytes()),
        };
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Message(&message), self.now)?;
        Ok(tx.sent().to_vec())
    }

    fn start(&mut self) -> Vec<Outgoing> {
        let headers = [(header::TYPE, "gift-card.created"), (header::SUBJECT, &*id().to_string())];
        let card = json!({"customerId": "c1", "amountMinor": 500, "currency": "EUR"});
        self.receive("created-gift-cards", &headers, &card).unwrap()
    }

    fn operate(&mut self, request: &str, act: &Value) -> Result<Vec<Outgoing>, Unreadable> {
        let headers = [(header::TYPE, SAGA_ACTION), (header::ID, request), (header::SUBJECT, &*id().to_string())];
        self.receive(topics::SAGA_COMMANDS, &headers, act)
    }

    fn reply(&mut self, step: &str) -> Vec<Outgoing> {
        let id = id().to_string();
        let headers =
            [(header::SAGA_ID, &*id), (header::STEP, step), (header::ATTEMPT, "1"), (header::ACTION, "execute")];
        self.receive(topics::SAGA_REPLIES, &headers, &json!({"outcome": "ok"})).unwrap()
    }

    fn wake(&mut self, key: &Key) -> Vec<Outgoing> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.handler.decide(&mut tx, Trigger::Timer(key), self.now).unwrap();
        tx.sent().to_vec()
    }

    fn saga(&self) -> &Saga {
        self.memory.get(&saga_key(id())).unwrap().saga().unwrap()
    }
}

/// Another version of the gift card, with another label.
fn second_version() -> String {
    GIFT_CARD.replace("version = 1", "version = 2").replace("label = { en = \"Gift card\"", "label = { en = \"Card\"")
}

#[test]
fn the_progress_of_a_slow_saga_is_sent_once_in_a_message_without_a_reply() {
    let progress = "[progress]\nparticipant = \"issuer\"\ncommand = \"gift-card.progress\"\n\
        input = { card = \"saga.id\", status = \"progress.status\" }\n\n[[steps]]\nstatus = \"asked\"\n";
    let mut fixture = Fixture::new(&[&GIFT_CARD.replacen("[[steps]]\n", progress, 1)]);
    fixture.start();
    assert_eq!(fixture.reply("request-payment"), []);
    let key = saga_key(id());
    let due = fixture.memory.get(&key).unwrap().wake_at().unwrap();
    assert_eq!(due, Timestamp(1_500));
    assert_eq!(fixture.wake(&key), [], "not before");
    fixture.now = due;
    let sent = fixture.wake(&key);
    let value: Value = serde_json::from_slice(sent[0].value.bytes().unwrap()).unwrap();
    assert_eq!(
        (sent.len(), &*sent[0].topic, value),
        (1, "gift-card-commands", json!({"card": id(), "status": "asked"}))
    );
    let header = |name| sent[0].headers.get(name);
    assert_eq!((header(header::TYPE), header(header::SUBJECT)), (Some("gift-card.progress"), Some(&*id().to_string())));
    assert_eq!(header(header::ID), Some(&*saga::progress_id(id(), "asked").to_string()));
    for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION] {
        assert_eq!(header(name), None, "{name}");
    }
    assert_eq!(fixture.wake(&key), [], "once");
}

#[test]
fn an_event_starts_a_saga_of_its_definition_once() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    let sent = fixture.start();
    assert_eq!((sent.len(), &*sent[0].topic), (1, "payment-commands"));
    assert_eq!(fixture.saga().customer.as_deref(), Some("c1"));
    assert!(fixture.start().is_empty());
    let wrong = fixture.receive("created-gift-cards", &[(header::TYPE, "what")], &json!({})).unwrap_err();
    assert_eq!(wrong, Unreadable::UnknownType("what".to_owned()));
}

#[test]
fn an_approval_that_comes_before_its_saga_is_kept_for_it() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    let result = json!({"orderId": id(), "status": " approved\n"});
    assert!(fixture.receive(topics::PAYMENT_RESULTS, &[], &result).unwrap().is_empty());
    fixture.start();
    assert_eq!(fixture.reply("request-payment")[0].headers.get(header::TYPE), Some("gift-card.issue"));
}

#[test]
fn a_callback_on_a_topic_of_its_own_is_read_as_the_definition_says() {
    let text = GIFT_CARD.replace(GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap(), CODE);
    let mut fixture = Fixture::new(&[&text]);
    fixture.start();
    fixture.reply("request-payment");
    for (value, why) in [
        (json!({}), "card.saga is missing"),
        (json!({"card": {"saga": "me", "is": "good"}}), "card.saga 'me' is not a UUID"),
        (json!({"card": {"saga": id(), "is": 3}}), "card.is is a number; it must be a text"),
        (json!(["card"]), "it is a JSON list"),
    ] {
        let wrong = fixture.receive("codes", &[], &value).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
    let sent = fixture.receive("codes", &[], &json!({"card": {"saga": id(), "is": "good"}})).unwrap();
    assert_eq!(sent[0].headers.get(header::TYPE), Some("gift-card.issue"));
}

#[test]
fn a_callback_on_the_wrong_partition_is_put_back_but_not_a_payment_result() {
    let text = GIFT_CARD.replace(GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap(), CODE);
    let mut fixture = Fixture::new(&[&text]);
    let home = fixture.partition;
    fixture.partition = 1 - home;
    let sent = fixture.receive("codes", &[], &json!({"card": {"saga": id(), "is": "good"}})).unwrap();
    assert_eq!((&*sent[0].topic, sent[0].partition), ("codes", Some(home)));
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    fixture.partition = 1 - home;
    assert!(
        fixture
            .receive(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"}))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_reply_on_the_wrong_partition_is_put_back() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    let home = fixture.partition;
    fixture.start();
    let upper = id().to_string().to_uppercase();
    let headers = [
        (header::SAGA_ID, &*upper),
        (header::STEP, "request-payment"),
        (header::ATTEMPT, "1"),
        (header::ACTION, "execute"),
    ];
    fixture.partition = 1 - home;
    let sent = fixture.receive(topics::SAGA_REPLIES, &headers, &json!({"outcome": "ok"})).unwrap();
    assert_eq!((&*sent[0].topic, sent[0].partition), (topics::SAGA_REPLIES, Some(home)));
    assert_eq!(sent[0].key, Some(Blob::from(id().to_string())));
    assert_eq!(sent[0].headers.get(header::SAGA_ID), Some(&*upper));
    fixture.partition = home;
    fixture.receive(topics::SAGA_REPLIES, &headers, &json!({"outcome": "ok"})).unwrap();
    assert_eq!(fixture.saga().step("request-payment").unwrap().status, saga::StepStatus::Done);
}

#[test]
fn early_callbacks_are_bounded_and_none_takes_the_place_of_one_that_counts() {
    let text = GIFT_CARD.replace(GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap(), CODE);
    let mut fixture = Fixture::new(&[&text]);
    for n in 0..100 {
        let noise = json!({"card": {"saga": id(), "is": format!("status {n}")}});
        assert_eq!(fixture.receive("codes", &[], &noise).unwrap(), []);
        assert!(fixture.memory.get(&early_key(id())).is_none(), "a status that no step knows is not stored");
    }
    for n in 0..100 {
        let good = json!({"card": {"saga": id(), "is": " Good"}, "n": n, "x": "y".repeat(16_000)});
        fixture.receive("codes", &[], &good).unwrap();
    }
    let Some(Entity::Early { callbacks, .. }) = fixture.memory.get(&early_key(id())) else {
        panic!("nothing is stored")
    };
    assert_eq!((callbacks.len(), &callbacks[0].payload["n"]), (1, &json!(0)), "the first one counts");
    let large = json!({"card": {"saga": id(), "is": "good"}, "x": "y".repeat(17_000)});
    let wrong = fixture.receive("codes", &[], &large).unwrap_err().to_string();
    assert!(wrong.contains("at most 16384 are kept of a message without named fields"), "{wrong}");
    fixture.start();
    assert_eq!(fixture.reply("request-payment")[0].headers.get(header::TYPE), Some("gift-card.issue"));
}

/// Two versions of a definition name different fields of the same message.
#[test]
fn a_saga_keeps_the_fields_that_its_own_version_names() {
    let receive = GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap();
    let with = |text: &str, fields: &str| {
        let code = CODE.replace("timeout", &format!("fields = {{ {fields} }}, timeout"));
        text.replace(receive, &format!("{code}\noutput = \"result\""))
    };
    let first = with(GIFT_CARD, "price = \"number\", \"card.pin\" = \"text\"");
    let second = with(&second_version(), "price = \"number\"");
    for (texts, kept) in [
        (vec![&*first, &*second], json!({"card": {"saga": id(), "is": "good"}, "price": 5})),
        (vec![&*first], json!({"card": {"saga": id(), "is": "good", "pin": "1"}, "price": 5})),
    ] {
        let mut fixture = Fixture::new(&texts);
        fixture.start();
        fixture.reply("request-payment");
        let code = json!({"card": {"saga": id(), "is": "good", "pin": "1"}, "price": 5, "x": 1e300});
        fixture.receive("codes", &[], &code).unwrap();
        assert_eq!(fixture.saga().step("payment-result").unwrap().status, saga::StepStatus::Done);
        assert_eq!(fixture.saga().data.as_map()["result"], kept);
    }
}

#[test]
fn an_action_is_applied_once_and_an_invalid_one_is_rejected() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    let pause = json!({"by": "techlead", "why": "look", "action": "pause"});
    assert!(fixture.operate("1", &pause).unwrap_err().to_string().contains("there is no saga"));
    fixture.start();
    fixture.operate("1", &pause).unwrap();
    fixture.operate("1", &pause).unwrap();
    assert_eq!((fixture.saga().status, fixture.saga().operations.len()), (Status::Paused, 1));
    fixture.operate("2", &json!({"by": "techlead", "why": "go", "action": "resume"})).unwrap();
    let skip =
        json!({"by": "techlead", "why": "paid in cash", "action": "skip", "step": "request-payment", "answer": 1});
    fixture.operate("3", &skip).unwrap();
    assert_eq!(fixture.saga().step("request-payment").unwrap().status, saga::StepStatus::Done);
    for (value, why) in [
        (json!({"by": "t", "why": "w", "action": "explode"}), "explode"),
        (json!({"by": "t", "why": "w", "action": "skip"}), "step"),
        (json!({"by": "t", "why": "w", "action": "retry", "setp": "x"}), "setp"),
        (json!({"why": "w", "action": "pause"}), "by"),
    ] {
        let wrong = fixture.operate("4", &value).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
    let sent = serde_json::to_value(SagaAction { by: "t".into(), why: "w".into(), what: Operate::Pause }).unwrap();
    assert_eq!(sent, json!({"by": "t", "why": "w", "action": "pause"}));
}

#[test]
fn a_definition_that_changed_without_a_new_version_is_refused() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    assert_eq!(fixture.restart(&[&format!("# a comment\n{GIFT_CARD}")]), None);
    let sent = fixture.restart(&[&GIFT_CARD.replace("\"15m\"", "\"16m\"")]).unwrap();
    assert!(sent.contains("gift-card version 1 has changed"), "{sent}");
    assert!(sent.contains("-        \"timeout\": \"15m\"\n+        \"timeout\": \"16m\""), "{sent}");
}

/// A release that names the fields of a callback which an earlier one did not name.
#[test]
fn naming_the_default_fields_of_a_callback_is_no_change() {
    for text in [include_str!("../../sagas/order.toml"), include_str!("../../sagas/return.toml")] {
        let (before, rest) = text.split_once("[steps.receive.fields]").unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let mut fixture = Fixture::new(&[&format!("{before}\n{after}")]);
        assert_eq!(fixture.restart(&[text]), None);
    }
}

#[test]
fn a_saga_goes_on_with_its_definition_after_the_file_is_removed() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    fixture.start();
    assert_eq!(fixture.restart(&[&second_version()]), None);
    fixture.reply("request-payment");
    fixture.receive(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"})).unwrap();
    assert_eq!(fixture.reply("issue")[0].headers.get(header::TYPE), Some("gift-card.conclude"));
    assert_eq!(fixture.saga().version, 1);
    assert!(fixture.start().is_empty(), "a repeated event is an input of version 1");
    assert_eq!(fixture.reply("conclude").len(), 0);
    assert_eq!(fixture.saga().status, Status::Completed);
}

#[test]
fn new_sagas_start_on_the_newest_version_or_by_the_rollout() {
    for (percent, version) in [(None, 2), (Some(0), 1), (Some(100), 2)] {
        let mut fixture = Fixture::new(&[GIFT_CARD, &second_version()]);
        if let Some(percent) = percent {
            let set = json!({"by": "t", "why": "w", "definition": "gift-card", "version": 2, "percent": percent});
            fixture.receive(topics::SAGA_COMMANDS, &[(header::TYPE, ROLLOUT_SET)], &set).unwrap();
        }
        fixture.start();
        assert_eq!(fixture.saga().version, version, "{percent:?}");
    }
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    for (version, percent, why) in [(2, 10, "no definition gift-card version 2"), (1, 101, "from 0 to 100")] {
        let set = json!({"by": "t", "why": "w", "definition": "gift-card", "version": version, "percent": percent});
        let wrong = fixture.receive(topics::SAGA_COMMANDS, &[(header::TYPE, ROLLOUT_SET)], &set).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
}

/// The customer cancels the order.
fn cancel(fixture: &mut Fixture) -> Vec<Outgoing> {
    let headers = [(header::TYPE, "order.cancel-requested"), (header::SUBJECT, &*id().to_string())];
    let value = json!({"orderId": id(), "by": "customer", "why": "a mistake"});
    fixture.receive(topics::CREATED_ORDERS, &headers, &value).unwrap()
}

fn start_order(fixture: &mut Fixture) -> Vec<Outgoing> {
    let headers = [(header::TYPE, "order.created"), (header::SUBJECT, &*id().to_string())];
    fixture
        .receive(topics::CREATED_ORDERS, &headers, &json!({"orderId": id(), "amountMinor": 1_050, "items": []}))
        .unwrap()
}

fn assert_cancelled(fixture: &Fixture) {
    let Some(Entity::Saga(saga)) = fixture.memory.get(&saga_key(id())) else { panic!("no saga") };
    assert_eq!(saga.status, Status::Compensating);
    assert_eq!(saga.ending.clone().unwrap().reason.as_deref(), Some("cancelled_by_customer"));
    assert_eq!((&*saga.operations[0].by, &*saga.operations[0].why), ("customer", "a mistake"));
}

#[test]
fn the_sender_of_the_start_event_can_cancel_the_saga() {
    let mut fixture = Fixture::new(&[include_str!("../../sagas/order.toml")]);
    start_order(&mut fixture);
    assert_eq!(cancel(&mut fixture)[0].headers.get(header::TYPE), Some("inventory.release"));
    assert_cancelled(&fixture);
    assert_eq!(cancel(&mut fixture), [], "once is enough");
}

#[test]
fn a_saga_cancelled_before_it_starts_starts_and_compensates() {
    let mut fixture = Fixture::new(&[include_str!("../../sagas/order.toml")]);
    assert_eq!(cancel(&mut fixture), []);
    let sent = start_order(&mut fixture);
    let kinds: Vec<_> = sent.iter().filter_map(|message| message.headers.get(header::TYPE)).collect();
    assert_eq!(kinds, ["inventory.reserve", "inventory.release"]);
    assert_cancelled(&fixture);
}

#[test]
fn with_a_secret_only_results_that_payment_service_wrote_are_taken() {
    let mac = MessageMac::new("a secret of the tests").unwrap();
    let other = MessageMac::new("another secret of the tests").unwrap();
    for (marks, taken) in [(None, false), (Some(&other), false), (Some(&mac), true)] {
        let mut fixture = Fixture::new(&[GIFT_CARD]);
        fixture.handler = SagaHandler::new(definitions(&[GIFT_CARD])).with_results_mac(Some(mac.clone()));
        fixture.start();
        fixture.reply("request-payment");
        let before = fixture.saga().clone();
        let result = json!({"orderId": id(), "status": "approved"});
        let text = id().to_string();
        let sent = Outgoing::event(topics::PAYMENT_RESULTS, &text, "payment.result", "1", &text, fixture.now, &result);
        let sent = marks.map_or_else(|| sent.clone(), |mac| mac.mark(sent.clone()));
        let mark = sent.headers.get(header::MAC).unwrap_or_default().to_owned();
        let headers = [(header::ID, "1"), (header::MAC, &*mark)];
        let headers = if mark.is_empty() { &headers[..1] } else { &headers[..] };
        let sent = fixture.receive(topics::PAYMENT_RESULTS, headers, &result).unwrap();
        assert_eq!((!sent.is_empty(), fixture.saga() != &before), (taken, taken), "{marks:?}");
    }
}

#[test]
fn with_a_secret_an_early_result_that_payment_service_did_not_write_is_not_kept() {
    let mac = MessageMac::new("a secret of the tests").unwrap();
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    fixture.handler = SagaHandler::new(definitions(&[GIFT_CARD])).with_results_mac(Some(mac));
    fixture.receive(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"})).unwrap();
    assert!(fixture.memory.get(&crate::entity::early_key(id())).is_none());
}
