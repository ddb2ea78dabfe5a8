//! Webhooks: which events are sent when, and what follows from the answers.

mod disabling;
mod shop;
mod subscriptions;

use std::time::Duration;

use common::journal::Entity as _;
use serde_json::{Value, json};

use self::shop::{HOUR, SECOND, Shop};
use super::super::*;
use crate::entity::webhooks::{WebhookEntity, queue_key};
use crate::messages::webhooks::{WEBHOOK_REPLAY, WEBHOOK_TEST};
use crate::rules::webhooks::policy::{OPEN_AT, WebhookPolicy};

fn body(shop: &Shop, event: &str) -> Value {
    let calls = shop.calls();
    let call = calls.iter().find(|call| call.what.event == event).unwrap();
    serde_json::from_str(&call.what.body).unwrap()
}

#[test]
fn an_event_is_sent_to_the_subscriptions_that_want_it_as_a_cloud_event() {
    let mut shop = Shop::new();
    assert!(shop.event("o", "order.placed", "e0").is_empty(), "nobody wants it");
    shop.subscribe("orders", &["order.*"]);
    shop.subscribe("all", &["*"]);
    shop.subscribe("payments", &["payment.approved"]);
    shop.event("o", "order.placed", "e1");
    let calls = shop.calls();
    assert_eq!(calls.iter().map(|call| &*call.what.webhook).collect::<Vec<_>>(), ["all", "orders"]);
    let time = shop.now.to_string();
    let expected = json!({"specversion": "1.0", "id": "e1", "source": "order-service", "type": "order.placed",
        "subject": "o", "time": time, "datacontenttype": "application/json", "data": {"orderId": "o"}});
    assert_eq!(body(&shop, "e1"), expected);
}

#[test]
fn the_events_of_an_order_are_sent_one_after_the_other_and_other_orders_do_not_wait() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for (order, event) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")] {
        shop.event(order, "order.placed", event);
    }
    assert_eq!(shop.sending(), ["a1", "b1"]);
    shop.accept("a1");
    assert_eq!(shop.sending(), ["b1", "a2"]);
    shop.fail("a2");
    assert_eq!(shop.sending(), ["b1"], "a3 waits for a2");
    shop.pass(10 * SECOND);
    assert_eq!(shop.sending(), ["b1", "a2"]);
    shop.accept("a2");
    shop.accept("b1");
    shop.accept("a3");
    assert_eq!((shop.lane("w").pending, shop.lane("w").accepted), (0, 4));
    let left = shop.memory.states().filter(|(key, _)| key.starts_with("webhook-")).count();
    assert_eq!(left, 0, "queues and bodies are removed");
}

#[test]
fn a_repeated_event_or_answer_changes_nothing_and_every_attempt_has_the_events_id() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    shop.event("a", "order.placed", "a1");
    shop.event("a", "order.placed", "a1");
    assert_eq!(shop.lane("w").pending, 1);
    let first = shop.calls().remove(0);
    shop.fail("a1");
    let late = json!({"webhook": "w", "serial": first.what.serial, "took": 1, "answer": "accepted", "status": 200});
    shop.command(crate::messages::webhooks::WEBHOOK_ANSWERED, "late", &late);
    assert_eq!(shop.lane("w").pending, 1, "the attempt was answered");
    shop.pass(10 * SECOND);
    let second = shop.calls().remove(0);
    assert_eq!((&second.what.event, &second.what.body), (&first.what.event, &first.what.body));
    assert_ne!(second.id, first.id);
}

#[test]
fn a_receiver_gets_a_few_requests_at_the_same_time_and_the_others_wait_in_a_list() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for n in 0..50 {
        shop.event(&format!("o{n}"), "order.placed", &format!("e{n}"));
    }
    let most = WebhookPolicy::default().concurrency;
    let mut accepted = Vec::new();
    while let Some(event) = shop.sending().into_iter().next() {
        assert!(shop.sending().len() <= most);
        shop.accept(&event);
        accepted.push(event);
    }
    assert_eq!(accepted, (0..50).map(|n| format!("e{n}")).collect::<Vec<_>>());
    assert_eq!((&shop.lane("w").first, &shop.lane("w").last), (&None, &None));
}

#[test]
fn a_receiver_that_is_down_is_tried_with_one_request_after_growing_pauses() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for n in 0..200 {
        shop.event(&format!("o{n}"), "order.placed", &format!("e{n}"));
    }
    let (attempts, _) = shop.fail_for(Duration::from_secs(3_600));
    assert!(shop.lane("w").failures > OPEN_AT && attempts < 60, "{attempts}");
    assert_eq!(shop.lane("w").pending, 200);
    shop.pass(HOUR);
    assert_eq!(shop.sending().len(), 1);
    let probe = shop.sending().remove(0);
    shop.accept(&probe);
    assert_eq!(shop.sending().len(), WebhookPolicy::default().concurrency);
    while let Some(event) = shop.sending().into_iter().next() {
        shop.accept(&event);
        shop.pass(0);
    }
    shop.pass(6 * HOUR);
    while let Some(event) = shop.sending().into_iter().next() {
        shop.accept(&event);
        shop.pass(6 * HOUR);
    }
    assert_eq!((shop.lane("w").pending, shop.lane("w").accepted), (0, 200));
}

