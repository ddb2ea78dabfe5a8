//! Callbacks: payment results and messages on topics of their own, early ones, and the marks of their sender.

use common::messages::{MessageMac, header};
use serde_json::json;

use super::super::*;
use super::fixture::{Fixture, GIFT_CARD, definitions, id, second_version};
use crate::entity::early_key;

const CODE: &str = concat!(
    r#"receive = { topic = "codes", correlation = "card.saga", status = "card.is", "#,
    r#"yes = ["good"], timeout = "1m" }"#
);

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
fn with_a_secret_only_results_that_payment_service_wrote_are_taken() {
    let mac = MessageMac::new("a secret of the tests").unwrap().unwrap();
    let other = MessageMac::new("another secret of the tests").unwrap().unwrap();
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
    let mac = MessageMac::new("a secret of the tests").unwrap().unwrap();
    let mut fixture = Fixture::new(&[GIFT_CARD]);
    fixture.handler = SagaHandler::new(definitions(&[GIFT_CARD])).with_results_mac(Some(mac));
    fixture.receive(topics::PAYMENT_RESULTS, &[], &json!({"orderId": id(), "status": "approved"})).unwrap();
    assert!(fixture.memory.get(&crate::entity::early_key(id())).is_none());
}
