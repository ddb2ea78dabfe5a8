//! Tests of placing an order.

use common::ids::OrderId;
use common::messages::header;
use common::topics;
use serde_json::json;

use crate::fixture::{Shop, TRACE, message, value_of};
use crate::messages::{CREATED, PLACE};
use crate::order::Status;

#[test]
fn a_placed_order_is_pending_and_announced_unchanged() {
    let mut shop = Shop::default();
    let order = OrderId::generate();
    let value = shop.placed(order, &json!({}));
    let sent = shop.handle(&message("p1", PLACE, order, &value));
    let [created] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&*created.topic, created.headers.get(header::TYPE)), (topics::CREATED_ORDERS, Some(CREATED)));
    assert_eq!(created.key, Some(order.to_string().into()));
    assert_eq!(created.headers.get(header::TRACEPARENT).unwrap()[..36], TRACE[..36], "the trace continues");
    assert_eq!(value_of(created), value);
    let order = shop.order(order);
    assert!(order.status == Status::Pending && order.is_underway() && order.updated_at == order.placed.created_at);
}

#[test]
fn an_order_placed_twice_is_not_changed_or_announced_again() {
    let (mut shop, order) = Shop::with_order();
    let before = shop.order(order);
    let value = shop.placed(order, &json!({"amountMinor": 7}));
    assert_eq!(shop.handle(&message("m1", PLACE, order, &value)), []);
    assert_eq!(shop.handle(&message("p2", PLACE, order, &value)), []);
    assert_eq!(shop.order(order), before);
}

#[test]
fn an_order_that_has_ended_is_not_placed_again() {
    let (mut shop, order) = Shop::with_order();
    shop.conclude(order, &json!({"status": "confirmed"}));
    let value = shop.placed(order, &json!({}));
    assert_eq!(shop.handle(&message("p1", PLACE, order, &value)), []);
    assert_eq!(shop.order(order).status, Status::Confirmed);
}

#[test]
fn the_event_id_derives_from_the_id_of_the_message() {
    let order = OrderId::generate();
    let id = |message_id| {
        let mut shop = Shop::default();
        let value = shop.placed(order, &json!({}));
        shop.handle(&message(message_id, PLACE, order, &value))[0].headers.get(header::ID).unwrap().to_owned()
    };
    assert_eq!(id("p1"), id("p1"));
    assert_ne!(id("p1"), id("p2"));
}
