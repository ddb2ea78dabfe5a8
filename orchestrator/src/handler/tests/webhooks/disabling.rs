//! Subscriptions whose receivers fail or are gone, and what happens to what waits for them.

use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{HOUR, SECOND, Shop};
use crate::entity::webhooks::subscription::{DisabledReason, WebhookStatus};
use crate::messages::webhooks::{WEBHOOK_CONFIGURED, WEBHOOK_REPORTED};
use common::messages::{Outgoing, header};

fn reason(shop: &Shop) -> Option<DisabledReason> {
    match shop.subscription("w").status {
        WebhookStatus::Disabled { reason, .. } => Some(reason),
        WebhookStatus::Enabled | WebhookStatus::Deleted => None,
    }
}

/// The value of a message.
fn value(message: &Outgoing) -> Value {
    serde_json::from_slice(message.value.bytes().unwrap()).unwrap()
}

fn of_kind<'s>(sent: &'s [Outgoing], kind: &str) -> Vec<&'s Outgoing> {
    sent.iter().filter(|message| message.headers.get(header::TYPE) == Some(kind)).collect()
}

#[test]
fn a_subscription_of_which_all_deliveries_fail_for_the_time_is_disabled_and_keeps_what_waits() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for n in 0..10 {
        shop.event(&format!("o{n}"), "order.placed", &format!("e{n}"));
    }
    shop.fail_for(Duration::from_secs(71 * 3_600));
    assert_eq!(reason(&shop), None);
    shop.fail_for(Duration::from_secs(8 * 3_600));
    assert_eq!(reason(&shop), Some(DisabledReason::Failing));
    let record = shop.index().records.last().unwrap();
    assert_eq!((&*record.request.by, &*record.action), ("orchestrator", "disable"));
    let lane = shop.lane("w");
    assert_eq!(lane.pending + lane.undelivered, 10);
    shop.event("new", "order.placed", "new");
    shop.pass(24 * HOUR);
    assert!(shop.sending().is_empty() && shop.lane("w").pending + shop.lane("w").undelivered == 10);

    shop.change("enable", "w", &json!({"change": "enable"}));
    let mut accepted = 0;
    while let Some(event) = shop.sending().into_iter().next() {
        shop.accept(&event);
        shop.pass(12 * HOUR);
        accepted += 1;
    }
    assert_eq!(accepted + shop.lane("w").undelivered, 10);
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more_until_its_subscription_is_enabled_again() {
    let mut shop = Shop::new();
    shop.subscribe("w", &["*"]);
    for order in ["a", "b", "c"] {
        shop.event(order, "order.placed", order);
    }
    shop.answer("a", &json!({"answer": "gone", "status": 410, "error": "410"}));
    assert_eq!(reason(&shop), Some(DisabledReason::Gone));
    assert!(shop.sending().is_empty(), "requests in progress are abandoned");
    assert_eq!(shop.lane("w").pending, 3);
    shop.pass(24 * HOUR);
    assert!(shop.sending().is_empty());
    shop.change("enable", "w", &json!({"change": "enable"}));
    shop.pass(SECOND);
    let mut sending = shop.sending();
    sending.sort();
    assert_eq!(sending, ["a", "b", "c"]);
}

#[test]
fn another_partition_asks_the_first_to_disable_and_stops_at_once_if_the_receiver_is_gone() {
    let mut first = Shop::of_partition(0, 2);
    let sent = first.subscribe("w", &["*"]);
    let configured = of_kind(&sent, WEBHOOK_CONFIGURED);
    assert_eq!(configured.iter().map(|message| message.partition).collect::<Vec<_>>(), [Some(1)]);
    let mut second = Shop::of_partition(1, 2);
    second.command(WEBHOOK_CONFIGURED, "c1", &value(configured[0]));
    second.event("a", "order.placed", "a1");
    second.event("b", "order.placed", "b1");
    let sent = second.answer("a1", &json!({"answer": "gone", "status": 410, "error": "410"}));
    second.fail("b1");
    second.pass(24 * HOUR);
    assert!(second.sending().is_empty());
    let reports = of_kind(&sent, WEBHOOK_REPORTED);
    assert_eq!(reports.iter().map(|message| message.partition).collect::<Vec<_>>(), [Some(0)]);

    let sent = first.command(WEBHOOK_REPORTED, "r1", &value(reports[0]));
    assert_eq!(reason(&first), Some(DisabledReason::Gone));
    let configured = of_kind(&sent, WEBHOOK_CONFIGURED);
    second.command(WEBHOOK_CONFIGURED, "c2", &value(configured[0]));
    assert_eq!(reason(&second), Some(DisabledReason::Gone));
    assert!(first.command(WEBHOOK_REPORTED, "r2", &value(reports[0])).is_empty(), "once");
}

#[test]
fn a_partition_whose_deliveries_all_fail_disables_nothing_while_another_ones_are_accepted() {
    let mut first = Shop::of_partition(0, 2);
    let sent = first.subscribe("w", &["*"]);
    let mut second = Shop::of_partition(1, 2);
    second.command(WEBHOOK_CONFIGURED, "c1", &value(of_kind(&sent, WEBHOOK_CONFIGURED)[0]));
    second.event("a", "order.placed", "a1");
    let (_, sent) = second.fail_for(Duration::from_secs(80 * 3_600));
    let report = value(of_kind(&sent, WEBHOOK_REPORTED)[0]);
    first.now = second.now;
    first.event("b", "order.placed", "b1");
    first.accept("b1");
    first.command(WEBHOOK_REPORTED, "r1", &report);
    assert_eq!(reason(&first), None);

    let mut silent = Shop::of_partition(0, 2);
    silent.subscribe("w", &["*"]);
    silent.now = second.now;
    silent.command(WEBHOOK_REPORTED, "r1", &report);
    assert_eq!(reason(&silent), Some(DisabledReason::Failing), "nothing was accepted anywhere");
}

#[test]
fn a_partition_reports_at_intervals_that_events_are_accepted() {
    let mut first = Shop::of_partition(0, 2);
    let sent = first.subscribe("w", &["*"]);
    let mut second = Shop::of_partition(1, 2);
    second.command(WEBHOOK_CONFIGURED, "c1", &value(of_kind(&sent, WEBHOOK_CONFIGURED)[0]));
    let mut reports = Vec::new();
    for n in 0..10 {
        second.event("a", "order.placed", &format!("a{n}"));
        reports.extend(second.accept(&format!("a{n}")));
        second.pass(HOUR);
    }
    assert_eq!(reports.len(), 4, "every three hours");
    first.command(WEBHOOK_REPORTED, "r", &value(&reports[0]));
    assert!(first.lane("w").elsewhere.is_some());
}
