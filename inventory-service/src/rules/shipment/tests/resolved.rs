//! Operators' decisions about parcels that did not arrive.

use common::topics;
use serde_json::{Value, json};

use crate::entity::shipment::{MOST_FORMER_PARCELS, StageReport};
use crate::fixture::{DAY_ONE, ORDER, TestWarehouse, is_ok};
use crate::messages::{RESOLVE, SHIPMENT_EVENT, Stage};
use crate::rules::tracking::is_valid;

/// A warehouse with a shipment in this stage, whose order took its pieces out of the stock.
fn with_shipment_in(stage: &str) -> TestWarehouse {
    let mut warehouse = TestWarehouse::with_created_shipment();
    warehouse.confirm();
    warehouse.report("in_transit");
    warehouse.report(stage);
    warehouse
}

/// Decides, and returns why it was refused.
fn resolve(warehouse: &mut TestWarehouse, action: &str, why: &str) -> Option<String> {
    let value = json!({"orderId": ORDER, "action": action, "by": "ana", "why": why});
    assert_eq!(warehouse.send(RESOLVE, &value), Vec::<Value>::new());
    warehouse.shipment().resolutions.last().and_then(|made| made.refused.clone())
}

fn number(warehouse: &TestWarehouse) -> String {
    warehouse.shipment().tracking_number.clone().unwrap()
}

#[test]
fn a_lost_parcel_is_sent_again_with_another_number_and_other_pieces() {
    let mut warehouse = with_shipment_in("lost");
    assert_eq!(warehouse.count(DAY_ONE), (7, 0));
    let first = number(&warehouse);
    for _ in 0..2 {
        assert_eq!(resolve(&mut warehouse, "resend", "lost"), None, "a repeated request changes nothing");
    }
    assert_eq!(warehouse.count(DAY_ONE), (4, 0), "the pieces of the first are gone");
    let shipment = warehouse.shipment();
    assert_eq!((warehouse.shipment_status(), shipment.resolutions.len()), ("requested", 1));
    assert!(first != number(&warehouse) && is_valid(&number(&warehouse)));
    assert_eq!(warehouse.intent_id().as_deref(), Some("order/book/2"));
    assert_eq!(warehouse.carrier_answers(2, "booked"), Vec::<Value>::new(), "no command waits for it");
    assert_eq!((warehouse.shipment_status(), warehouse.shipment().parcels.len()), ("created", 1));
    let former = &warehouse.shipment().parcels[0];
    assert_eq!((former.tracking_number.as_ref(), former.status.name()), (Some(&first), "lost"));
    assert!(warehouse.shipment().late_due.is_some(), "it may be late, too");
    warehouse.report("delivered");
    assert_eq!((warehouse.shipment_status(), warehouse.shipment().is_to_be_resolved()), ("delivered", false));
}

#[test]
fn an_event_of_the_lost_parcel_is_recorded_and_does_not_move_the_other() {
    let mut warehouse = with_shipment_in("lost");
    let first = number(&warehouse);
    resolve(&mut warehouse, "resend", "lost");
    warehouse.carrier_answers(2, "booked");
    let delivered = json!({"orderId": ORDER, "status": "delivered", "trackingNumber": first, "eventId": "e1"});
    for _ in 0..2 {
        warehouse.send(SHIPMENT_EVENT, &delivered);
    }
    let shipment = warehouse.shipment();
    assert_eq!((warehouse.shipment_status(), shipment.parcels[0].status.name()), ("created", "lost"));
    assert_eq!(shipment.parcels[0].history.last().unwrap().status.name(), "delivered");
    assert_eq!(shipment.parcels[0].history.len(), 5, "once");
    warehouse.send(SHIPMENT_EVENT, &json!({"orderId": ORDER, "status": "lost", "eventId": "e1"}));
    assert_eq!(warehouse.shipment_status(), "created", "an event of the first parcel is known by its id");
    let report = StageReport { stage: Stage::Lost, event: "e2", tracking_number: Some("unknown") };
    assert!(warehouse.shipment().effect_of(report).is_err());
}

#[test]
fn a_parcel_that_came_back_is_sent_again_with_its_pieces() {
    let mut warehouse = with_shipment_in("returned_to_sender");
    assert_eq!(resolve(&mut warehouse, "resend", "another address"), None);
    assert_eq!((warehouse.count(DAY_ONE), warehouse.shipment_status()), ((7, 0), "requested"));
}

#[test]
fn without_enough_pieces_no_other_parcel_is_sent() {
    let mut warehouse = with_shipment_in("lost");
    warehouse.set("s1", DAY_ONE, 2);
    let refused = resolve(&mut warehouse, "resend", "lost").unwrap();
    assert_eq!(refused, format!("item {DAY_ONE}: 3 wanted, 2 available"));
    assert_eq!((warehouse.shipment_status(), warehouse.count(DAY_ONE)), ("lost", (2, 0)));
    warehouse.set("s2", DAY_ONE, 3);
    assert_eq!(resolve(&mut warehouse, "resend", "now"), None, "another request");
    assert_eq!(warehouse.count(DAY_ONE), (0, 0));
}

