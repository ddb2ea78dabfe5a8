//! The rules of returns, one test a rule.

use serde_json::json;

use super::*;
use crate::fixture::Shop;

/// Two lines, 3 pieces at 10.00 and 1 at 70.00, for which 50.00 were paid.
fn shop() -> (Shop, OrderId) {
    let mut shop = Shop::default();
    let items = json!([{"id": "day", "name": "day", "amountMinor": 1_000, "quantity": 3},
        {"id": "tent", "name": "tent", "amountMinor": 7_000, "quantity": 1}]);
    let customer = json!({"name": "Ana", "email": "ana@example.com"});
    let order = shop.places(&json!({"items": items, "amountMinor": 5_000, "customer": customer}));
    shop.concludes(order, &json!({"status": "confirmed"}));
    (shop, order)
}

fn pieces(all: &[(&str, u32)]) -> Vec<Pieces> {
    all.iter().map(|(id, quantity)| Pieces { id: (*id).to_owned(), quantity: *quantity }).collect()
}

fn asks(shop: &mut Shop, order: OrderId, all: &[(&str, u32)]) -> Return {
    let ask =
        AskForReturn { return_id: Uuid::now_v7(), order_id: order, items: pieces(all), why: "too loud".to_owned() };
    shop.take(RETURN, order, &serde_json::to_value(&ask).unwrap());
    shop.order(order).returns.last().unwrap().clone()
}

fn ends(shop: &mut Shop, order: OrderId, id: Uuid, status: &str) -> serde_json::Value {
    shop.take(CONCLUDE_RETURN, order, &json!({"returnId": id, "orderId": order, "status": status, "reason": "r"}))
}

fn code(order: &Order, all: &[(&str, u32)], now: Timestamp) -> &'static str {
    returnable(order, &pieces(all), now, Duration::from_secs(60)).unwrap_err().code
}

#[test]
fn only_what_was_ordered_and_fulfilled_can_be_returned_and_only_for_a_while() {
    let (shop, order) = shop();
    let order = shop.order(order);
    assert_eq!(code(&order, &[("day", 4)], shop.now), "more_than_ordered");
    assert_eq!(code(&order, &[("day", 2), ("day", 2)], shop.now), "more_than_ordered");
    assert_eq!(code(&order, &[("dog", 1)], shop.now), "unknown_item");
    assert_eq!(code(&order, &[("day", 1)], shop.now.plus(Duration::from_secs(61))), "too_late");
    for status in [Status::Pending, Status::Paid, Status::Cancelled, Status::Refunded, Status::Returned] {
        assert_eq!(code(&Order { status, ..order.clone() }, &[("day", 1)], shop.now), "not_fulfilled");
    }
    assert_eq!(code(&Order { to_be_shipped: true, ..order }, &[("day", 1)], shop.now), "not_fulfilled");
}

#[test]
fn the_customer_gets_the_pieces_share_of_what_was_paid_and_the_last_return_the_rest() {
    let (mut shop, order) = shop();
    assert_eq!(asks(&mut shop, order, &[("day", 1)]).refund_minor, 500);
    assert_eq!(asks(&mut shop, order, &[("tent", 1)]).refund_minor, 3_500);
    assert_eq!(all_of(&shop.order(order)), pieces(&[("day", 2)]));
    assert_eq!(asks(&mut shop, order, &[("day", 2)]).refund_minor, 1_000);
    assert!(all_of(&shop.order(order)).is_empty());
    assert_eq!(code(&shop.order(order), &[], shop.now), "nothing_left");
}

#[test]
fn shares_are_rounded_down_and_nothing_is_lost_or_given_twice() {
    let mut shop = Shop::default();
    let items = json!([{"id": "a", "name": "a", "amountMinor": 0, "quantity": 3}]);
    let order = shop.places(&json!({"items": items, "amountMinor": 1_000}));
    shop.concludes(order, &json!({"status": "confirmed"}));
    let refunds: Vec<_> = (0..3).map(|_| asks(&mut shop, order, &[("a", 1)]).refund_minor).collect();
    assert_eq!(refunds, [333, 333, 334], "what costs nothing counts by the piece");
}

