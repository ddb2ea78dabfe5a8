//! Tests of orders whose parcels did not arrive.

use common::ids::OrderId;
use common::shipments::PROGRESS;
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{Shop, value_of};
use crate::messages::{CONCLUDE_RETURN, RECORD_REFUND};
use crate::order::Status;
use crate::order::parts::InvoiceStatus;

/// A shop with an order of 3 pieces at 10.00 and one at 70.00 that is shipped, for which the customer paid 50.00.
fn with_shipped_order() -> (Shop, OrderId) {
    let mut shop = Shop::default();
    shop.handler.policy.events = true;
    let items = json!([{"id": "day", "name": "day", "amountMinor": 1_000, "quantity": 3},
        {"id": "tent", "name": "tent", "amountMinor": 7_000, "quantity": 1}]);
    let customer = json!({"name": "Ana", "email": "ana@example.com"});
    let order = shop.place(&json!({"items": items, "amountMinor": 5_000, "customer": customer}));
    let shipment = json!({"shipmentId": "s1", "tracked": true});
    shop.conclude(order, &json!({"status": "confirmed", "shipment": shipment, "payment": {"status": "approved"}}));
    assert_eq!(shop.order(order).status, Status::Shipped);
    (shop, order)
}

fn record_refund(shop: &mut Shop, order: OrderId, amount: i64) -> Value {
    shop.request(RECORD_REFUND, order, &json!({"orderId": order, "amountMinor": amount}))
}

#[test]
fn an_order_that_did_not_arrive_ends_as_refunded_with_a_credit_note_once() {
    let (mut shop, order) = with_shipped_order();
    for _ in 0..2 {
        assert_eq!(record_refund(&mut shop, order, 5_000)["outcome"], "ok");
    }
    let ended = shop.order(order);
    assert_eq!((ended.status, ended.reason.as_deref()), (Status::Refunded, Some("not_delivered")));
    assert_eq!(ended.invoice.as_ref().unwrap().status, InvoiceStatus::Void);
    let notes: Vec<_> = ended.credit_notes.iter().map(|note| (note.amount_minor, note.return_id)).collect();
    assert_eq!(notes, [(5_000, None)]);
    let events: Vec<Value> = shop.sent_of("order.refunded").into_iter().map(value_of).collect();
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["reason"], &events[0]["creditNoteNumber"]), (&json!("not_delivered"), &json!("C0-000001")));
    let notices = shop.sent_to(topics::NOTIFICATIONS);
    let kinds: Vec<&Value> = notices.iter().map(|notice| &notice["kind"]).collect();
    assert_eq!(kinds, ["not_delivered"]);
    // It can't be returned any more, and a parcel that is found is no news for the customer.
    assert_eq!(shop.request_return(order, &[("day", 1)]).outcome_reason.as_deref(), Some("not_fulfilled"));
    let found = json!({"orderId": order, "number": 9, "status": "delivered", "at": shop.now, "deliveredAt": shop.now});
    shop.request(PROGRESS, order, &found);
    assert_eq!((shop.order(order).status, shop.sent_to(topics::NOTIFICATIONS).len()), (Status::Refunded, 1));
}

#[test]
fn the_credit_note_is_over_what_was_paid_back_and_what_was_not_returned() {
    let (mut shop, order) = with_shipped_order();
    let returned = shop.request_return(order, &[("day", 2)]);
    let ending = json!({"returnId": returned.id, "orderId": order, "status": "returned"});
    shop.request(CONCLUDE_RETURN, order, &ending);
    assert_eq!(record_refund(&mut shop, order, 4_000)["outcome"], "ok");
    let ended = shop.order(order);
    let amounts: Vec<_> = ended.credit_notes.iter().map(|note| note.amount_minor).collect();
    assert_eq!(amounts, [1_000, 4_000]);
    let number = &ended.credit_notes[1].number;
    let document = crate::invoice::document::CreditDocument::of(&ended, number).unwrap();
    let lines: Vec<_> = document.bill.lines.iter().map(|line| (line.item_id.as_str(), line.quantity)).collect();
    assert_eq!(lines, [("day", 1), ("tent", 1)]);
}

#[test]
fn only_an_order_that_was_shipped_is_refunded_in_this_way() {
    let (mut shop, underway) = Shop::with_order();
    assert_eq!(record_refund(&mut shop, underway, 1)["outcome"], "failed");
    shop.conclude(underway, &json!({"status": "cancelled", "payment": {"status": "approved"}}));
    assert_eq!(record_refund(&mut shop, underway, 1)["reason"], "not_shipped");
    assert_eq!(record_refund(&mut shop, OrderId::generate(), 1)["reason"], "unknown_order");
}
