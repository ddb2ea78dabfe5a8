//! Tests of refunds.

use std::time::Duration;

use common::time::Timestamp;
use serde_json::json;

use super::{all_left, refund_for};
use crate::fixture::{Shop, pieces};
use crate::order::{Order, Status};

fn code(order: &Order, all: &[(&str, u32)], now: Timestamp) -> &'static str {
    refund_for(order, &pieces(all), now, Duration::from_secs(60)).unwrap_err().code
}

#[test]
fn only_ordered_pieces_of_a_fulfilled_order_can_be_returned_within_the_window() {
    let (shop, order) = Shop::with_fulfilled_order();
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
fn the_refund_is_the_share_of_the_paid_amount_and_the_last_refund_is_the_rest() {
    let (mut shop, order) = Shop::with_fulfilled_order();
    assert_eq!(shop.request_return(order, &[("day", 1)]).refund_minor, 500);
    assert_eq!(shop.request_return(order, &[("tent", 1)]).refund_minor, 3_500);
    assert_eq!(all_left(&shop.order(order)), pieces(&[("day", 2)]));
    assert_eq!(shop.request_return(order, &[("day", 2)]).refund_minor, 1_000);
    assert!(all_left(&shop.order(order)).is_empty());
    assert_eq!(code(&shop.order(order), &[], shop.now), "nothing_left");
}

#[test]
fn refunds_are_rounded_down_and_add_up_to_the_paid_amount() {
    let mut shop = Shop::default();
    let items = json!([{"id": "a", "name": "a", "amountMinor": 0, "quantity": 3}]);
    let order = shop.place(&json!({"items": items, "amountMinor": 1_000}));
    shop.conclude(order, &json!({"status": "confirmed"}));
    let refunds: Vec<_> = (0..3).map(|_| shop.request_return(order, &[("a", 1)]).refund_minor).collect();
    assert_eq!(refunds, [333, 333, 334], "free items count by the piece");
}

#[test]
fn the_cheaper_lines_of_an_item_are_returned_first() {
    let mut shop = Shop::default();
    let line = |price: i64| json!({"id": "a", "name": "a", "amountMinor": price, "quantity": 1});
    let order = shop.place(&json!({"items": [line(3_000), line(1_000)], "amountMinor": 4_000}));
    shop.conclude(order, &json!({"status": "confirmed"}));
    assert_eq!(shop.request_return(order, &[("a", 1)]).refund_minor, 1_000);
    assert_eq!(shop.request_return(order, &[("a", 1)]).refund_minor, 3_000);
}
