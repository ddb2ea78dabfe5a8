//! Tests of the delivery of an order.

use std::time::Duration;

use common::ids::OrderId;
use common::shipments::{DeliveryStatus, PROGRESS};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{Shop, message};
use crate::order::Status;
use crate::order::parts::MOST_DELIVERY_CHANGES;

const NUMBER: &str = "CA000000005BR";

fn shipment() -> Value {
    json!({"method": "standard", "carrier": "simulated", "trackingNumber": NUMBER, "estimatedDate": "2026-11-27",
        "tracked": true})
}

/// A shop with a shipped order.
fn shipped() -> (Shop, OrderId) {
    let mut shop = Shop::default();
    shop.handler.policy.events = true;
    let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.conclude(order, &json!({"status": "confirmed", "payment": {"status": "approved"}, "shipment": shipment()}));
    shop.now = Timestamp(1_000);
    (shop, order)
}

fn report(shop: &mut Shop, order: OrderId, number: u32, status: &str, late: bool) {
    let delivered = (status == "delivered").then_some(shop.now);
    let value = json!({"orderId": order, "number": number, "status": status, "at": shop.now, "late": late,
        "trackingNumber": NUMBER, "estimatedDate": "2026-11-27", "deliveredAt": delivered});
    shop.request(PROGRESS, order, &value);
}

/// The kinds of the notices.
fn notices(shop: &Shop) -> Vec<String> {
    let all = shop.sent_to(topics::NOTIFICATIONS);
    all.iter().map(|notice| notice["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_delivery_is_recorded_and_the_customer_is_notified_once_and_the_order_stays_shipped() {
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "in_transit", false);
    assert!(notices(&shop).is_empty());
    for _ in 0..2 {
        report(&mut shop, order, 2, "delivered", false);
    }
    let known = shop.order(order);
    let tracking = known.tracking.as_ref().unwrap();
    assert_eq!((known.status, tracking.status), (Status::Shipped, DeliveryStatus::Delivered));
    assert_eq!(tracking.delivered_at, Some(Timestamp(1_000)));
    assert_eq!(notices(&shop), ["delivered"]);
    let changes: Vec<_> = known.changes.iter().filter_map(|change| change.delivery).collect();
    assert_eq!(changes, [DeliveryStatus::InTransit, DeliveryStatus::Delivered]);
    report(&mut shop, order, 1, "in_transit", true);
    assert_eq!(shop.order(order), known, "an earlier report changes nothing");
    report(&mut shop, order, 9, "lost", true);
    assert_eq!(shop.order(order), known, "a delivered order stays delivered");
    let events = shop.sent_to(topics::ORDER_EVENTS);
    assert_eq!(events.len(), 7, "placed reserved invoiced paid confirmed shipped delivered");
    assert_eq!(shop.sent_of("order.delivered").len(), 1);
}

#[test]
fn a_late_delivery_is_announced_once_and_none_that_has_arrived() {
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "preparing", true);
    report(&mut shop, order, 2, "in_transit", true);
    report(&mut shop, order, 3, "delivered", true);
    assert_eq!(notices(&shop), ["late", "delivered"]);
    let known = shop.order(order);
    assert!(known.tracking.as_ref().unwrap().late);
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "delivered", true);
    assert_eq!(notices(&shop), ["delivered"], "both at once");
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "in_transit", false);
    report(&mut shop, order, 2, "in_transit", true);
    let known = shop.order(order);
    let last = known.changes.last().unwrap();
    assert_eq!((last.delivery, last.late), (Some(DeliveryStatus::InTransit), true));
}

#[test]
fn a_report_before_the_end_of_the_saga_is_kept_and_published_in_order() {
    let mut shop = Shop::default();
    shop.handler.policy.events = true;
    let order = shop.place(&json!({}));
    report(&mut shop, order, 1, "delivered", false);
    assert_eq!(shop.sent_of("order.delivered").len(), 0, "it is not shipped yet");
    shop.conclude(order, &json!({"status": "confirmed", "shipment": shipment()}));
    assert!(shop.order(order).tracking.is_some());
    let kinds: Vec<_> = shop.sent.iter().rev().filter(|sent| sent.topic == topics::ORDER_EVENTS).take(2).collect();
    assert_eq!(kinds[0].headers.get("ce_type"), Some("order.delivered"));
    assert_eq!(kinds[1].headers.get("ce_type"), Some("order.shipped"));
}

#[test]
fn an_order_that_was_cancelled_gets_no_notice_of_its_shipment() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
    shop.conclude(order, &json!({"status": "cancelled", "payment": {"status": "approved"}}));
    report(&mut shop, order, 1, "delivered", true);
    assert_eq!(notices(&shop), ["refunded"]);
}

#[test]
fn the_changes_of_a_delivery_are_bounded() {
    let (mut shop, order) = shipped();
    let before = shop.order(order).changes.len();
    for number in 1..100 {
        report(&mut shop, order, number, if number % 2 == 0 { "preparing" } else { "lost" }, false);
    }
    assert_eq!(shop.order(order).changes.len(), before + MOST_DELIVERY_CHANGES);
    assert_eq!(shop.order(order).tracking.unwrap().number, 99, "the last report counts");
}

#[test]
fn nothing_happens_later_than_now_and_long_texts_are_cut() {
    let (mut shop, order) = shipped();
    let value = json!({"orderId": order, "number": 1, "status": "delivered", "at": Timestamp(9_000),
        "deliveredAt": Timestamp(9_000), "trackingNumber": "x".repeat(900)});
    shop.request(PROGRESS, order, &value);
    let tracking = shop.order(order).tracking.unwrap();
    assert_eq!((tracking.at, tracking.delivered_at), (Timestamp(1_000), Some(Timestamp(1_000))));
    assert!(tracking.tracking_number.unwrap().ends_with('…'));
    let other = OrderId::generate();
    assert_eq!(
        shop.handle(&message(
            "a",
            PROGRESS,
            other,
            &json!({"orderId": other, "number": 1,
        "status": "lost", "at": Timestamp(1)})
        )),
        [],
        "of another saga"
    );
}

#[test]
fn an_order_can_be_returned_until_the_window_after_its_delivery_has_passed() {
    let window = Duration::from_secs(30 * 24 * 3600);
    let (mut shop, order) = shipped();
    shop.now = Timestamp(0).plus(3 * window);
    assert_eq!(shop.request_return(order, &[("a", 1)]).outcome_reason, None, "it is still on its way");
    let (mut shop, order) = shipped();
    shop.now = Timestamp(0).plus(3 * window);
    report(&mut shop, order, 1, "delivered", false);
    shop.now = shop.now.plus(window);
    assert_eq!(shop.request_return(order, &[("a", 1)]).outcome_reason, None);
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "delivered", false);
    shop.now = shop.now.plus(window).plus(Duration::from_millis(1));
    assert_eq!(shop.request_return(order, &[("a", 1)]).outcome_reason.as_deref(), Some("too_late"));
    let (mut shop, order) = shipped();
    report(&mut shop, order, 1, "lost", false);
    assert_eq!(shop.request_return(order, &[("a", 1)]).outcome_reason.as_deref(), Some("parcel_lost"));
}

#[test]
fn the_window_of_a_shipment_that_is_not_tracked_begins_with_the_end_of_the_order() {
    let mut shop = Shop::default();
    let order = shop.place(&json!({}));
    shop.conclude(order, &json!({"status": "confirmed", "shipment": {"trackingNumber": NUMBER}}));
    shop.now = Timestamp(1).plus(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(shop.request_return(order, &[("a", 1)]).outcome_reason.as_deref(), Some("too_late"));
}
