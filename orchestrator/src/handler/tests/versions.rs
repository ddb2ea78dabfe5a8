//! Versions of definitions: changed and removed files, and the rollout of new versions.

use common::messages::header;
use saga::Status;
use serde_json::json;

use super::super::*;
use super::fixture::{Fixture, GIFT_CARD, id, second_version};
use crate::messages::{ROLLOUT_SET, SAGA_START};

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
    for text in [
        include_str!("../../../sagas/order.toml"),
        include_str!("../../../sagas/return.toml"),
        include_str!("../../../sagas/parcel.toml"),
        include_str!("../../../sagas/failed-refund.toml"),
        include_str!("../../../sagas/dispute.toml"),
    ] {
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

#[test]
fn a_repeated_request_does_not_undo_a_newer_one() {
    let mut fixture = Fixture::new(&[GIFT_CARD, &second_version()]);
    for (id, percent) in [("first", 100), ("second", 0), ("first", 100)] {
        let set = json!({"by": "t", "why": "w", "definition": "gift-card", "version": 2, "percent": percent});
        let headers = [(header::TYPE, ROLLOUT_SET), (header::ID, id)];
        fixture.receive(topics::SAGA_COMMANDS, &headers, &set).unwrap();
    }
    fixture.start();
    assert_eq!(fixture.saga().version, 1);
}

#[test]
fn an_operator_starts_a_saga_once() {
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    let request = |definition: &str, data: &serde_json::Value| {
        let mut request = json!({"by": "techlead", "why": "a test"});
        request["definition"] = definition.into();
        request["data"] = data.clone();
        request
    };
    let subject = id().to_string();
    let headers = [(header::TYPE, SAGA_START), (header::ID, "r1"), (header::SUBJECT, &*subject)];
    let card = json!({"customerId": "c1", "amountMinor": 500, "currency": "EUR"});
    for (definition, data, why) in
        [("nothing", &card, "there is no definition nothing"), ("gift-card", &json!({}), "amountMinor is missing")]
    {
        let wrong = fixture.receive(topics::SAGA_COMMANDS, &headers, &request(definition, data)).unwrap_err();
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
    let sent = fixture.receive(topics::SAGA_COMMANDS, &headers, &request("gift-card", &card)).unwrap();
    assert_eq!(sent[0].headers.get(header::TYPE), Some("payment.request"));
    let operations = &fixture.saga().operations;
    assert_eq!(operations.len(), 1);
    assert_eq!((operations[0].action.as_str(), operations[0].by.as_str()), ("start", "techlead"));
    assert_eq!(fixture.saga().history[0].why, "by techlead: a test");
    let again = fixture.receive(topics::SAGA_COMMANDS, &headers, &request("gift-card", &card)).unwrap();
    assert!(again.is_empty(), "a repeated request starts nothing");
    assert_eq!(fixture.saga().operations.len(), 1);
}
