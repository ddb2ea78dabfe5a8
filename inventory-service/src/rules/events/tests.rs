//! Tests of the events for external systems.

use std::collections::BTreeSet;

use common::messages::{Outgoing, header};
use common::topics;
use serde_json::{Value, json};

use crate::fixture::{ORDER, TestWarehouse, delivery, message};
use crate::messages::{CANCEL_SHIPMENT, CARRIER_ANSWERED, SHIP, SHIPMENT_EVENT};

/// The names of the events of these messages, each sent twice.
fn names(messages: &[(&str, Value)]) -> String {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.handler.rules.events = true;
    let twice = messages.iter().flat_map(|(kind, value)| [message(kind, value), message(kind, value)]);
    let sent: Vec<Outgoing> = twice.flat_map(|message| warehouse.handle(&message)).collect();
    let events: Vec<_> = sent.iter().filter(|message| message.topic == topics::SHIPMENT_EVENTS).collect();
    let ids: BTreeSet<_> = events.iter().map(|event| event.headers.get(header::ID).unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "each event has an id of its own");
    for event in &events {
        let value: Value = serde_json::from_slice(event.value.bytes().unwrap()).unwrap();
        assert_eq!((&value["orderId"], event.key.clone()), (&json!(ORDER), Some(ORDER.into())));
        assert!(!value.to_string().contains("Paulista"), "no address: {value}");
    }
    let name = |event: &&Outgoing| event.headers.get(header::TYPE).unwrap().trim_start_matches("shipment.").to_owned();
    events.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn answered(outcome: &str) -> (&'static str, Value) {
    (CARRIER_ANSWERED, json!({"orderId": ORDER, "outcome": outcome, "call": 1}))
}

fn stage(stage: &str) -> (&'static str, Value) {
    (SHIPMENT_EVENT, json!({"orderId": ORDER, "status": stage}))
}

#[test]
fn every_stage_of_a_shipment_is_published_once() {
    let ship = || (SHIP, delivery("standard"));
    let cancel = || (CANCEL_SHIPMENT, json!({"orderId": ORDER}));
    assert_eq!(names(&[ship()]), "", "a shipment exists when the carrier has accepted it");
    let all = ["pickup_booked", "picked", "handed_over", "in_transit", "lost", "delivered"].map(stage);
    let all: Vec<_> = [ship(), answered("booked")].into_iter().chain(all).collect();
    assert_eq!(names(&all), "created pickup-booked picked handed-over in-transit lost delivered");
    assert_eq!(names(&[ship(), answered("booked"), stage("returned_to_sender")]), "created returned-to-sender");
    let late = [ship(), answered("booked"), stage("delivered"), stage("picked")];
    assert_eq!(names(&late), "created delivered picked", "a late report is published when it is recorded");
    assert_eq!(names(&[ship(), answered("booked"), cancel()]), "created cancelled");
    assert_eq!(names(&[ship(), answered("refused")]), "refused");
    assert_eq!(names(&[(SHIP, delivery("pickup"))]), "created");
    assert_eq!(names(&[cancel(), ship()]), "", "it was cancelled before it was requested");
}
