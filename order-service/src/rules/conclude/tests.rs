//! Tests of the end of an order.

use common::ids::OrderId;
use common::messages::{Message, header};
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{Shop, message, value_of};
use crate::messages::CONCLUDE;
use crate::order::{Order, Status};

fn ending(id: &str, order: OrderId, status: &str) -> Message {
    let steps = json!([{"step": "reserve", "label": "Reserve stock", "status": "done", "attempts": 1,
        "startedAt": "2026-01-02T03:04:06.000Z", "endedAt": "2026-01-02T03:04:06.020Z"}]);
    message(id, CONCLUDE, order, &json!({"orderId": order, "status": status, "reason": "because", "steps": steps}))
}

#[test]
fn an_order_ends_with_status_reason_and_steps() {
    let (mut shop, id) = Shop::with_order();
    shop.now = Timestamp(9_000);
    let sent = shop.handle(&ending("c1", id, "payment_not_completed"));
    let [reply] = sent.as_slice() else { panic!("one reply, not {sent:?}") };
    assert_eq!((&*reply.topic, reply.headers.get(header::STEP)), (topics::SAGA_REPLIES, Some("ending")));
    assert_eq!(value_of(reply), json!({"outcome": "ok", "data": {}}));
    let order = shop.order(id);
    assert_eq!((order.status, order.reason.as_deref()), (Status::PaymentNotCompleted, Some("because")));
    assert_eq!((order.updated_at, order.steps.len(), order.is_underway()), (Timestamp(9_000), 1, false));
}

#[test]
fn the_same_ending_again_gets_the_same_reply_and_changes_nothing() {
    let (mut shop, id) = Shop::with_order();
    let first = shop.handle(&ending("c1", id, "rejected"));
    let before = shop.order(id);
    shop.now = Timestamp(9_000);
    let again = shop.handle(&ending("c1", id, "rejected"));
    assert_eq!(again[0].value, first[0].value);
    assert_eq!(again[0].headers.get(header::ID), first[0].headers.get(header::ID));
    assert_eq!(value_of(&shop.handle(&ending("c2", id, "rejected"))[0])["outcome"], "ok");
    assert_eq!(shop.order(id), before);
}

#[test]
fn another_ending_than_the_first_is_refused() {
    let (mut shop, id) = Shop::with_order();
    shop.conclude(id, &json!({"status": "confirmed"}));
    let refusal = shop.conclude(id, &json!({"status": "cancelled"}));
    assert_eq!((&refusal["outcome"], &refusal["reason"]), (&json!("refused"), &json!("already_ended")));
    assert_eq!(shop.order(id).status, Status::Confirmed);
}

#[test]
fn an_unknown_order_is_refused_and_not_created() {
    let mut shop = Shop::default();
    let id = OrderId::generate();
    assert_eq!(shop.conclude(id, &json!({"status": "confirmed"}))["reason"], "unknown_order");
    assert_eq!(shop.find(id), None);
}

#[test]
fn a_confirmed_order_with_a_shipment_is_shipped_and_a_cancelled_order_that_was_paid_is_refunded() {
    let end = |status: &str, fields: Value| -> Order {
        let (mut shop, id) = Shop::with_order();
        let mut fields = fields;
        fields["status"] = status.into();
        for _ in 0..2 {
            assert_eq!(shop.conclude(id, &fields)["outcome"], "ok");
        }
        shop.order(id)
    };
    let shipment = json!({"shipmentId": "s", "trackingNumber": "BR1", "estimatedDate": "2026-11-27"});
    let shipped = end("confirmed", json!({"shipment": shipment, "payment": {"status": "approved"}}));
    assert_eq!((shipped.status, shipped.shipment.unwrap().tracking_number.as_deref()), (Status::Shipped, Some("BR1")));
    let without = end("shipped", json!({"payment": {"status": "approved"}}));
    assert_eq!((without.status, without.shipment), (Status::Confirmed, None), "nothing was shipped");
    let refunded = end("cancelled", json!({"shipment": shipment, "payment": {"status": "Approved"}}));
    assert_eq!((refunded.status, refunded.shipment), (Status::Refunded, None));
    assert_eq!(end("cancelled", json!({"payment": {"status": "declined"}})).status, Status::Cancelled);
    assert_eq!(end("cancelled", json!({})).status, Status::Cancelled);
}

#[test]
fn the_customer_is_notified_once_of_each_ending_that_is_not_fulfilled() {
    for (status, payment, kind) in [
        ("rejected", "", "rejected"),
        ("payment_not_completed", "declined", "not_paid"),
        ("cancelled", "", "cancelled"),
        ("cancelled", "approved", "refunded"),
    ] {
        let mut shop = Shop::default();
        let order = shop.place(&json!({"customer": {"name": "Ana", "email": "ana@example.com"}}));
        shop.conclude(order, &json!({"status": status, "payment": {"status": payment}}));
        shop.conclude(order, &json!({"status": status, "payment": {"status": payment}}));
        let notices = shop.sent_to(topics::NOTIFICATIONS);
        let kinds: Vec<_> = notices.iter().map(|notice| notice["kind"].clone()).collect();
        assert_eq!(kinds, [json!(kind)]);
    }
    let (mut shop, without_customer) = Shop::with_order();
    shop.conclude(without_customer, &json!({"status": "rejected"}));
    assert!(shop.sent_to(topics::NOTIFICATIONS).is_empty() && shop.order(without_customer).notices.is_empty());
}

#[test]
fn a_shipped_ending_without_its_shipment_is_known_again() {
    let (mut shop, id) = Shop::with_order();
    let shipment = json!({"shipmentId": "s", "trackingNumber": "BR1", "estimatedDate": "2026-11-27"});
    shop.conclude(id, &json!({"status": "confirmed", "shipment": shipment}));
    let before = shop.order(id);
    assert_eq!(before.status, Status::Shipped);
    assert_eq!(shop.conclude(id, &json!({"status": "shipped"}))["outcome"], "ok");
    assert_eq!(shop.conclude(id, &json!({"status": "confirmed"}))["reason"], "already_ended");
    assert_eq!(shop.order(id), before);
}
