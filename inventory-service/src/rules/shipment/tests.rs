//! The rules of shipments, one test for each: every command twice, every undo twice, an undo before its command.

mod resolved;
mod stages;

use common::messages::header;
use common::time::Timestamp;
use serde_json::{Value, json};

use crate::entity::{Inventory, shipment_key};
use crate::fixture::{DAY_ONE, ORDER, TestWarehouse, delivery, is_ok, message, reason};
use crate::messages::{CARRIER_ANSWERED, SHIP};
use crate::rules::tracking;

const NOT_RESERVED: &str = "the order has no reserved stock to ship";

#[test]
fn a_ship_is_answered_when_the_carrier_has_accepted_it_and_gets_the_same_reply_later() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    assert_eq!(warehouse.ship("standard"), Vec::<Value>::new());
    assert_eq!((warehouse.intent_id().as_deref(), warehouse.shipment_status()), (Some("order/book/1"), "requested"));
    let replies = warehouse.carrier_answers(1, "booked");
    let data = &replies[0]["data"];
    let number = data["trackingNumber"].as_str().unwrap();
    assert!(tracking::is_valid(number) && number.ends_with("BR"), "{number}");
    let expected = json!({"shipmentId": warehouse.shipment().id(), "carrier": "simulated", "method": "standard",
        "trackingNumber": number, "estimatedDate": "1970-01-22", "tracked": true});
    assert_eq!((replies.len(), data), (1, &expected));
    assert_eq!((warehouse.intent_id(), warehouse.shipment_status()), (None, "created"));
    warehouse.now = Timestamp(1_000_000_000_000);
    assert_eq!(warehouse.ship("standard"), replies, "also long after");
    assert_eq!(warehouse.carrier_answers(1, "booked"), Vec::<Value>::new());
    assert_eq!(warehouse.count(DAY_ONE), (10, 3), "shipping does not change the stock");
}

#[test]
fn the_reply_is_sent_to_the_last_command() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    for attempt in ["1", "2"] {
        let mut command = message(SHIP, &delivery("express"));
        command.headers.push(header::SAGA_ID, "the saga");
        command.headers.push(header::ATTEMPT, attempt);
        command.headers.push(header::ID, attempt);
        assert_eq!(warehouse.handle(&command), []);
    }
    let answered = json!({"orderId": ORDER, "outcome": "booked", "call": 1, "trackingNumber": "theirs"});
    let sent = warehouse.handle(&message(CARRIER_ANSWERED, &answered));
    let header = |name| sent[0].headers.get(name);
    assert_eq!((sent.len(), header(header::SAGA_ID), header(header::ATTEMPT)), (1, Some("the saga"), Some("2")));
    assert_eq!((header(header::CORRELATION_ID), sent[0].key.clone()), (Some("2"), Some("the saga".into())));
    assert_eq!(warehouse.shipment().tracking_number.as_deref(), Some("theirs"), "a carrier may assign its own number");
}

#[test]
fn an_order_without_reserved_stock_is_not_shipped() {
    let mut warehouse = TestWarehouse::new();
    for _ in 0..2 {
        let refused = warehouse.ship("standard").remove(0);
        assert_eq!((reason(&refused), &refused["detail"]), ("not_confirmed", &NOT_RESERVED.into()));
    }
    warehouse.reserve(ORDER, &[(DAY_ONE, 1)]);
    warehouse.release();
    assert_eq!(reason(&warehouse.ship("standard")[0]), "not_confirmed");
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.confirm();
    assert_eq!(warehouse.ship("standard").len(), 0, "confirmed stock is shipped");
}

#[test]
fn a_carrier_needs_an_address_and_a_customer_who_collects_needs_none() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    let without = |method: &str| json!({"orderId": ORDER, "delivery": {"method": method}});
    assert_eq!(reason(&warehouse.request(SHIP, &without("express"))), "address_missing");
    let reply = warehouse.request(SHIP, &without("pickup"));
    let expected = json!({"shipmentId": warehouse.shipment().id(), "method": "pickup", "estimatedDate": "1970-01-02",
        "tracked": true});
    assert_eq!((&reply["data"], warehouse.intent_id()), (&expected, None));
    assert_eq!(warehouse.request(SHIP, &without("pickup")), reply);
    warehouse.report("handed_over");
    assert_eq!(warehouse.shipment_status(), "created", "there is no carrier to hand it over to");
    warehouse.report("picked");
    assert!(is_ok(&warehouse.cancel_shipment()) && warehouse.intent_id().is_none(), "there is no carrier to call");
}

#[test]
fn a_failed_booking_is_repeated_by_the_next_attempt() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.ship("standard");
    let reply = warehouse.carrier_answers(1, "failed").remove(0);
    assert_eq!((&reply["outcome"], &reply["error"]), (&"failed".into(), &"because".into()));
    assert_eq!((warehouse.shipment_status(), warehouse.intent_id()), ("failed", None));
    let number = warehouse.shipment().tracking_number.clone();
    assert_eq!(warehouse.ship("standard"), Vec::<Value>::new());
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/book/2"));
    assert_eq!(warehouse.carrier_answers(1, "refused"), Vec::<Value>::new(), "an answer to the first call is too late");
    assert!(is_ok(&warehouse.carrier_answers(2, "booked")[0]));
    assert_eq!(warehouse.shipment().tracking_number, number, "it is still the same parcel");
}

