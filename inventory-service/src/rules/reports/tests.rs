//! Tests of the reports to the order.

use std::time::Duration;

use common::messages::header;
use common::shipments::PROGRESS;
use common::time::Timestamp;
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{ORDER, TestWarehouse, delivery, message};
use crate::messages::{CANCEL_SHIPMENT, SHIP, SHIPMENT_EVENT};

/// The reports so far.
fn reports(warehouse: &TestWarehouse) -> Vec<&Value> {
    let of_orders = warehouse.events.iter().filter(|(topic, _)| topic == topics::ORDER_COMMANDS);
    of_orders.map(|(_, value)| value).collect()
}

#[test]
fn an_order_gets_a_report_of_each_change_that_its_customer_sees() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    for stage in ["pickup_booked", "picked"] {
        warehouse.report(stage);
    }
    assert_eq!(reports(&warehouse), [&Value::Null; 0], "the reply to the saga was enough");
    let number = warehouse.shipment().tracking_number.clone().unwrap();
    for stage in ["handed_over", "in_transit", "delivered", "lost", "delivered"] {
        warehouse.now = warehouse.now.plus(Duration::from_secs(1));
        warehouse.report(stage);
    }
    let report = |n: u32, status: &str, at: i64| {
        json!({"orderId": ORDER, "number": n, "status": status, "at": Timestamp(at), "trackingNumber": number,
            "estimatedDate": "1970-01-22"})
    };
    let mut last = report(3, "delivered", 3_005);
    last["deliveredAt"] = json!(Timestamp(3_005));
    let expected = [report(1, "handed_over", 1_005), report(2, "in_transit", 2_005), last];
    assert_eq!(reports(&warehouse), expected.iter().collect::<Vec<_>>());
    assert_eq!(warehouse.shipment().reports, 3);
}

#[test]
fn a_late_shipment_is_reported_once() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    let end = warehouse.shipment().late_due.unwrap();
    warehouse.advance_to(end);
    warehouse.advance_to(end.plus(Duration::from_secs(100_000)));
    let late = reports(&warehouse);
    assert_eq!(late.len(), 1);
    assert_eq!(
        (&late[0]["status"], &late[0]["late"], &late[0]["at"]),
        (&json!("preparing"), &json!(true), &json!(end))
    );
}

#[test]
fn a_report_has_an_id_of_its_own_and_the_trace_of_its_cause() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut ids = Vec::new();
    for stage in ["in_transit", "delivered"] {
        let mut event = message(SHIPMENT_EVENT, &json!({"orderId": ORDER, "status": stage}));
        event.headers.push(header::TRACEPARENT, trace);
        let sent = warehouse.handle(&event);
        assert_eq!((sent.len(), sent[0].key.clone()), (1, Some(ORDER.into())));
        let name = |name| sent[0].headers.get(name);
        assert_eq!((name(header::TYPE), name(header::SUBJECT)), (Some(PROGRESS), Some(ORDER)));
        assert!(name(header::TRACEPARENT).is_some_and(|parent| parent.contains("4bf92f3577b34da6a3ce929d0e0e4736")));
        ids.push(name(header::ID).unwrap().to_owned());
        assert_eq!(warehouse.handle(&event), [], "a repeated event reports nothing");
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_shipment_that_is_cancelled_before_it_leaves_is_not_reported() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.send(SHIP, &delivery("standard"));
    warehouse.carrier_answers(1, "booked");
    warehouse.send(CANCEL_SHIPMENT, &json!({"orderId": ORDER}));
    assert_eq!(reports(&warehouse), [&Value::Null; 0]);
}
