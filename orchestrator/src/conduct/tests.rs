//! Which message is which input, what waits for a saga, what people ask for, and which definition a saga runs on.

use common::blob::Blob;
use common::journal::Memory;
use common::messages::Headers;
use saga::{Operate, Status};
use serde_json::json;

use super::*;

const GIFT_CARD: &str = include_str!("../../../tests/scenarios/gift-card/gift-card.toml");
const CODE: &str = "receive = { topic = \"codes\", correlation = \"card.saga\", status = \"card.is\", yes = [\"good\"], timeout = \"1m\" }";

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

/// The orchestrator's partition `partition` of 2, and what it keeps.
struct Desk {
    conductor: Conductor,
    memory: Memory<Kept>,
    partition: i32,
    offset: i64,
    now: Timestamp,
}

impl Desk {
    fn new(texts: &[&str]) -> Self {
        let partition = topics::partition_of(id().to_string().as_bytes(), 2);
        let conductor = Conductor::new(definitions(texts));
        let mut desk = Self { conductor, memory: Memory::default(), partition, offset: 0, now: Timestamp(1_000) };
        desk.claim();
        desk
    }

    /// Another process, with these files, on the same journal; why it refuses to work, if it does.
    fn restart(&mut self, texts: &[&str]) -> Option<String> {
        self.conductor = Conductor::new(definitions(texts));
        self.claim()
    }

    fn claim(&mut self) -> Option<String> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.conductor.decide(&mut tx, Trigger::Claimed, self.now).unwrap();
        tx.refused()
    }

    fn hears(
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
        self.conductor.decide(&mut tx, Trigger::Message(&message), self.now)?;
        Ok(tx.sent().to_vec())
    }

    fn begins(&mut self) -> Vec<Outgoing> {
        let headers = [(header::TYPE, "gift-card.created"), (header::SUBJECT, &*id().to_string())];
        let card = json!({"customerId": "c1", "amountMinor": 500, "currency": "EUR"});
        self.hears("created-gift-cards", &headers, &card).unwrap()
    }

    fn operates(&mut self, request: &str, act: &Value) -> Result<Vec<Outgoing>, Unreadable> {
        let headers = [(header::TYPE, SAGA_ACTION), (header::ID, request), (header::SUBJECT, &*id().to_string())];
        self.hears(topics::SAGA_COMMANDS, &headers, act)
    }

    fn answers(&mut self, step: &str) -> Vec<Outgoing> {
        let id = id().to_string();
        let headers =
            [(header::SAGA_ID, &*id), (header::STEP, step), (header::ATTEMPT, "1"), (header::ACTION, "execute")];
        self.hears(topics::SAGA_REPLIES, &headers, &json!({"outcome": "ok"})).unwrap()
    }

    fn wakes(&mut self, key: &Key) -> Vec<Outgoing> {
        let store = std::collections::BTreeMap::new();
        let mut tx = Transaction::over(&mut self.memory, &store, self.partition, 2);
        self.conductor.decide(&mut tx, Trigger::Timer(key), self.now).unwrap();
        tx.sent().to_vec()
    }

    fn saga(&self) -> &Saga {
        self.memory.get(&saga_key(id())).unwrap().saga().unwrap()
    }
}

/// The gift card of another version, which waits for a code where it waited for the payment.
fn second() -> String {
    GIFT_CARD.replace("version = 1", "version = 2").replace("label = { en = \"Gift card\"", "label = { en = \"Card\"")
}

#[test]
fn how_far_a_saga_is_is_told_when_it_has_lasted_in_a_message_that_nobody_answers() {
    let progress = "[progress]\nparticipant = \"issuer\"\ncommand = \"gift-card.progress\"\n\
        input = { card = \"saga.id\", status = \"progress.status\" }\n\n[[steps]]\nstatus = \"asked\"\n";
    let mut desk = Desk::new(&[&GIFT_CARD.replacen("[[steps]]\n", progress, 1)]);
    desk.begins();
    assert_eq!(desk.answers("request-payment"), []);
    let key = saga_key(id());
    let due = desk.memory.get(&key).unwrap().wake_at().unwrap();
    assert_eq!(due, Timestamp(1_500));
    assert_eq!(desk.wakes(&key), [], "not before");
    desk.now = due;
    let told = desk.wakes(&key);
    let value: Value = serde_json::from_slice(told[0].value.bytes().unwrap()).unwrap();
    assert_eq!(
        (told.len(), &*told[0].topic, value),
        (1, "gift-card-commands", json!({"card": id(), "status": "asked"}))
    );
    let header = |name| told[0].headers.get(name);
    assert_eq!((header(header::TYPE), header(header::SUBJECT)), (Some("gift-card.progress"), Some(&*id().to_string())));
    assert_eq!(header(header::ID), Some(&*saga::progress_id(id(), "asked").to_string()));
    for name in [header::SAGA_ID, header::STEP, header::ATTEMPT, header::ACTION] {
        assert_eq!(header(name), None, "{name}");
    }
    assert_eq!(desk.wakes(&key), [], "once");
}

