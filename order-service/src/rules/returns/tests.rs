//! Tests of returns.

use common::ids::OrderId;
use common::topics;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Shop, pieces};
use crate::messages::{CONCLUDE_RETURN, RETURN, RETURN_REQUESTED, RequestReturn, ReturnRequested};
use crate::order::Status;
use crate::order::parts::ReturnStatus;

fn end_return(shop: &mut Shop, order: OrderId, id: Uuid, status: &str) -> Value {
    shop.request(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": status, "reason": "r"}))
}

#[test]
fn a_return_starts_its_own_saga_once() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    let first = shop.request_return(order, &[("day", 1)]);
    let again = RequestReturn {
        return_id: first.id,
        order_id: order,
        items: pieces(&[("tent", 1)]),
        why: String::new(),
        by: None,
    };
    shop.request(RETURN, order, &serde_json::to_value(&again).unwrap());
    let events = shop.sent_of(RETURN_REQUESTED);
    assert_eq!(events.len(), 1);
    assert_eq!((&*events[0].topic, events[0].key.clone()), (topics::CREATED_ORDERS, Some(first.id.to_string().into())));
    let value: ReturnRequested = serde_json::from_slice(events[0].value.bytes().unwrap()).unwrap();
    assert_eq!((value.refund_minor, value.shipped, value.items), (500, false, pieces(&[("day", 1)])));
}

#[test]
fn pieces_of_an_earlier_return_are_refused_and_start_no_saga() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    shop.request_return(order, &[("tent", 1)]);
    let second = shop.request_return(order, &[("tent", 1)]);
    assert_eq!((second.status, second.outcome_reason.as_deref()), (ReturnStatus::Refused, Some("more_than_ordered")));
    assert_eq!(shop.sent_of(RETURN_REQUESTED).len(), 1);
}

#[test]
fn the_last_piece_makes_the_order_returned_and_the_customer_is_notified_of_each_return() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    let first = shop.request_return(order, &[("day", 3)]);
    let rest = shop.request_return(order, &[("tent", 1)]);
    assert_eq!(end_return(&mut shop, order, first.id, "returned")["outcome"], "ok");
    assert_eq!(shop.order(order).status, Status::Confirmed);
    assert_eq!(end_return(&mut shop, order, rest.id, "returned")["outcome"], "ok");
    assert_eq!(shop.order(order).status, Status::Returned);
    assert_eq!(
        end_return(&mut shop, order, rest.id, "returned")["outcome"],
        "ok",
        "a repeated command gets the same reply"
    );
    assert_eq!(end_return(&mut shop, order, rest.id, "refused")["reason"], "already_ended");
    let notices = shop.sent_to(topics::NOTIFICATIONS);
    let kinds: Vec<_> = notices.iter().map(|notice| notice["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["returned", "returned"]);
    assert!(notices[0]["text"].as_str().unwrap().contains("BRL 15.00"), "{}", notices[0]["text"]);
}

#[test]
fn a_refused_return_can_be_requested_again() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    let first = shop.request_return(order, &[("tent", 1)]);
    end_return(&mut shop, order, first.id, "refused");
    assert_eq!(shop.order(order).status, Status::Confirmed);
    assert_eq!(shop.request_return(order, &[("tent", 1)]).status, ReturnStatus::Requested);
    assert_eq!(end_return(&mut shop, order, Uuid::now_v7(), "returned")["reason"], "unknown_return");
}
