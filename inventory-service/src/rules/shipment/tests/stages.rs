//! The events of carriers: in any order, repeated, late and contradicting, and those of the simulated carrier.

use std::collections::BTreeSet;
use std::time::Duration;

use common::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::entity::shipment::{Shipment, StageEffect, StageReport};
use crate::entity::{Inventory, ShipmentStatus, shipment_key};
use crate::fixture::{ORDER, TestWarehouse, delivery, reason};
use crate::messages::{SHIP, SHIPMENT_EVENT, Stage};

const STAGES: [Stage; 7] = [
    Stage::PickupBooked,
    Stage::Picked,
    Stage::HandedOver,
    Stage::InTransit,
    Stage::Delivered,
    Stage::ReturnedToSender,
    Stage::Lost,
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn created() -> Shipment {
    TestWarehouse::with_created_shipment().shipment().clone()
}

/// An event: the stage, the number of its id, and when it happened.
type CarrierEvent = (Stage, u8, i64);

fn events() -> impl Strategy<Value = Vec<CarrierEvent>> {
    vec((select(&STAGES[..]), 0..12_u8, 0..1_000_i64), 0..40)
}

fn track(shipment: &mut Shipment, (stage, id, at): CarrierEvent) {
    let event = format!("event {stage:?} {id}");
    shipment.track(StageReport { stage, event: &event, tracking_number: None }, Timestamp(at), None);
}

proptest! {
    #[test]
    fn no_event_moves_a_shipment_backwards_and_each_stage_is_recorded_once(events in events()) {
        let mut shipment = created();
        for event in events {
            let before = shipment.clone();
            track(&mut shipment, event);
            prop_assert!(shipment.status.progress() >= before.status.progress(), "{event:?} of {before:?}");
            prop_assert!(shipment.history.starts_with(&before.history));
            prop_assert_eq!(shipment.delivered_at.is_some(), shipment.status == ShipmentStatus::Delivered);
            prop_assert!(shipment.status.is_underway() || shipment.wake_at().is_none(), "nothing more is due");
            let again = shipment.clone();
            track(&mut shipment, event);
            prop_assert_eq!(&shipment, &again, "a repeated event changes nothing");
        }
        let statuses: BTreeSet<_> = shipment.history.iter().map(|entry| entry.status.name()).collect();
        prop_assert_eq!(statuses.len(), shipment.history.len());
    }

    #[test]
    fn the_order_of_the_events_does_not_matter_unless_they_contradict(
        events in events(),
        shuffled in any::<u64>(),
        other in select(vec![Stage::Delivered, Stage::ReturnedToSender]),
    ) {
        let mut events: Vec<CarrierEvent> = events.into_iter().filter(|(stage, ..)| *stage != other).collect();
        let mut first = created();
        events.iter().for_each(|event| track(&mut first, *event));
        fastrand::Rng::with_seed(shuffled).shuffle(&mut events);
        let mut second = created();
        events.iter().for_each(|event| track(&mut second, *event));
        prop_assert_eq!(first.status, second.status);
    }
}

#[test]
fn a_delivery_and_a_return_to_the_sender_contradict_each_other_and_the_first_counts() {
    for (first, second) in [("delivered", "returned_to_sender"), ("returned_to_sender", "delivered")] {
        let mut warehouse = TestWarehouse::with_created_shipment();
        for event in [first, second, "lost"] {
            warehouse.report(event);
        }
        assert_eq!(warehouse.shipment_status(), first);
        assert_eq!(warehouse.shipment().history.len(), 5, "all are recorded");
    }
}

#[test]
fn a_lost_shipment_may_be_found() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    warehouse.report("lost");
    assert_eq!((warehouse.shipment_status(), warehouse.shipment().delivered_at), ("lost", None));
    assert_eq!(reason(&warehouse.cancel_shipment()), "already_handed_over");
    warehouse.report("delivered");
    assert_eq!((warehouse.shipment_status(), warehouse.shipment().delivered_at), ("delivered", Some(Timestamp(5))));
}

#[test]
fn an_event_has_its_time_but_none_in_the_future_and_its_id() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    warehouse.now = Timestamp(5_000);
    let event = |id: &str, status: &str, at: i64| {
        let at = Timestamp(at);
        json!({"orderId": ORDER, "status": status, "eventId": id, "at": at, "note": "Recife"})
    };
    warehouse.send(SHIPMENT_EVENT, &event("e1", "in_transit", 4_000));
    warehouse.send(SHIPMENT_EVENT, &event("e1", "delivered", 4_500));
    assert_eq!(warehouse.shipment_status(), "in_transit", "an id is used once");
    warehouse.send(SHIPMENT_EVENT, &event("e2", "delivered", 9_000));
    let shipment = warehouse.shipment();
    assert_eq!(shipment.delivered_at, Some(Timestamp(5_000)));
    let last: Vec<_> = shipment.history.iter().rev().take(2).map(|entry| (entry.event.as_deref(), entry.at)).collect();
    assert_eq!(last, [(Some("e2"), Timestamp(5_000)), (Some("e1"), Timestamp(4_000))]);
    let early = json!({"orderId": ORDER, "status": "delivered", "at": Timestamp(-7)});
    let mut warehouse = TestWarehouse::with_created_shipment();
    warehouse.send(SHIPMENT_EVENT, &early);
    assert_eq!(warehouse.shipment().delivered_at, Some(Timestamp(5)), "nothing arrives before it is sent");
}

