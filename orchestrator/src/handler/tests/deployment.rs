//! Definitions that operators deploy.

use std::collections::{BTreeMap, BTreeSet};

use common::messages::header;
use serde_json::json;

use super::super::*;
use super::fixture::{Fixture, GIFT_CARD, second_version};
use crate::entity::{DEPLOYED, Deployment, Deployments};
use crate::messages::{DEFINITION_DEPLOY, DEFINITION_UNDEPLOY};

const ORDER: &str = include_str!("../../../sagas/order.toml");

/// Deploys a definition. Partition 0 gives the request its own number.
fn deploy(fixture: &mut Fixture, revision: u64, text: &str) -> Result<(), Unreadable> {
    let id = format!("request {revision}");
    let headers = [(header::TYPE, DEFINITION_DEPLOY), (header::ID, &*id)];
    let value = json!({"by": "techlead", "why": "cards", "text": text, "revision": revision});
    fixture.receive(topics::SAGA_COMMANDS, &headers, &value).map(drop)
}

fn undeploy(fixture: &mut Fixture, revision: u64) {
    let id = format!("request {revision}");
    let headers = [(header::TYPE, DEFINITION_UNDEPLOY), (header::ID, &*id)];
    let mut value = json!({"by": "techlead", "why": "over", "name": "gift-card", "version": 1});
    value["revision"] = revision.into();
    fixture.receive(topics::SAGA_COMMANDS, &headers, &value).unwrap();
}

fn deployments(fixture: &Fixture) -> &Deployments {
    match fixture.memory.get(DEPLOYED) {
        Some(Entity::Deployed(all)) => all,
        other => panic!("no deployments: {other:?}"),
    }
}

fn actions(fixture: &Fixture) -> Vec<(u32, Deployment)> {
    deployments(fixture).records.iter().map(|record| (record.definition.version, record.action)).collect()
}

/// The topics that the next claim reads besides the fixed inputs.
fn more_inputs(fixture: &Fixture) -> BTreeSet<String> {
    let store: BTreeMap<_, _> = fixture.memory.states().map(|(key, state)| (key.clone(), state.clone())).collect();
    fixture.handler.more_inputs(&store).unwrap()
}

#[test]
fn sagas_start_on_a_deployed_definition_until_it_is_undeployed() {
    let mut fixture = Fixture::new(&[ORDER]);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    assert_eq!(actions(&fixture), [(1, Deployment::Deploy)], "a repetition changes nothing");
    assert_eq!(fixture.start().len(), 1);
    assert_eq!(fixture.saga().version, 1);
    assert!(more_inputs(&fixture).contains("created-gift-cards"));

    assert_eq!(fixture.restart(&[ORDER]), None);
    assert_eq!(fixture.reply("request-payment"), []);
    assert_eq!(fixture.saga().step("request-payment").unwrap().status, saga::StepStatus::Done);

    undeploy(&mut fixture, 2);
    undeploy(&mut fixture, 2);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    assert_eq!(actions(&fixture), [(1, Deployment::Deploy), (1, Deployment::Undeploy)], "also behind a newer request");
    assert!(more_inputs(&fixture).contains("created-gift-cards"), "no position of it is left behind");
    let headers = [(header::TYPE, "gift-card.created"), (header::SUBJECT, "00000000-0000-0000-0000-000000000009")];
    let wrong = fixture.receive("created-gift-cards", &headers, &json!({})).unwrap_err();
    assert_eq!(wrong, Unreadable::UnknownType("gift-card.created".to_owned()));
}

#[test]
fn a_partition_applies_requests_in_the_order_of_partition_0() {
    let mut fixture = Fixture::new(&[ORDER]);
    fixture.partition = 1;
    undeploy(&mut fixture, 2);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    assert_eq!(deployments(&fixture).active(), 0, "the later request came first");
    deploy(&mut fixture, 3, GIFT_CARD).unwrap();
    deploy(&mut fixture, 5, GIFT_CARD).unwrap();
    undeploy(&mut fixture, 4);
    assert_eq!(deployments(&fixture).active(), 1);
    let headers = [(header::TYPE, DEFINITION_DEPLOY), (header::ID, "x")];
    let value = json!({"by": "techlead", "why": "cards", "text": second_version()});
    let wrong = fixture.receive(topics::SAGA_COMMANDS, &headers, &value).unwrap_err();
    assert!(wrong.to_string().contains("number of partition 0 is missing"), "{wrong}");
    fixture.partition = 0;
    fixture.receive(topics::SAGA_COMMANDS, &headers, &value).unwrap();
    assert_eq!(deployments(&fixture).active(), 2);
}

#[test]
fn a_deployed_text_never_changes_and_must_fit() {
    let mut fixture = Fixture::new(&[ORDER]);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    let started = |text: &str| text.replace("gift-card.created", "order.created");
    let on_orders = started(&second_version()).replace("created-gift-cards", "created-orders");
    let on_results = second_version().replace("created-gift-cards", "payment-results");
    for (revision, text, why) in [
        (2, GIFT_CARD.replace("\"15m\"", "\"16m\""), "gift-card version 1 has changed"),
        (3, ORDER.replace("timeout = \"10s\"", "timeout = \"20s\""), "has changed"),
        (4, on_orders, "starts \"order\" already"),
        (5, on_results, "is waited on by another definition"),
        (6, "name = 1".to_owned(), "definition:1"),
    ] {
        let wrong = deploy(&mut fixture, revision, &text).unwrap_err().to_string();
        assert!(wrong.contains(why), "{wrong}");
    }
    undeploy(&mut fixture, 7);
    let changed = GIFT_CARD.replace("\"15m\"", "\"16m\"");
    assert!(deploy(&mut fixture, 8, &changed).is_err(), "also after it is undeployed");
    deploy(&mut fixture, 9, GIFT_CARD).unwrap();
    assert_eq!(fixture.start().len(), 1);
}

#[test]
fn files_must_agree_with_deployed_definitions() {
    let mut fixture = Fixture::new(&[ORDER]);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    assert_eq!(fixture.restart(&[ORDER, GIFT_CARD]), None);
    let refused = fixture.restart(&[ORDER, &GIFT_CARD.replace("\"15m\"", "\"16m\"")]).unwrap();
    assert!(refused.contains("gift-card version 1 has changed"), "{refused}");
    let other = second_version().replace("name = \"gift-card\"", "name = \"other\"");
    let refused = fixture.restart(&[ORDER, &other]).unwrap();
    assert!(refused.contains("do not fit the deployed ones: \"gift-card.created\" starts"), "{refused}");
}

#[test]
fn new_sagas_start_on_the_newest_of_files_and_deployments() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    deploy(&mut fixture, 1, &second_version()).unwrap();
    fixture.start();
    assert_eq!(fixture.saga().version, 2);
}

#[test]
fn a_definition_with_a_file_is_deployed_too_so_that_its_file_can_go() {
    let mut fixture = Fixture::new(&[ORDER, GIFT_CARD]);
    deploy(&mut fixture, 1, GIFT_CARD).unwrap();
    assert_eq!(fixture.restart(&[ORDER]), None);
    assert_eq!(fixture.start().len(), 1);
}