#[test]
fn an_event_begins_a_saga_of_its_definition_and_once() {
    let mut desk = Desk::new(&[GIFT_CARD]);
    let sent = desk.begins();
    assert_eq!((sent.len(), &*sent[0].topic), (1, "payment-commands"));
    assert_eq!(desk.saga().customer.as_deref(), Some("c1"));
    assert!(desk.begins().is_empty());
    let wrong = desk.hears("created-gift-cards", &[(header::TYPE, "what")], &json!({})).unwrap_err();
    assert_eq!(wrong, Unreadable::UnknownType("what".to_owned()));
}

#[test]
fn an_approval_that_comes_before_its_saga_is_kept_for_it() {
    let mut desk = Desk::new(&[GIFT_CARD]);
    let result = json!({"orderId": id(), "status": " approved\n"});
    assert!(desk.hears(topics::PAYMENT_RESULTS, &[], &result).unwrap().is_empty());
    desk.begins();
    assert_eq!(desk.answers("request-payment")[0].headers.get(header::TYPE), Some("gift-card.issue"));
}

#[test]
fn a_callback_on_a_topic_of_its_own_is_read_as_the_definition_says() {
    let text = GIFT_CARD.replace(GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap(), CODE);
    let mut desk = Desk::new(&[&text]);
    desk.begins();
    desk.answers("request-payment");
    for (value, why) in [
        (json!({}), "there is no text at 'card.saga'"),
        (json!({"card": {"saga": "me", "is": "good"}}), "card.saga 'me' is not an id"),
        (json!({"card": {"saga": id(), "is": 3}}), "there is no text at 'card.is'"),
    ] {
        let wrong = desk.hears("codes", &[], &value).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
    let sent = desk.hears("codes", &[], &json!({"card": {"saga": id(), "is": "good"}})).unwrap();
    assert_eq!(sent[0].headers.get(header::TYPE), Some("gift-card.issue"));
}

#[test]
fn a_callback_on_the_wrong_partition_is_put_back_but_not_a_payment_result() {
    let text = GIFT_CARD.replace(GIFT_CARD.lines().find(|line| line.starts_with("receive")).unwrap(), CODE);
    let mut desk = Desk::new(&[&text]);
    let home = desk.partition;
    desk.partition = 1 - home;
    let sent = desk.hears("codes", &[], &json!({"card": {"saga": id(), "is": "good"}})).unwrap();
    assert_eq!((&*sent[0].topic, sent[0].partition), ("codes", Some(home)));
    let mut desk = Desk::new(&[GIFT_CARD]);
    desk.partition = 1 - home;
    assert!(
        desk.hears(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"})).unwrap().is_empty()
    );
}

#[test]
fn an_operator_acts_once_and_what_cannot_be_read_is_told() {
    let mut desk = Desk::new(&[GIFT_CARD]);
    let pause = json!({"by": "techlead", "why": "look", "action": "pause"});
    assert!(desk.operates("1", &pause).unwrap_err().to_string().contains("there is no saga"));
    desk.begins();
    desk.operates("1", &pause).unwrap();
    desk.operates("1", &pause).unwrap();
    assert_eq!((desk.saga().status, desk.saga().operations.len()), (Status::Paused, 1));
    desk.operates("2", &json!({"by": "techlead", "why": "go", "action": "resume"})).unwrap();
    let skip =
        json!({"by": "techlead", "why": "paid in cash", "action": "skip", "step": "request-payment", "answer": 1});
    desk.operates("3", &skip).unwrap();
    assert_eq!(desk.saga().step("request-payment").unwrap().status, saga::StepStatus::Done);
    for (value, why) in [
        (json!({"by": "t", "why": "w", "action": "explode"}), "explode"),
        (json!({"by": "t", "why": "w", "action": "skip"}), "step"),
        (json!({"by": "t", "why": "w", "action": "retry", "setp": "x"}), "setp"),
        (json!({"why": "w", "action": "pause"}), "by"),
    ] {
        let wrong = desk.operates("4", &value).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
    let told = serde_json::to_value(SagaAction { by: "t".into(), why: "w".into(), what: Operate::Pause }).unwrap();
    assert_eq!(told, json!({"by": "t", "why": "w", "action": "pause"}));
}

#[test]
fn a_definition_that_changed_under_its_version_is_refused() {
    let mut desk = Desk::new(&[GIFT_CARD]);
    assert_eq!(desk.restart(&[&format!("# said again\n{GIFT_CARD}")]), None);
    let told = desk.restart(&[&GIFT_CARD.replace("\"15m\"", "\"16m\"")]).unwrap();
    assert!(told.contains("gift-card version 1 is not what it was"), "{told}");
    assert!(told.contains("-        \"timeout\": \"15m\"\n+        \"timeout\": \"16m\""), "{told}");
}

#[test]
fn a_saga_goes_on_with_its_definition_when_the_file_is_gone() {
    let mut desk = Desk::new(&[GIFT_CARD]);
    desk.begins();
    assert_eq!(desk.restart(&[&second()]), None);
    desk.answers("request-payment");
    desk.hears(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"})).unwrap();
    assert_eq!(desk.answers("issue")[0].headers.get(header::TYPE), Some("gift-card.conclude"));
    assert_eq!(desk.saga().version, 1);
    assert!(desk.begins().is_empty(), "and is asked by it");
    assert_eq!(desk.answers("conclude").len(), 0);
    assert_eq!(desk.saga().status, Status::Completed);
}

#[test]
fn new_sagas_begin_on_the_newest_version_or_as_the_rollout_says() {
    for (percent, version) in [(None, 2), (Some(0), 1), (Some(100), 2)] {
        let mut desk = Desk::new(&[GIFT_CARD, &second()]);
        if let Some(percent) = percent {
            let set = json!({"by": "t", "why": "w", "definition": "gift-card", "version": 2, "percent": percent});
            desk.hears(topics::SAGA_COMMANDS, &[(header::TYPE, ROLLOUT_SET)], &set).unwrap();
        }
        desk.begins();
        assert_eq!(desk.saga().version, version, "{percent:?}");
    }
    let mut desk = Desk::new(&[GIFT_CARD]);
    for (version, percent, why) in [(2, 10, "no definition gift-card version 2"), (1, 101, "from 0 to 100")] {
        let set = json!({"by": "t", "why": "w", "definition": "gift-card", "version": version, "percent": percent});
        let wrong = desk.hears(topics::SAGA_COMMANDS, &[(header::TYPE, ROLLOUT_SET)], &set).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
}

/// The customer of the order wants it back.
fn cancel(desk: &mut Desk) -> Vec<Outgoing> {
    let headers = [(header::TYPE, "order.cancel-requested"), (header::SUBJECT, &*id().to_string())];
    let value = json!({"orderId": id(), "by": "customer", "why": "a mistake"});
    desk.hears(topics::CREATED_ORDERS, &headers, &value).unwrap()
}

fn begin(desk: &mut Desk) -> Vec<Outgoing> {
    let headers = [(header::TYPE, "order.created"), (header::SUBJECT, &*id().to_string())];
    desk.hears(topics::CREATED_ORDERS, &headers, &json!({"orderId": id(), "amountMinor": 1_050, "items": []})).unwrap()
}

fn is_taken_back(desk: &Desk) {
    let Some(Kept::Saga(saga)) = desk.memory.get(&saga_key(id())) else { panic!("no saga") };
    assert_eq!(saga.status, Status::Compensating);
    assert_eq!(saga.ending.clone().unwrap().reason.as_deref(), Some("cancelled_by_customer"));
    assert_eq!((&*saga.operations[0].by, &*saga.operations[0].why), ("customer", "a mistake"));
}

#[test]
fn whoever_began_a_saga_can_take_it_back() {
    let mut desk = Desk::new(&[include_str!("../../sagas/order.toml")]);
    begin(&mut desk);
    assert_eq!(cancel(&mut desk)[0].headers.get(header::TYPE), Some("inventory.release"));
    is_taken_back(&desk);
    assert_eq!(cancel(&mut desk), [], "once is enough");
}

#[test]
fn a_saga_that_is_taken_back_before_it_begins_begins_and_turns_back() {
    let mut desk = Desk::new(&[include_str!("../../sagas/order.toml")]);
    assert_eq!(cancel(&mut desk), []);
    let sent = begin(&mut desk);
    let kinds: Vec<_> = sent.iter().filter_map(|message| message.headers.get(header::TYPE)).collect();
    assert_eq!(kinds, ["inventory.reserve", "inventory.release"]);
    is_taken_back(&desk);
}