#[test]
fn the_history_drops_failed_calls_before_stages_of_the_delivery() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    for call in 1..100 {
        warehouse.ship("standard");
        warehouse.carrier_answers(call, "failed");
    }
    warehouse.ship("standard");
    warehouse.carrier_answers(100, "booked");
    for event in ["picked", "handed_over", "delivered"] {
        warehouse.report(event);
    }
    let history: Vec<_> = warehouse.shipment().history.iter().map(|event| event.status.name()).collect();
    assert!(
        history.len() <= 32 && history.ends_with(&["created", "picked", "handed_over", "delivered"]),
        "{history:?}"
    );
}

#[test]
fn a_shipment_refused_by_the_carrier_stays_refused() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.ship("standard");
    let first = warehouse.carrier_answers(1, "refused").remove(0);
    assert_eq!((reason(&first), &first["detail"]), ("carrier_refused", &"because".into()));
    assert_eq!(warehouse.ship("standard"), [first]);
    assert!(is_ok(&warehouse.cancel_shipment()));
    assert_eq!((warehouse.shipment_status(), warehouse.intent_id()), ("refused", None));
}

#[test]
fn a_cancelled_shipment_is_voided_until_the_carrier_has_done_it() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    for _ in 0..2 {
        assert!(is_ok(&warehouse.cancel_shipment()));
        assert_eq!(
            (warehouse.shipment_status(), warehouse.intent_id().as_deref()),
            ("cancelled", Some("order/void/1"))
        );
    }
    warehouse.carrier_answers(1, "void_failed");
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/void/2"), "the void is retried");
    assert_eq!(warehouse.shipment().void_due, Some(Timestamp(2005)), "after a pause");
    warehouse.carrier_answers(1, "voided");
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/void/2"), "an answer to another call changes nothing");
    warehouse.carrier_answers(2, "voided");
    assert_eq!(warehouse.intent_id(), None);
    assert_eq!(reason(&warehouse.ship("standard")[0]), "already_cancelled");
}

#[test]
fn a_ship_after_its_cancel_is_refused() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    for _ in 0..2 {
        assert!(is_ok(&warehouse.cancel_shipment()));
    }
    for _ in 0..2 {
        assert_eq!(reason(&warehouse.ship("standard")[0]), "cancelled_before_created");
    }
    assert_eq!(warehouse.intent_id(), None, "no carrier was called");
}

#[test]
fn a_shipment_cancelled_during_the_booking_call_is_voided_whatever_the_answer() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.ship("standard");
    assert!(is_ok(&warehouse.cancel_shipment()));
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/void/1"));
    assert_eq!(warehouse.carrier_answers(1, "booked"), Vec::<Value>::new(), "no command waits for it");
    warehouse.carrier_answers(1, "voided");
    assert_eq!(warehouse.intent_id(), None);
    warehouse.carrier_answers(1, "booked");
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/void/2"), "it was booked after it was voided");
    warehouse.carrier_answers(2, "not_voided");
    assert_eq!((warehouse.intent_id(), warehouse.shipment_status()), (None, "cancelled"));
    assert!(warehouse.shipment().history.last().unwrap().note.as_deref().unwrap().contains("does not void it"));
}

#[test]
fn a_shipment_that_was_handed_over_can_not_be_cancelled() {
    for stage in ["handed_over", "delivered"] {
        let mut warehouse = TestWarehouse::with_created_shipment();
        warehouse.report("picked");
        warehouse.report(stage);
        for _ in 0..2 {
            assert_eq!(reason(&warehouse.cancel_shipment()), "already_handed_over");
        }
        assert_eq!(warehouse.shipment_status(), stage);
    }
}

#[test]
fn the_status_never_goes_back_and_a_late_stage_is_recorded() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    for (event, status, events) in [
        ("picked", "picked", 3),
        ("picked", "picked", 3),
        ("delivered", "delivered", 4),
        ("handed_over", "delivered", 5),
        ("handed_over", "delivered", 5),
        ("delivered", "delivered", 5),
    ] {
        warehouse.report(event);
        assert_eq!((warehouse.shipment_status(), warehouse.shipment().history.len()), (status, events), "{event}");
    }
}

#[test]
fn a_shipment_that_was_not_created_or_was_cancelled_has_no_stages() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.report("picked");
    warehouse.ship("standard");
    warehouse.report("picked");
    assert_eq!(warehouse.shipment_status(), "requested");
    warehouse.cancel_shipment();
    warehouse.report("delivered");
    assert_eq!(warehouse.shipment_status(), "cancelled");
}

#[test]
fn every_shipment_has_its_own_tracking_number() {
    let mut warehouse = TestWarehouse::new();
    let mut numbers = std::collections::BTreeSet::new();
    for n in 1..=5 {
        let order = format!("018f3f2a-0000-7000-8000-{n:012x}");
        warehouse.reserve(&order, &[(DAY_ONE, 1)]);
        let mut value = delivery("standard");
        value["orderId"] = order.as_str().into();
        warehouse.send(SHIP, &value);
        let known = warehouse.memory.get(&shipment_key(&order)).and_then(Inventory::shipment).unwrap();
        numbers.insert(known.tracking_number.clone().unwrap());
    }
    assert_eq!(numbers.len(), 5, "{numbers:?}");
}