#[test]
fn a_pause_that_the_receiver_asks_for_is_kept_within_the_longest_one() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    shop.event("a", "order.placed", "a1");
    shop.answer("a1", &json!({"answer": "failed", "status": 429, "error": "429", "retryAfter": 600}));
    shop.event("b", "order.placed", "b1");
    shop.pass(599 * SECOND);
    assert!(shop.sending().is_empty(), "{:?}", shop.sending());
    shop.pass(2 * SECOND);
    assert_eq!(shop.sending().len(), 2);
    shop.answer("a1", &json!({"answer": "failed", "status": 503, "error": "503", "retryAfter": u64::MAX}));
    shop.pass(6 * HOUR + HOUR / 4);
    assert!(shop.sending().contains(&"a1".to_owned()));
}

#[test]
fn a_delivery_is_given_up_after_its_time_and_the_next_event_of_the_order_is_sent() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    shop.event("bad", "order.placed", "bad1");
    shop.event("bad", "order.paid", "bad2");
    let end = shop.now.0 + 80 * HOUR;
    let mut good = 0;
    while shop.now.0 < end && !shop.sending().contains(&"bad2".to_owned()) {
        if shop.sending().contains(&"bad1".to_owned()) {
            shop.fail("bad1");
        }
        // Another order is accepted all the time: the receiver is well.
        good += 1;
        let event = format!("good{good}");
        shop.event("good", "order.placed", &event);
        shop.accept(&event);
        shop.pass(HOUR / 2);
    }
    assert_eq!(shop.sending(), ["bad2"]);
    let lane = shop.lane("w");
    assert_eq!((lane.undelivered, lane.given_up, lane.pending), (1, 1, 1));
    assert!(shop.subscription("w").is_enabled());

    let replay = json!({"by": "techlead", "why": "mended", "webhook": "w"});
    shop.command(WEBHOOK_REPLAY, "replay", &replay);
    shop.accept("bad2");
    assert_eq!(shop.sending(), ["bad1"], "with the same id");
    shop.command(WEBHOOK_REPLAY, "replay", &replay);
    shop.accept("bad1");
    let lane = shop.lane("w");
    assert_eq!((lane.undelivered, lane.pending, &lane.replay), (0, 0, &None));
    assert_eq!(shop.index().records.iter().filter(|record| record.action == "replay").count(), 1);
}

#[test]
fn more_events_than_may_wait_are_given_up_and_the_newest_of_these_are_kept() {
    let mut shop = Shop::with(WebhookPolicy { pending: 3, kept: 2, ..WebhookPolicy::default() });
    shop.subscribe("w", &["*"]);
    for n in 0..6 {
        shop.event("o", "order.placed", &format!("e{n}"));
    }
    let lane = shop.lane("w");
    assert_eq!((lane.pending, lane.undelivered, lane.given_up), (3, 2, 3));
    for n in 0..3 {
        shop.accept(&format!("e{n}"));
    }
    let since = shop.now;
    shop.command(
        WEBHOOK_REPLAY,
        "r",
        &json!({"by": "t", "why": "w", "webhook": "w", "since": since.plus(Duration::from_secs(1))}),
    );
    assert!(shop.sending().is_empty(), "none is so young");
    shop.command(WEBHOOK_REPLAY, "r2", &json!({"by": "t", "why": "w", "webhook": "w", "since": since}));
    shop.accept("e4");
    shop.accept("e5");
    assert_eq!((shop.lane("w").accepted, shop.lane("w").undelivered), (5, 0));
}

#[test]
fn many_deliveries_are_replayed_some_at_a_time() {
    let mut shop = Shop::with(WebhookPolicy { pending: 1, ..WebhookPolicy::default() });
    shop.subscribe("w", &["*"]);
    for n in 0..50 {
        shop.event("o", "order.placed", &format!("e{n}"));
    }
    assert_eq!(shop.lane("w").undelivered, 49);
    let handler = SagaHandler::new(Definitions::default());
    shop.use_handler(handler);
    shop.command(WEBHOOK_REPLAY, "r", &json!({"by": "t", "why": "w", "webhook": "w"}));
    assert!(shop.lane("w").replay.is_some());
    shop.pass(SECOND);
    assert_eq!((shop.lane("w").pending, shop.lane("w").undelivered), (50, 0));
    for n in 0..50 {
        shop.accept(&format!("e{n}"));
    }
}

#[test]
fn a_test_event_is_sent_once() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["payment.*"]);
    let request = json!({"by": "techlead", "why": "try", "webhook": "w"});
    shop.command(WEBHOOK_TEST, "t", &request);
    shop.command(WEBHOOK_TEST, "t", &request);
    let sending = shop.sending();
    assert_eq!(sending.len(), 1);
    assert_eq!(body(&shop, &sending[0])["type"], "webhook.test");
}

#[test]
fn waiting_queues_have_no_timer_and_no_request() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for n in 0..20 {
        shop.event(&format!("o{n}"), "order.placed", &format!("e{n}"));
    }
    let queue = shop.memory.get(&queue_key("w", "o19")).unwrap();
    assert!(queue.wake_at().is_none() && !queue.has_intents());
    assert!(matches!(queue.webhook(), Some(WebhookEntity::Queue(_))));
}

#[test]
fn an_event_that_is_no_json_or_too_long_is_a_dead_letter_if_it_is_wanted() {
    let mut shop = Shop::new();
    let long = json!({"text": "x".repeat(20_000)});
    let headers = [(common::messages::header::TYPE, "order.placed"), (common::messages::header::ID, "e")];
    assert!(shop.receive(topics::ORDER_EVENTS, "o", &headers, &long).is_empty());
    shop.subscribe("w", &["*"]);
    let sent = shop.receive(topics::ORDER_EVENTS, "o", &headers, &long);
    assert_eq!(&*sent[0].topic, "order-events.dlq");
    assert!(shop.sending().is_empty());
}
