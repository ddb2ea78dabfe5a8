//! Tests of the events for external systems.

use std::collections::BTreeSet;

use common::ids::OrderId;
use common::messages::header;
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{Shop, value_of};
use crate::messages::{CONCLUDE, CONCLUDE_RETURN, NOTIFY, PROGRESS};

fn publishing() -> Shop {
    let mut shop = Shop::default();
    shop.handler.policy.events = true;
    shop
}

/// The events of a shop so far; their ids are unique.
fn events(shop: &Shop) -> Vec<String> {
    let all: Vec<_> = shop.sent.iter().filter(|message| message.topic == topics::ORDER_EVENTS).collect();
    let ids: BTreeSet<_> = all.iter().map(|event| event.headers.get(header::ID).unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "each event has an id of its own");
    let name = |kind: &str| kind.trim_start_matches("order.").to_owned();
    all.iter().map(|event| name(event.headers.get(header::TYPE).unwrap())).collect()
}

fn approved() -> Value {
    json!({"status": "approved"})
}

#[test]
fn every_way_of_an_order_is_published_step_by_step() {
    let report = |status: &str, payment: Value| (PROGRESS, json!({"status": status, "payment": payment}));
    let end = |status: &str, payment: Value| (CONCLUDE, json!({"status": status, "payment": payment}));
    let shipped = json!({"status": "confirmed", "payment": approved(), "shipment": {"trackingNumber": "P1"}});
    for (messages, expected) in [
        (vec![end("confirmed", approved())], "placed reserved invoiced paid confirmed"),
        (
            vec![report("awaiting_payment", Value::Null), report("paid", approved()), end("confirmed", approved())],
            "placed reserved invoiced paid confirmed",
        ),
        (
            vec![report("confirmed", approved()), (NOTIFY, json!({})), (CONCLUDE, shipped)],
            "placed reserved invoiced paid confirmed shipped",
        ),
        (vec![end("rejected", Value::Null)], "placed rejected"),
        (
            vec![report("awaiting_payment", Value::Null), end("payment_not_completed", Value::Null)],
            "placed reserved invoiced not-paid",
        ),
        (vec![report("reserved", Value::Null), end("cancelled", Value::Null)], "placed reserved invoiced cancelled"),
        (vec![end("cancelled", approved())], "placed paid refunded"),
    ] {
        let mut shop = publishing();
        let order = shop.place(&json!({}));
        for (kind, fields) in messages {
            let mut value = fields;
            value["orderId"] = json!(order);
            for _ in 0..2 {
                shop.request(kind, order, &value);
            }
        }
        assert_eq!(events(&shop).join(" "), expected);
    }
}

#[test]
fn returns_are_published_one_by_one_and_the_last_one_as_the_return_of_the_order() {
    let mut shop = publishing();
    let items = json!([{"id": "day", "name": "day", "amountMinor": 100, "quantity": 2}]);
    let order = shop.place(&json!({"items": items, "amountMinor": 200}));
    shop.conclude(order, &json!({"status": "confirmed", "payment": approved()}));
    shop.sent.clear();
    for _ in 0..2 {
        let returned = shop.request_return(order, &[("day", 1)]);
        let ending = json!({"returnId": returned.id, "orderId": order, "status": "returned"});
        shop.request(CONCLUDE_RETURN, order, &ending);
        shop.request(CONCLUDE_RETURN, order, &ending);
    }
    shop.request_return(order, &[("day", 1)]);
    let expected = "return-requested return-completed return-requested return-completed returned return-refused";
    assert_eq!(events(&shop).join(" "), expected);
    let values = shop.sent_to(topics::ORDER_EVENTS);
    assert_eq!((&values[0]["refundMinor"], &values[0]["status"]), (&json!(100), &json!("confirmed")));
    assert_eq!((&values[4]["status"], &values[4]["returnId"]), (&json!("returned"), &Value::Null));
}