#[test]
fn lines_of_one_item_at_different_prices_come_back_the_cheaper_first() {
    let mut shop = Shop::default();
    let line = |price: i64| json!({"id": "a", "name": "a", "amountMinor": price, "quantity": 1});
    let order = shop.places(&json!({"items": [line(3_000), line(1_000)], "amountMinor": 4_000}));
    shop.concludes(order, &json!({"status": "confirmed"}));
    assert_eq!(asks(&mut shop, order, &[("a", 1)]).refund_minor, 1_000);
    assert_eq!(asks(&mut shop, order, &[("a", 1)]).refund_minor, 3_000);
}

#[test]
fn a_return_begins_a_saga_of_its_own_once() {
    let (mut shop, order) = shop();
    let asked = asks(&mut shop, order, &[("day", 1)]);
    let again =
        AskForReturn { return_id: asked.id, order_id: order, items: pieces(&[("tent", 1)]), why: String::new() };
    shop.take(RETURN, order, &serde_json::to_value(&again).unwrap());
    let events: Vec<_> =
        shop.sent.iter().filter(|sent| sent.headers.get(header::TYPE) == Some(RETURN_REQUESTED)).collect();
    assert_eq!(events.len(), 1);
    assert_eq!((&*events[0].topic, events[0].key.clone()), (topics::CREATED_ORDERS, Some(asked.id.to_string().into())));
    let value: ReturnRequested = serde_json::from_slice(events[0].value.bytes().unwrap()).unwrap();
    assert_eq!((value.refund_minor, value.shipped, value.items), (500, false, pieces(&[("day", 1)])));
}

#[test]
fn what_another_return_took_first_is_refused_and_begins_nothing() {
    let (mut shop, order) = shop();
    asks(&mut shop, order, &[("tent", 1)]);
    let second = asks(&mut shop, order, &[("tent", 1)]);
    assert_eq!((second.status, second.outcome_reason.as_deref()), (ReturnStatus::Refused, Some("more_than_ordered")));
    let begun = shop.sent.iter().filter(|sent| sent.headers.get(header::TYPE) == Some(RETURN_REQUESTED));
    assert_eq!(begun.count(), 1);
}

#[test]
fn with_the_last_piece_the_order_is_returned_and_the_customer_is_told_of_each() {
    let (mut shop, order) = shop();
    let (first, rest) = (asks(&mut shop, order, &[("day", 3)]), asks(&mut shop, order, &[("tent", 1)]));
    assert_eq!(ends(&mut shop, order, first.id, "returned")["outcome"], "ok");
    assert_eq!(shop.order(order).status, Status::Confirmed);
    assert_eq!(ends(&mut shop, order, rest.id, "returned")["outcome"], "ok");
    assert_eq!(shop.order(order).status, Status::Returned);
    assert_eq!(ends(&mut shop, order, rest.id, "returned")["outcome"], "ok", "told twice, it is the same");
    assert_eq!(ends(&mut shop, order, rest.id, "refused")["reason"], "already_ended");
    let told = shop.sent_on(topics::NOTIFICATIONS);
    let kinds: Vec<_> = told.iter().map(|notice| notice["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["returned", "returned"]);
    assert!(told[0]["text"].as_str().unwrap().contains("BRL 15.00"), "{}", told[0]["text"]);
}

#[test]
fn what_was_not_accepted_can_be_tried_again() {
    let (mut shop, order) = shop();
    let asked = asks(&mut shop, order, &[("tent", 1)]);
    ends(&mut shop, order, asked.id, "refused");
    assert_eq!(shop.order(order).status, Status::Confirmed);
    assert_eq!(asks(&mut shop, order, &[("tent", 1)]).status, ReturnStatus::Requested);
    assert_eq!(ends(&mut shop, order, Uuid::now_v7(), "returned")["reason"], "unknown_return");
}
