//! Cases of parcels that did not arrive, and the commands of their sagas.

use common::topics;
use serde_json::{Value, json};

use crate::entity::{Inventory, shipment_key};
use crate::fixture::{DAY_ONE, ORDER, TestWarehouse, is_ok, reason};
use crate::messages::cases::{CONCLUDE_CASE, REOPEN_CASE, RESOLVE_CASE};
use crate::messages::{RESOLVE, SHIPMENT_EVENT};

/// A warehouse with a shipment that is in this stage, whose order took its pieces out of the stock.
fn with_shipment_in(stage: &str) -> TestWarehouse {
    let mut warehouse = TestWarehouse::with_created_shipment();
    warehouse.confirm();
    warehouse.report(stage);
    warehouse
}

/// The messages about cases, oldest first.
fn cases(warehouse: &TestWarehouse) -> Vec<Value> {
    let of_cases = warehouse.events.iter().filter(|(topic, _)| topic == topics::CASES);
    of_cases.map(|(_, value)| value.clone()).collect()
}

/// The numbers of the cases that were opened; 0 for each that was settled.
fn numbers(warehouse: &TestWarehouse) -> Vec<u64> {
    cases(warehouse).iter().map(|value| value["number"].as_u64().unwrap_or_default()).collect()
}

fn case_id(warehouse: &TestWarehouse, number: u32) -> String {
    warehouse.shipment().case_id(number).to_string()
}

fn decide(warehouse: &mut TestWarehouse, number: u32, action: &str) -> Value {
    let case = case_id(warehouse, number);
    let value = json!({"orderId": ORDER, "caseId": case, "action": action, "by": "ana", "why": "so"});
    warehouse.request(RESOLVE_CASE, &value)
}

fn reopen(warehouse: &mut TestWarehouse, number: u32) -> Value {
    let case = case_id(warehouse, number);
    warehouse.request(REOPEN_CASE, &json!({"orderId": ORDER, "caseId": case}))
}

fn conclude(warehouse: &mut TestWarehouse, number: u32, status: &str, reason: Option<&str>) {
    let case = case_id(warehouse, number);
    let mut value = json!({"orderId": ORDER, "caseId": case, "status": status});
    if let Some(reason) = reason {
        value["reason"] = reason.into();
    }
    for _ in 0..2 {
        assert!(is_ok(&warehouse.request(CONCLUDE_CASE, &value)));
    }
}

/// An operator resolves it through the API.
fn resolve(warehouse: &mut TestWarehouse, action: &str, why: &str) {
    warehouse.send(RESOLVE, &json!({"orderId": ORDER, "action": action, "by": "rui", "why": why}));
}

fn report(warehouse: &mut TestWarehouse, stage: &str, event: &str) {
    warehouse.send(SHIPMENT_EVENT, &json!({"orderId": ORDER, "status": stage, "eventId": event}));
}

#[test]
fn a_parcel_that_does_not_arrive_opens_one_case() {
    for stage in ["lost", "returned_to_sender"] {
        let mut warehouse = with_shipment_in(stage);
        report(&mut warehouse, stage, "again");
        let shipment = warehouse.shipment();
        let expected = json!({"caseId": case_id(&warehouse, 1), "orderId": ORDER, "shipmentId": shipment.id(),
            "warehouse": "main", "number": 1, "status": stage, "carrier": "simulated",
            "trackingNumber": shipment.tracking_number, "at": warehouse.now});
        assert_eq!(cases(&warehouse), [expected]);
        assert_eq!(shipment.open_case(), Some(shipment.case_id(1)));
    }
    assert_eq!(numbers(&with_shipment_in("delivered")), [0_u64; 0]);
}

#[test]
fn the_decision_of_a_case_is_carried_out_once_and_settles_nothing() {
    let mut warehouse = with_shipment_in("lost");
    for _ in 0..2 {
        assert!(is_ok(&decide(&mut warehouse, 1, "resend")));
    }
    assert_eq!((warehouse.shipment_status(), warehouse.count(DAY_ONE)), ("requested", (4, 0)));
    let made = &warehouse.shipment().resolutions;
    assert_eq!((made.len(), made[0].by.as_str(), made[0].why.as_str()), (1, "ana", "so"));
    conclude(&mut warehouse, 1, "resolved", None);
    assert_eq!((warehouse.shipment().case, numbers(&warehouse)), (None, vec![1]));
    warehouse.carrier_answers(2, "booked");
    report(&mut warehouse, "lost", "second");
    assert_eq!(numbers(&warehouse), [1, 2], "the other parcel is another case");
    assert_eq!(cases(&warehouse)[1]["refused"], Value::Null);
    assert!(is_ok(&decide(&mut warehouse, 2, "close")));
    conclude(&mut warehouse, 2, "resolved", None);
    assert_eq!((warehouse.shipment().is_to_be_resolved(), numbers(&warehouse)), (false, vec![1, 2]));
}

#[test]
fn a_parcel_that_is_lost_before_the_saga_has_ended_is_the_next_case() {
    let mut warehouse = with_shipment_in("lost");
    decide(&mut warehouse, 1, "resend");
    warehouse.carrier_answers(2, "refused");
    assert_eq!((warehouse.shipment_status(), numbers(&warehouse)), ("refused", vec![1]));
    conclude(&mut warehouse, 1, "resolved", None);
    assert_eq!((numbers(&warehouse), cases(&warehouse)[1]["status"].as_str()), (vec![1, 2], Some("refused")));
}