#[test]
fn an_event_has_ids_amounts_and_codes_and_no_personal_data() {
    let mut shop = publishing();
    let order = shop.place(&json!({"customer": {"name": "Ana Lima", "email": "ana@example.com"},
        "delivery": {"method": "standard", "address": {"name": "Ana Lima", "line1": "Rua do Sol 1", "city": "Recife",
        "postalCode": "50030-230", "country": "BR"}}}));
    shop.conclude(order, &json!({"status": "cancelled", "reason": "Ana Lima called"}));
    let other = shop.place(&json!({}));
    shop.conclude(other, &json!({"status": "rejected", "reason": "out_of_stock"}));
    let published: Vec<_> = shop.sent.iter().filter(|message| message.topic == topics::ORDER_EVENTS).collect();
    let text = published.iter().map(|event| value_of(event).to_string()).collect::<String>();
    for personal in ["Ana", "ana@example.com", "Recife"] {
        assert!(!text.contains(personal), "{text}");
    }
    let last = value_of(published.last().unwrap());
    let expected = json!({"orderId": other, "customerId": "e081ad0f-f83e-4f81-b2d7-23655ac04b8a", "status": "rejected",
        "amountMinor": 1050, "currency": "BRL", "at": shop.now, "reason": "out_of_stock"});
    assert_eq!(last, expected);
    let headers = &published.last().unwrap().headers;
    assert_eq!(headers.get(header::SUBJECT), Some(&*other.to_string()));
    assert!(headers.get(header::TRACEPARENT).is_some(), "it continues the trace of its cause");
}

#[test]
fn the_reason_that_an_operator_chooses_is_not_published() {
    let steps = json!([{"step": "reserve", "status": "refused", "reason": "wrong_price", "attempts": 1},
        {"step": "request-payment", "status": "abandoned", "attempts": 1}]);
    let published = |status: &str, reason: &str| {
        let mut shop = publishing();
        let order = shop.place(&json!({}));
        shop.conclude(order, &json!({"status": status, "reason": reason, "steps": steps}));
        shop.sent_to(topics::ORDER_EVENTS).pop().unwrap()["reason"].clone()
    };
    for reason in ["maria.silva", "Maria called", "reserve_silva", ""] {
        assert_eq!(published("cancelled", reason), "cancelled_by_operator", "{reason}");
    }
    for reason in ["cancelled_by_customer", "deadline_exceeded", "wrong_price", "request_payment_failed"] {
        assert_eq!(published("cancelled", reason), reason);
    }
    assert_eq!(published("rejected", "out_of_stock"), "out_of_stock");
    let of_return = |reason: &str| {
        let mut shop = publishing();
        let items = json!([{"id": "day", "name": "day", "amountMinor": 100, "quantity": 2}]);
        let order = shop.place(&json!({"items": items, "amountMinor": 200}));
        shop.conclude(order, &json!({"status": "confirmed", "payment": approved()}));
        let returned = shop.request_return(order, &[("day", 1)]);
        let ending = json!({"returnId": returned.id, "orderId": order, "status": "refused", "reason": reason});
        shop.request(CONCLUDE_RETURN, order, &ending);
        shop.sent_to(topics::ORDER_EVENTS).pop().unwrap()["reason"].clone()
    };
    assert_eq!(of_return("maria.silva"), Value::Null);
    assert_eq!(of_return("goods_not_received"), "goods_not_received");
}

#[test]
fn a_repeated_decision_publishes_the_same_ids() {
    let id = OrderId::generate();
    let ids = || {
        let mut shop = publishing();
        let placed = shop.placed(id, &json!({}));
        shop.request(crate::messages::PLACE, id, &placed);
        shop.conclude(id, &json!({"status": "confirmed", "payment": approved()}));
        let all = shop.sent.iter().filter(|message| message.topic == topics::ORDER_EVENTS);
        all.map(|event| event.headers.get(header::ID).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
}

#[test]
fn without_the_setting_nothing_is_published() {
    let (mut shop, order) = Shop::with_order();
    shop.conclude(order, &json!({"status": "confirmed"}));
    assert!(events(&shop).is_empty());
}
