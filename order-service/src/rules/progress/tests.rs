//! Tests of progress reports.

use common::ids::OrderId;
use common::messages::{Message, header};
use serde_json::json;

use crate::fixture::{Shop, message};
use crate::messages::PROGRESS;
use crate::order::Status;

fn report(order: OrderId, status: &str) -> Message {
    let steps = json!([{"step": "reserve", "status": "done", "attempts": 1}]);
    message(status, PROGRESS, order, &json!({"orderId": order, "status": status, "steps": steps}))
}

#[test]
fn an_order_follows_the_reports_of_its_saga_and_never_goes_back() {
    let (mut shop, id) = Shop::with_order();
    assert_eq!(shop.handle(&report(id, "awaiting_payment")), [], "a report gets no reply");
    assert_eq!(shop.order(id).status, Status::AwaitingPayment);
    assert_eq!(shop.order(id).steps.len(), 1);
    let before = shop.order(id);
    shop.handle(&report(id, "reserved"));
    shop.handle(&report(id, "awaiting_payment"));
    assert_eq!(shop.order(id), before, "a late or repeated report changes nothing");
    shop.conclude(id, &json!({"status": "confirmed"}));
    shop.handle(&report(id, "paid"));
    let order = shop.order(id);
    let statuses: Vec<_> = order.changes.iter().map(|change| change.status).collect();
    assert_eq!((order.status, statuses), (Status::Confirmed, vec![Status::AwaitingPayment, Status::Confirmed]));
}

#[test]
fn an_order_that_is_confirmed_and_to_be_shipped_is_underway_until_its_end() {
    let mut shop = Shop::default();
    let id = shop.place(&json!({"delivery": {"method": "pickup"}}));
    shop.handle(&report(id, "confirmed"));
    assert!(shop.order(id).status == Status::Confirmed && shop.order(id).is_underway());
    shop.handle(&report(id, "paid"));
    assert!(shop.order(id).status == Status::Confirmed, "a late report changes nothing");
    shop.conclude(id, &json!({"status": "confirmed", "shipment": {"trackingNumber": "P1"}}));
    assert!(shop.order(id).status == Status::Shipped && !shop.order(id).is_underway());
}

#[test]
fn an_order_of_which_a_cancellation_is_reported_is_cancelling_until_its_end() {
    let (mut shop, id) = Shop::with_order();
    shop.handle(&report(id, "cancelling"));
    let order = shop.order(id);
    assert!(order.status == Status::Cancelling && order.is_underway() && order.invoice.is_none());
    assert!(!order.awaits_payment());
    for late in ["reserved", "confirmed", "cancelling"] {
        shop.handle(&report(id, late));
    }
    assert_eq!(shop.order(id), order, "a late or repeated report changes nothing");
    shop.conclude(id, &json!({"status": "cancelled", "reason": "cancelled_by_operator"}));
    assert_eq!(shop.order(id).status, Status::Cancelled);
    shop.handle(&report(id, "cancelling"));
    assert_eq!(shop.order(id).status, Status::Cancelled, "it came after the end");
    let id = shop.place(&json!({"delivery": {"method": "pickup"}}));
    shop.handle(&report(id, "confirmed"));
    shop.handle(&report(id, "cancelling"));
    assert!(shop.order(id).status == Status::Cancelling && !shop.order(id).to_be_shipped);
}

#[test]
fn a_report_of_a_final_status_is_a_dead_letter() {
    let (mut shop, id) = Shop::with_order();
    let sent = shop.handle(&report(id, "cancelled"));
    assert_eq!(sent[0].topic, "order-commands.dlq");
    assert!(sent[0].headers.get("__streams.errors.message").unwrap().contains("order.conclude"));
    assert_eq!(sent[0].headers.get(header::TYPE), Some(PROGRESS));
}