#[test]
fn an_event_of_another_tracking_number_is_not_of_this_shipment() {
    let shipment = created();
    let number = shipment.tracking_number.as_deref();
    let report = |tracking_number| StageReport { stage: Stage::Lost, event: "e", tracking_number };
    assert_eq!(shipment.effect_of(report(number)), Ok(StageEffect::Enters));
    assert!(shipment.effect_of(report(Some("other"))).unwrap_err().contains("tracking number other"));
}

#[test]
fn a_shipment_that_is_collected_has_no_stages_of_a_carrier() {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.ship("pickup");
    for stage in ["pickup_booked", "handed_over", "in_transit", "lost", "returned_to_sender"] {
        warehouse.report(stage);
        assert_eq!(warehouse.shipment_status(), "created", "{stage}");
    }
    warehouse.report("delivered");
    assert_eq!(warehouse.shipment_status(), "delivered");
    assert_eq!(warehouse.shipment().late_due, None, "it waits for its customer");
}

#[test]
fn a_shipment_is_late_once_when_its_day_has_passed_in_the_warehouse() {
    let mut warehouse = TestWarehouse::with_created_shipment();
    assert_eq!(warehouse.shipment().estimated_date.as_deref(), Some("1970-01-22"));
    let end = Timestamp(0).plus(22 * DAY);
    assert_eq!(warehouse.shipment().late_due, Some(end));
    warehouse.advance_to(Timestamp(end.0 - 1));
    assert_eq!(warehouse.shipment().late_since, None);
    warehouse.advance_to(end);
    assert_eq!((warehouse.shipment().late_since, warehouse.shipment().late_due), (Some(end), None));
    warehouse.report("delivered");
    assert_eq!(warehouse.shipment().late_since, Some(end), "it was late");

    let mut punctual = TestWarehouse::with_created_shipment();
    punctual.report("delivered");
    assert_eq!(punctual.shipment().late_due, None);
    assert!(!punctual.shipment().is_open());
}

/// Ships to a postal code with the simulated carrier at this speed, waits, and returns the history since the booking.
fn simulate(postal_code: &str, speed: u32, wait: Duration) -> (TestWarehouse, String) {
    let mut warehouse = TestWarehouse::with_reserved_order();
    warehouse.handler.rules.shipping.simulated_speed = speed;
    let mut value = delivery("standard");
    value["delivery"]["address"]["postalCode"] = postal_code.into();
    warehouse.send(SHIP, &value);
    warehouse.carrier_answers(1, "booked");
    warehouse.advance_to(warehouse.now.plus(wait));
    let history = warehouse.shipment().history.iter().skip(2).map(|entry| entry.status.name()).collect::<Vec<_>>();
    let history = history.join(" ");
    (warehouse, history)
}

#[test]
fn the_simulated_carrier_reports_its_events_by_itself() {
    let underway = "pickup_booked picked handed_over in_transit";
    for (code, last, is_late) in [
        ("50000-001", "delivered", false),
        ("50000-055", "delivered", true),
        ("50000-066", "lost", true),
        ("50000-088", "returned_to_sender", false),
    ] {
        let (warehouse, history) = simulate(code, 86_400, Duration::from_secs(60));
        assert_eq!((history, warehouse.shipment_status()), (format!("{underway} {last}"), last), "{code}");
        assert_eq!(warehouse.shipment().late_since.is_some(), is_late, "{code}");
        assert!(!warehouse.shipment().is_open());
        let delivered = warehouse.shipment().delivered_at.map(|at| at.0);
        // 21 days until the estimated date, a second each, and three more for a late one.
        let expected = [("50000-001", 21_005), ("50000-055", 24_005)];
        assert_eq!(delivered, expected.iter().find(|(of, _)| *of == code).map(|(_, at)| *at), "{code}");
    }
}

#[test]
fn at_normal_speed_the_simulated_carrier_delivers_on_the_estimated_date() {
    assert_eq!(simulate("50000-001", 1, 2 * DAY).1, "", "the first event comes after a tenth of the time");
    assert_eq!(simulate("50000-001", 1, 3 * DAY).1, "pickup_booked");
    assert!(simulate("50000-001", 1, 21 * DAY).1.ends_with("delivered"));
    let (warehouse, history) = simulate("50000-001", 0, 30 * DAY);
    assert_eq!(history, "", "at speed 0 it reports nothing");
    assert!(warehouse.shipment().late_since.is_some());
}

#[test]
fn the_simulated_carrier_passes_over_what_was_reported_already() {
    let (mut warehouse, _) = simulate("50000-001", 86_400, Duration::from_secs(1));
    warehouse.report("handed_over");
    warehouse.advance_to(warehouse.now.plus(Duration::from_secs(30)));
    let history: Vec<_> = warehouse.shipment().history.iter().skip(2).map(|entry| entry.status.name()).collect();
    assert_eq!(history, ["handed_over", "in_transit", "delivered"]);
}

#[test]
fn a_shipment_of_an_earlier_release_is_read_and_continues() {
    let (mut warehouse, _) = simulate("50000-001", 1, Duration::ZERO);
    let key = shipment_key(ORDER);
    let mut old = serde_json::to_value(warehouse.memory.get(&key).unwrap()).unwrap();
    for name in ["lateDue", "simulated"] {
        old["shipment"].as_object_mut().unwrap().remove(name).unwrap();
    }
    let read: Inventory = serde_json::from_value(old).unwrap();
    let shipment = read.shipment().unwrap();
    assert!(!shipment.is_open() && shipment.late_since.is_none(), "it is not late at once");
    warehouse.report("delivered");
    assert_eq!(warehouse.shipment_status(), "delivered");
}
