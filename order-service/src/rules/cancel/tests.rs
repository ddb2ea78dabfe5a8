//! Tests of requests to cancel an order.

use common::ids::OrderId;
use common::messages::{Message, header};
use common::topics;
use serde_json::json;

use crate::fixture::{Shop, message, value_of};
use crate::messages::{CANCEL, CANCEL_REQUESTED};
use crate::order::Status;

fn request(id: &str, order: OrderId, why: &str) -> Message {
    message(id, CANCEL, order, &json!({"orderId": order, "why": why}))
}

#[test]
fn a_pending_order_records_and_announces_the_first_request() {
    let (mut shop, id) = Shop::with_order();
    let sent = shop.handle(&request("c1", id, "the wrong day"));
    let [event] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&*event.topic, event.headers.get(header::TYPE)), (topics::CREATED_ORDERS, Some(CANCEL_REQUESTED)));
    assert_eq!(event.key, Some(id.to_string().into()));
    assert_eq!(event.headers.get(header::SUBJECT), Some(&*id.to_string()));
    assert_eq!(value_of(event), json!({"orderId": id, "by": "customer", "why": "the wrong day"}));
    let order = shop.order(id);
    assert!(order.status == Status::Pending && order.is_underway(), "the saga decides");
    assert_eq!(order.cancellation.clone().unwrap().why, "the wrong day");
    assert_eq!(shop.handle(&request("c2", id, "again")), []);
    assert_eq!(shop.order(id), order);
}

#[test]
fn an_order_that_has_ended_ignores_the_request() {
    let (mut shop, id) = Shop::with_order();
    shop.conclude(id, &json!({"status": "confirmed"}));
    let order = shop.order(id);
    assert_eq!(shop.handle(&request("c", id, "too late")), []);
    assert_eq!(shop.order(id), order);
}

#[test]
fn a_request_for_an_unknown_order_is_a_dead_letter() {
    let sent = Shop::default().handle(&request("c", OrderId::generate(), "why not"));
    assert_eq!(sent[0].topic, topics::dead_letters(topics::ORDER_COMMANDS));
}
