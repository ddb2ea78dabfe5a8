//! Creating, changing and removing subscriptions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::super::*;
use super::shop::{HOUR, SECOND, Shop};
use crate::entity::webhooks::subscription::SigningSecret;
use crate::messages::webhooks::WEBHOOK_CONFIGURED;
use crate::rules::webhooks::policy::WebhookPolicy;

#[test]
fn a_subscription_is_created_once_and_its_secret_is_in_no_debug_text() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    shop.subscribe("w", &["*"]);
    assert_eq!(shop.index().ids, ["w"]);
    assert_eq!(shop.index().records.len(), 1);
    let secret = SigningSecret::of(&[7; 32]);
    let shown = format!("{:?} {:?}", shop.webhook("w"), shop.calls());
    assert!(!shown.contains(secret.reveal()), "{shown}");
}

#[test]
fn the_topics_of_events_are_inputs_from_the_first_subscription_on() {
    let mut shop = Shop::new();
    let inputs = |shop: &Shop| {
        let store: BTreeMap<_, _> = shop.memory.states().map(|(key, state)| (key.clone(), state.clone())).collect();
        SagaHandler::new(Definitions::default()).more_inputs(&store).unwrap()
    };
    assert!(inputs(&shop).is_empty());
    shop.subscribe("w", &["*"]);
    let expected = ["order-events", "payment-events", "saga-events", "shipment-events"];
    assert!(inputs(&shop).iter().eq(expected.iter()));
    shop.change("d", "w", &json!({"change": "delete"}));
    assert!(inputs(&shop).iter().eq(expected.iter()), "their positions go on");
}

#[test]
fn events_from_before_the_subscription_are_not_delivered() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    shop.now = Timestamp(shop.now.0 - SECOND);
    shop.event("a", "order.placed", "old");
    shop.now = Timestamp(shop.now.0 + SECOND);
    shop.event("a", "order.placed", "new");
    assert_eq!(shop.sending(), ["new"]);
}

#[test]
fn too_many_subscriptions_and_invalid_changes_are_refused_with_a_record() {
    let mut shop = Shop::with(WebhookPolicy { subscriptions: 1, ..WebhookPolicy::default() });
    shop.subscribe("w", &["*"]);
    shop.subscribe("x", &["*"]);
    shop.change("u", "w", &json!({"change": "update", "events": ["cart.*"]}));
    shop.change("v", "nowhere", &json!({"change": "enable"}));
    let refused: Vec<_> = shop.index().records.iter().map(|record| record.refused.as_deref()).collect();
    assert_eq!(refused[0], None);
    assert_eq!(refused[1], Some("there are 1 subscriptions already"));
    assert!(refused[2].unwrap().starts_with("events: "), "{refused:?}");
    assert_eq!(refused[3], Some("there is none"));
    assert_eq!(shop.index().ids, ["w"]);
}

#[test]
fn a_change_applies_from_the_next_attempt_on_and_a_rotated_secret_signs_beside_the_old_one() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    let other = SigningSecret::of(&[8; 32]);
    shop.change("u", "w", &json!({"change": "update", "url": "https://new.example/"}));
    shop.change("r", "w", &json!({"change": "rotate", "secret": other}));
    shop.event("a", "order.placed", "a1");
    let call = shop.calls().remove(0).what;
    assert_eq!(call.url, "https://new.example/");
    assert_eq!(call.secrets, [other.clone(), SigningSecret::of(&[7; 32])]);
    shop.accept("a1");
    shop.pass(25 * HOUR);
    shop.event("a", "order.placed", "a2");
    assert_eq!(shop.calls().remove(0).what.secrets, [other]);
}

#[test]
fn the_other_partitions_apply_the_newest_state_whatever_the_order_of_the_messages() {
    let mut first = Shop::of_partition(0, 3);
    let created = first.subscribe("w", &["order.*"]);
    let updated = first.change("u", "w", &json!({"change": "update", "events": ["payment.*"]}));
    assert_eq!((created.len(), updated.len()), (2, 2), "a message for each other partition");
    let value = |message: &Outgoing| serde_json::from_slice(message.value.bytes().unwrap()).unwrap();
    let mut second = Shop::of_partition(1, 3);
    second.command(WEBHOOK_CONFIGURED, "2", &value(&updated[0]));
    second.command(WEBHOOK_CONFIGURED, "1", &value(&created[0]));
    assert_eq!(second.subscription("w"), first.subscription("w"));
    let deleted = first.change("d", "w", &json!({"change": "delete"}));
    second.command(WEBHOOK_CONFIGURED, "3", &value(&deleted[0]));
    second.pass(HOUR);
    second.command(WEBHOOK_CONFIGURED, "3", &value(&deleted[0]));
    assert!(second.index().ids.is_empty());
    assert!(second.memory.get("webhook/w").is_none());
}

#[test]
fn what_waits_for_a_deleted_subscription_is_removed_some_at_a_time() {
    let mut shop = Shop::with(WebhookPolicy { pending: 150, ..WebhookPolicy::default() });
    shop.subscribe("w", &["*"]);
    for n in 0..200 {
        shop.event(&format!("o{n}"), "order.placed", &format!("e{n}"));
    }
    shop.fail_for(Duration::from_secs(60));
    shop.change("d", "w", &json!({"change": "delete"}));
    assert!(shop.sending().is_empty());
    assert!(shop.subscription("w").secrets.is_empty());
    shop.event("late", "order.placed", "late");
    shop.pass(24 * HOUR);
    let left: Vec<_> = shop.memory.states().map(|(key, _)| key.clone()).collect();
    assert_eq!(left, ["webhooks"]);
}