#[test]
fn a_carrier_that_fails_to_book_the_other_parcel_is_asked_again_by_an_operator() {
    let mut warehouse = with_shipment_in("lost");
    resolve(&mut warehouse, "resend", "1");
    for (call, outcome) in [(2, "failed"), (3, "refused")] {
        assert_eq!(warehouse.carrier_answers(call, outcome), Vec::<Value>::new());
        assert_eq!(warehouse.shipment_status(), outcome);
        assert!(warehouse.shipment().is_to_be_resolved());
        assert_eq!(resolve(&mut warehouse, "resend", outcome), None);
        assert_eq!(warehouse.intent_id(), Some(format!("order/book/{}", call + 1)));
    }
    assert_eq!((warehouse.count(DAY_ONE), warehouse.shipment().parcels.len()), ((4, 0), 1), "it is one parcel");
    warehouse.carrier_answers(4, "booked");
    assert_eq!(warehouse.shipment_status(), "created");
}

#[test]
fn only_a_shipment_that_did_not_arrive_is_resolved_and_a_closed_one_no_more() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    assert_eq!(resolve(&mut warehouse, "resend", "so").unwrap(), "the shipment is created");
    let mut warehouse = with_shipment_in("lost");
    assert_eq!(resolve(&mut warehouse, "close", "refunded"), None);
    assert_eq!((warehouse.shipment_status(), warehouse.shipment().is_to_be_resolved()), ("lost", false));
    assert_eq!(resolve(&mut warehouse, "resend", "so").unwrap(), "an operator has closed it");
    let made = &warehouse.shipment().resolutions[0];
    assert_eq!((made.by.as_str(), made.why.as_str(), made.at), ("ana", "refunded", warehouse.now));
}

#[test]
fn the_parcels_and_the_decisions_are_bounded() {
    let mut warehouse = with_shipment_in("lost");
    warehouse.set("s1", DAY_ONE, 1_000);
    for n in 0..MOST_FORMER_PARCELS {
        assert_eq!(resolve(&mut warehouse, "resend", &format!("{n}")), None);
        let call = warehouse.shipment().calls;
        warehouse.carrier_answers(call, "booked");
        let lost = json!({"orderId": ORDER, "status": "lost", "eventId": format!("lost {n}")});
        warehouse.send(SHIPMENT_EVENT, &lost);
    }
    for n in 0..50 {
        let refused = resolve(&mut warehouse, "resend", &format!("again {n}")).unwrap();
        assert_eq!(refused, "4 other parcels were sent");
    }
    let shipment = warehouse.shipment();
    assert_eq!(shipment.parcels.len(), MOST_FORMER_PARCELS);
    let kept = shipment.resolutions.iter().filter(|made| made.refused.is_none()).count();
    assert_eq!((kept, shipment.resolutions.len()), (MOST_FORMER_PARCELS, 16));
}

#[test]
fn the_decisions_are_bounded_however_often_a_carrier_fails() {
    let mut warehouse = with_shipment_in("lost");
    for n in 0..50 {
        assert_eq!(resolve(&mut warehouse, "resend", &format!("{n}")), None);
        let call = warehouse.shipment().calls;
        warehouse.carrier_answers(call, "failed");
    }
    let all = &warehouse.shipment().resolutions;
    assert!(all.len() == 16 && all[0].from_stock, "the one that took pieces stays");
    assert_eq!(warehouse.count(DAY_ONE), (4, 0));
}

#[test]
fn a_repeated_command_of_the_saga_gets_the_reply_of_the_first_parcel() {
    let mut warehouse = with_shipment_in("lost");
    let first = warehouse.ship("standard");
    resolve(&mut warehouse, "resend", "lost");
    assert_eq!(warehouse.ship("standard"), first);
    warehouse.carrier_answers(2, "failed");
    assert_eq!(warehouse.ship("standard"), first);
    assert!(is_ok(&first[0]) && warehouse.intent_id().is_none(), "the saga books nothing");
}

#[test]
fn the_events_and_reports_of_each_parcel_are_its_own() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.handler.rules.events = true;
    warehouse.ship("standard");
    warehouse.carrier_answers(1, "booked");
    warehouse.report("lost");
    resolve(&mut warehouse, "resend", "lost");
    warehouse.carrier_answers(2, "booked");
    let delivered = json!({"orderId": ORDER, "status": "delivered", "eventId": "second"});
    warehouse.send(SHIPMENT_EVENT, &delivered);
    let of = |topic: &'static str| warehouse.events.iter().filter(move |(of, _)| of == topic).map(|(_, value)| value);
    let parcels: Vec<_> = of(topics::SHIPMENT_EVENTS).map(|event| event["parcel"].as_u64()).collect();
    assert_eq!(parcels, [None, None, Some(2), Some(2)], "created lost created delivered");
    let statuses: Vec<_> = of(topics::ORDER_COMMANDS).map(|report| report["status"].clone()).collect();
    assert_eq!(statuses, ["lost", "preparing", "preparing", "delivered"]);
    let last = of(topics::ORDER_COMMANDS).next_back().unwrap();
    assert_eq!((&last["number"], &last["trackingNumber"]), (&json!(4), &json!(number(&warehouse))));
}
