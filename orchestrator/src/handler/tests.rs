//! Tests of the handler and its rules over an in-memory journal.

mod callbacks;
mod deployment;
mod events;
mod fixture;
mod versions;
mod webhooks;

use common::blob::Blob;
use common::journal::Entity as _;
use common::messages::header;
use saga::{Operate, Status};
use serde_json::{Value, json};

use self::fixture::{Fixture, GIFT_CARD, id};
use super::*;
use crate::entity::saga_key;
use crate::messages::SagaAction;

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
    let sent =
        serde_json::to_value(SagaAction { by: "t".into(), why: "w".into(), from: None, what: Operate::Pause }).unwrap();
    assert_eq!(sent, json!({"by": "t", "why": "w", "action": "pause"}));
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
    assert_eq!(kinds, ["inventory.reserve", "inventory.release", "order.progress"]);
    assert_cancelled(&fixture);
}

/// The types of the messages that are sent when the payment of a new order is approved.
fn pay(fixture: &mut Fixture) -> Vec<String> {
    fixture.reply("reserve");
    fixture.reply("request-payment");
    let result = json!({"orderId": id(), "status": "approved"});
    kinds(&fixture.receive(topics::PAYMENT_RESULTS, &[], &result).unwrap())
}

fn kinds(sent: &[Outgoing]) -> Vec<String> {
    sent.iter().filter_map(|message| message.headers.get(header::TYPE)).map(str::to_owned).collect()
}

#[test]
fn between_its_payment_and_its_end_an_order_without_delivery_only_takes_the_stock_out() {
    let mut fixture = Fixture::new(&[include_str!("../../sagas/order.toml")]);
    start_order(&mut fixture);
    assert_eq!(pay(&mut fixture), ["inventory.confirm"]);
    let sent = fixture.reply("finalize");
    assert_eq!(kinds(&sent), ["order.conclude"]);
    let ending: Value = serde_json::from_slice(sent[0].value.bytes().unwrap()).unwrap();
    assert_eq!((&ending["status"], &ending["payment"]["status"]), (&json!("confirmed"), &json!("approved")));
}

#[test]
fn an_order_saga_of_version_4_ends_by_its_own_steps_after_an_upgrade() {
    let mut fixture = Fixture::new(&[include_str!("../../core/tests/kept/order-4.toml")]);
    start_order(&mut fixture);
    assert_eq!(fixture.restart(&[include_str!("../../sagas/order.toml")]), None);
    assert_eq!(pay(&mut fixture), ["inventory.confirm", "order.confirm"]);
    assert_eq!(fixture.reply("finalize"), []);
    assert_eq!(kinds(&fixture.reply("confirm")), ["order.conclude"]);
}

#[test]
fn an_order_saga_of_version_5_ends_as_it_began_after_an_upgrade() {
    let mut fixture = Fixture::new(&[include_str!("../../core/tests/kept/order-5.toml")]);
    start_order(&mut fixture);
    assert_eq!(fixture.restart(&[include_str!("../../sagas/order.toml")]), None);
    assert_eq!(pay(&mut fixture), ["inventory.confirm"]);
    assert_eq!(kinds(&fixture.reply("finalize")), ["order.conclude"]);
}

#[test]
fn an_order_saga_of_version_7_has_no_task_and_ends_as_it_began_after_an_upgrade() {
    let mut fixture = Fixture::new(&[include_str!("../../core/tests/kept/order-7.toml")]);
    start_order(&mut fixture);
    assert_eq!(fixture.restart(&[include_str!("../../sagas/order.toml")]), None);
    fixture.reply("reserve");
    reply_of_payment(&mut fixture, "manual");
    assert_eq!(fixture.saga().tasks().count(), 0);
    let result = json!({"orderId": id(), "status": "approved"});
    assert_eq!(kinds(&fixture.receive(topics::PAYMENT_RESULTS, &[], &result).unwrap()), ["inventory.confirm"]);
}

/// Answers the request of the payment with its provider.
fn reply_of_payment(fixture: &mut Fixture, provider: &str) {
    let id = id().to_string();
    let headers = [
        (header::SAGA_ID, &*id),
        (header::STEP, "request-payment"),
        (header::ATTEMPT, "1"),
        (header::ACTION, "execute"),
    ];
    let answer = json!({"outcome": "ok", "data": {"paymentId": "p", "provider": provider}});
    fixture.receive(topics::SAGA_REPLIES, &headers, &answer).unwrap();
}

#[test]
fn a_payment_is_a_task_if_its_provider_is_manual_and_its_completion_is_sent_once() {
    for (provider, tasks) in [("simulated", 0), ("stripe", 0), ("manual", 1)] {
        let mut fixture = Fixture::new(&[include_str!("../../sagas/order.toml")]);
        start_order(&mut fixture);
        fixture.reply("reserve");
        reply_of_payment(&mut fixture, provider);
        assert_eq!(fixture.saga().tasks().count(), tasks, "{provider}");
    }
    let mut fixture = Fixture::new(&[include_str!("../../sagas/order.toml")]);
    start_order(&mut fixture);
    fixture.reply("reserve");
    reply_of_payment(&mut fixture, "manual");
    let complete = json!({"by": "ana", "why": "seen", "action": "complete", "step": "payment-result",
        "fields": {"status": "approved"}});
    let sent = fixture.operate("1", &complete).unwrap();
    assert_eq!(kinds(&sent), ["payment.result"]);
    let answer = &sent[0];
    assert_eq!(answer.topic, topics::PAYMENT_RESULTS);
    let value: Value = serde_json::from_slice(answer.value.bytes().unwrap()).unwrap();
    assert_eq!(value, json!({"orderId": id(), "status": "approved"}));
    assert_eq!(fixture.operate("1", &complete).unwrap(), [], "a repeated request sends nothing");
    assert_eq!(fixture.operate("2", &complete).unwrap(), [], "nor does another one");
    let message_id = answer.headers.get(header::ID).unwrap().to_owned();
    let headers = [(header::ID, &*message_id)];
    let sent = fixture.receive(topics::PAYMENT_RESULTS, &headers, &value).unwrap();
    assert_eq!((kinds(&sent), fixture.saga().tasks().count()), (vec!["inventory.confirm".to_owned()], 0));
}