#[test]
fn a_decision_that_is_refused_opens_another_case_that_says_why() {
    let mut warehouse = with_shipment_in("lost");
    warehouse.set("s1", DAY_ONE, 2);
    for _ in 0..2 {
        assert_eq!(reason(&decide(&mut warehouse, 1, "resend")), "not_resolvable");
    }
    assert_eq!(numbers(&warehouse), [1], "the next one waits for the end of the saga");
    conclude(&mut warehouse, 1, "not_resolved", Some("not_resolvable"));
    assert_eq!(numbers(&warehouse), [1, 2]);
    assert_eq!(cases(&warehouse)[1]["refused"], format!("item {DAY_ONE}: 3 wanted, 2 available"));
    assert_eq!(reason(&decide(&mut warehouse, 1, "close")), "not_resolvable", "it was answered before");
    warehouse.set("s2", DAY_ONE, 3);
    assert!(is_ok(&decide(&mut warehouse, 2, "resend")));
}

#[test]
fn a_shipment_is_closed_until_its_refund_is_refused() {
    let mut warehouse = with_shipment_in("lost");
    assert!(is_ok(&decide(&mut warehouse, 1, "close")));
    resolve(&mut warehouse, "resend", "meanwhile");
    let refused = warehouse.shipment().resolutions[1].refused.clone();
    assert_eq!(refused.as_deref(), Some("an operator has closed it"));
    for _ in 0..2 {
        assert!(is_ok(&reopen(&mut warehouse, 1)));
    }
    assert_eq!(reason(&decide(&mut warehouse, 1, "close")), "not_resolvable", "it is withdrawn");
    conclude(&mut warehouse, 1, "not_resolved", Some("more_than_paid"));
    assert_eq!(numbers(&warehouse), [1, 2]);
    assert_eq!(cases(&warehouse)[1]["refused"], "it was withdrawn: more_than_paid");
    assert!(is_ok(&decide(&mut warehouse, 2, "resend")), "it is open again");
    assert_eq!(reason(&reopen(&mut warehouse, 2)), "already_sent");
}

#[test]
fn a_decision_that_is_withdrawn_before_it_is_carried_out_never_is() {
    let mut warehouse = with_shipment_in("lost");
    assert!(is_ok(&reopen(&mut warehouse, 1)));
    assert_eq!(reason(&decide(&mut warehouse, 1, "close")), "not_resolvable");
    assert!(warehouse.shipment().is_to_be_resolved());
    conclude(&mut warehouse, 1, "settled", Some("cancelled_by_operator"));
    assert_eq!(numbers(&warehouse), [1, 2], "the parcel still needs a decision");
}

#[test]
fn a_parcel_that_is_resolved_otherwise_settles_its_case() {
    let mut warehouse = with_shipment_in("lost");
    resolve(&mut warehouse, "resend", "now");
    let settled = json!({"caseId": case_id(&warehouse, 1), "orderId": ORDER, "by": "rui", "why": "now"});
    assert_eq!((cases(&warehouse).pop(), warehouse.shipment().case), (Some(settled), None));
    warehouse.carrier_answers(2, "booked");
    report(&mut warehouse, "lost", "second");
    assert_eq!(numbers(&warehouse), [1, 0, 2]);
    assert_eq!(reason(&decide(&mut warehouse, 1, "resend")), "case_not_open", "of another parcel");
    conclude(&mut warehouse, 1, "settled", Some("settled_elsewhere"));
    assert_eq!(warehouse.shipment().case.unwrap().number, 2);
    report(&mut warehouse, "delivered", "found");
    let settled = cases(&warehouse).pop().unwrap();
    assert_eq!((&settled["by"], &settled["why"]), (&json!("the carrier"), &json!("the shipment is delivered")));
    assert_eq!(numbers(&warehouse), [1, 0, 2, 0]);
}

#[test]
fn a_case_about_which_nobody_decided_is_not_opened_again() {
    let mut warehouse = with_shipment_in("lost");
    conclude(&mut warehouse, 1, "not_decided", Some("decide_timed_out"));
    report(&mut warehouse, "lost", "again");
    assert_eq!((numbers(&warehouse), warehouse.shipment().case.unwrap().number), (vec![1], 1));
    resolve(&mut warehouse, "close", "late");
    assert_eq!((numbers(&warehouse), warehouse.shipment().case), (vec![1, 0], None));
}

#[test]
fn a_shipment_of_an_earlier_release_that_waits_for_a_decision_has_a_case_at_its_next_message() {
    let mut warehouse = with_shipment_in("lost");
    let mut state: Value = serde_json::to_value(Inventory::Shipment(Box::new(warehouse.shipment().clone()))).unwrap();
    for field in ["case", "cases"] {
        assert!(state["shipment"].as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let earlier: Inventory = serde_json::from_value(state.clone()).unwrap();
    assert_eq!(serde_json::to_value(&earlier).unwrap(), state, "it is written as it was");
    warehouse.put_shipment(earlier);
    warehouse.events.clear();
    report(&mut warehouse, "lost", "again");
    assert_eq!(numbers(&warehouse), [1]);
}

#[test]
fn commands_about_an_unknown_shipment_change_nothing() {
    let mut warehouse = TestWarehouse::new();
    let value = json!({"orderId": ORDER, "caseId": ORDER, "action": "close", "by": "ana", "why": "so", "status": "x"});
    assert_eq!(reason(&warehouse.request(RESOLVE_CASE, &value)), "unknown_shipment");
    assert!(is_ok(&warehouse.request(REOPEN_CASE, &value)) && is_ok(&warehouse.request(CONCLUDE_CASE, &value)));
    assert!(warehouse.memory.get(&shipment_key(ORDER)).is_none());
}
