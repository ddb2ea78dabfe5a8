//! The rules of an order, one test a rule.

use common::blob::Payload;
use common::journal::Memory;
use common::messages::Headers;
use serde_json::{Value, json};

use super::*;
use crate::cancel::CANCEL_REQUESTED;
use crate::conclude::PROGRESS;
use crate::order::delivery::Method;

const ORDER: &str = "018f3f2a-0000-7000-8000-000000000001";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn message(kind: &str, id: &str, value: &Value) -> Message {
    let mut headers = Headers::default();
    headers.push(header::ID, id);
    headers.push(header::TYPE, kind);
    headers.push(header::TRACEPARENT, TRACE);
    headers.push(header::SAGA_ID, ORDER);
    headers.push(header::STEP, "ending");
    let value = Some(value.to_string().into_bytes());
    let (topic, timestamp) = (topics::ORDER_COMMANDS.into(), Timestamp(0));
    Message { topic, partition: 0, offset: 7, timestamp, key: Some(ORDER.into()), headers, value }
}

fn place_message(id: &str) -> Message {
    let items = json!([{"id": "3852cb18-9c19-4326-ac77-a1a0264bd98c", "name": "day-one", "amountMinor": 20_000, "quantity": 1}]);
    let customer = "e081ad0f-f83e-4f81-b2d7-23655ac04b8a";
    message(
        PLACE,
        id,
        &json!({"orderId": ORDER, "customerId": customer, "amountMinor": 1050, "currency": "BRL", "items": items,
            "createdAt": "2026-01-02T03:04:05.678Z"}),
    )
}

fn conclude_message(id: &str, status: &str) -> Message {
    let steps = json!([{"step": "reserve", "label": "Reserve stock", "status": "done", "attempts": 1,
        "startedAt": "2026-01-02T03:04:06.000Z", "endedAt": "2026-01-02T03:04:06.020Z"}]);
    message(CONCLUDE, id, &json!({"orderId": ORDER, "status": status, "reason": "because", "steps": steps}))
}

#[derive(Default)]
struct Service(Memory<Kept>);

impl Service {
    fn take(&mut self, message: &Message) -> Vec<Outgoing> {
        self.0.decide(&Orders::default(), Trigger::Message(message), Timestamp(9_000))
    }

    fn placed() -> Self {
        let mut service = Self::default();
        service.take(&place_message("p1"));
        service
    }

    fn order(&self) -> Order {
        self.0.get(&key(ORDER)).and_then(Kept::order).unwrap().clone()
    }
}

fn answer(sent: &[Outgoing]) -> Value {
    let [reply] = sent else { panic!("one reply, not {sent:?}") };
    assert_eq!(reply.topic, topics::SAGA_REPLIES);
    serde_json::from_slice(reply.value.bytes().unwrap()).unwrap()
}

#[test]
fn a_placed_order_is_pending_and_announced_as_it_was_placed() {
    let mut service = Service::default();
    let sent = service.take(&place_message("p1"));
    let [created] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&*created.topic, created.headers.get(header::TYPE)), (topics::CREATED_ORDERS, Some(CREATED)));
    assert_eq!(created.key, Some(ORDER.into()));
    assert!(created.headers.get(header::TRACEPARENT).unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    let told: Value = serde_json::from_slice(created.value.bytes().unwrap()).unwrap();
    let asked: Value = serde_json::from_slice(&place_message("p1").value.unwrap()).unwrap();
    assert_eq!(told, asked);
    let order = service.order();
    assert!(order.status == Status::Pending && order.is_underway() && order.updated_at == order.placed.created_at);
}

#[test]
fn placing_twice_changes_nothing_and_announces_nothing() {
    let mut service = Service::placed();
    let before = service.order();
    assert_eq!(service.take(&place_message("p1")), []);
    assert_eq!(service.take(&place_message("p2")), []);
    assert_eq!(service.order(), before);
}

#[test]
fn placing_an_order_that_has_ended_does_not_begin_it_again() {
    let mut service = Service::placed();
    service.take(&conclude_message("c1", "confirmed"));
    assert_eq!(service.take(&place_message("p1")), []);
    assert_eq!(service.order().status, Status::Confirmed);
}

#[test]
fn the_event_of_a_new_order_has_an_id_derived_from_what_placed_it() {
    let id = |place| Service::default().take(&place_message(place))[0].headers.get(header::ID).unwrap().to_owned();
    assert_eq!(id("p1"), id("p1"));
    assert_ne!(id("p1"), id("p2"));
}

#[test]
fn an_order_ends_with_status_reason_and_steps() {
    let mut service = Service::placed();
    let sent = service.take(&conclude_message("c1", "payment_not_completed"));
    assert_eq!(answer(&sent), json!({"outcome": "ok", "data": {}}));
    assert_eq!(sent[0].headers.get(header::STEP), Some("ending"));
    let order = service.order();
    assert_eq!((order.status, order.reason.as_deref()), (Status::PaymentNotCompleted, Some("because")));
    assert_eq!((order.updated_at, order.steps.len(), order.is_underway()), (Timestamp(9_000), 1, false));
}

#[test]
fn the_same_ending_twice_is_answered_the_same_and_changes_nothing() {
    let mut service = Service::placed();
    let first = service.take(&conclude_message("c1", "rejected"));
    let before = service.order();
    assert_eq!(service.take(&conclude_message("c1", "rejected")), first);
    assert_eq!(answer(&service.take(&conclude_message("c2", "rejected")))["outcome"], "ok");
    assert_eq!(service.order(), before);
}

#[test]
fn another_ending_than_the_first_is_refused() {
    let mut service = Service::placed();
    service.take(&conclude_message("c1", "confirmed"));
    let refusal = answer(&service.take(&conclude_message("c2", "cancelled")));
    assert_eq!((&refusal["outcome"], &refusal["reason"]), (&json!("refused"), &json!("already_ended")));
    assert_eq!(service.order().status, Status::Confirmed);
}

#[test]
fn an_unknown_order_cannot_end_and_is_not_made_up() {
    let mut service = Service::default();
    assert_eq!(answer(&service.take(&conclude_message("c1", "confirmed")))["reason"], "unknown_order");
    assert!(service.0.get(&key(ORDER)).is_none());
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_changes_nothing() {
    let mut none = place_message("p1");
    none.value = None;
    let mut zero = place_message("p1");
    zero.value = zero.value.map(|v| String::from_utf8(v).unwrap().replace("\"quantity\":1", "\"quantity\":0").into());
    let bad = [
        message(PLACE, "p1", &json!({"orderId": "not an id"})),
        message("order.destroy", "p1", &json!({"orderId": ORDER})),
        conclude_message("c1", "pending"),
        conclude_message("c1", "lost"),
        none,
        zero,
    ];
    for message in bad {
        let mut service = Service::default();
        let sent = service.take(&message);
        assert_eq!((sent.len(), &*sent[0].topic), (1, "order-commands.dlq"), "{message:?}");
        assert_eq!(sent[0].value.bytes(), message.value.as_deref());
        assert!(service.0.get(&key(ORDER)).is_none());
    }
}

#[test]
fn an_order_keyed_by_something_else_is_not_taken_by_the_wrong_partition() {
    let (mut memory, store) = (Memory::default(), std::collections::BTreeMap::new());
    let wrong = 1 - topics::partition_of(ORDER.as_bytes(), 2);
    let mut tx = Transaction::over(&mut memory, &store, wrong, 2);
    let taken = Orders::default().decide(&mut tx, Trigger::Message(&place_message("p1")), Timestamp(0));
    assert!(taken.unwrap_err().to_string().contains("use its id as the key"));
}

#[test]
fn every_status_reads_back_from_its_name() {
    for status in Status::ALL {
        assert_eq!(Status::parse(status.as_str()), Some(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    assert_eq!(Status::parse("Pending"), None);
}

#[test]
fn a_dead_letter_carries_the_bytes() {
    let sent = Service::default().take(&message("x", "1", &json!({})));
    assert!(matches!(sent[0].value, Payload::Bytes(_)));
}

fn cancel_message(id: &str, why: &str) -> Message {
    message(CANCEL, id, &json!({"orderId": ORDER, "why": why}))
}

#[test]
fn a_pending_order_that_is_taken_back_remembers_it_and_passes_it_on_once() {
    let mut service = Service::placed();
    let sent = service.take(&cancel_message("c1", "the wrong day"));
    let [event] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&*event.topic, event.headers.get(header::TYPE)), (topics::CREATED_ORDERS, Some(CANCEL_REQUESTED)));
    assert_eq!((event.key.clone(), event.headers.get(header::SUBJECT)), (Some(ORDER.into()), Some(ORDER)));
    let told: Value = serde_json::from_slice(event.value.bytes().unwrap()).unwrap();
    assert_eq!(told, json!({"orderId": ORDER, "by": "customer", "why": "the wrong day"}));
    let order = service.order();
    assert!(order.status == Status::Pending && order.is_underway(), "the orchestrator decides");
    assert_eq!(order.cancellation.clone().unwrap().why, "the wrong day");
    assert_eq!(service.take(&cancel_message("c2", "again")), []);
    assert_eq!(service.order(), order);
}

#[test]
fn what_has_ended_is_not_taken_back() {
    let mut service = Service::placed();
    service.take(&conclude_message("m", "confirmed"));
    let order = service.order();
    assert_eq!(service.take(&cancel_message("c", "too late")), []);
    assert_eq!(service.order(), order);
}

#[test]
fn an_order_that_nobody_placed_is_not_taken_back() {
    let sent = Service::default().take(&cancel_message("c", "what?"));
    assert_eq!(sent[0].topic, topics::dead_letters(topics::ORDER_COMMANDS));
}

fn progress_message(status: &str) -> Message {
    let steps = json!([{"step": "reserve", "status": "done", "attempts": 1}]);
    message(PROGRESS, status, &json!({"orderId": ORDER, "status": status, "steps": steps}))
}

#[test]
fn an_order_goes_on_as_its_saga_tells_and_never_back() {
    let mut service = Service::placed();
    assert_eq!(service.take(&progress_message("awaiting_payment")), [], "it is told, not asked");
    assert_eq!(service.order().status, Status::AwaitingPayment);
    assert_eq!(service.order().steps.len(), 1);
    let before = service.order();
    service.take(&progress_message("reserved"));
    service.take(&progress_message("awaiting_payment"));
    assert_eq!(service.order(), before, "what comes late or again changes nothing");
    service.take(&conclude_message("c", "confirmed"));
    service.take(&progress_message("paid"));
    let order = service.order();
    let statuses: Vec<_> = order.changes.iter().map(|change| change.status).collect();
    assert_eq!((order.status, statuses), (Status::Confirmed, vec![Status::AwaitingPayment, Status::Confirmed]));
    let letter = &service.take(&progress_message("confirmed"))[0];
    assert_eq!(letter.topic, "order-commands.dlq", "no saga confirms in passing");
}

#[test]
fn one_that_is_shipped_is_not_only_confirmed_and_one_that_was_paid_is_not_only_cancelled() {
    let ends = |status: &str, more: Value| {
        let mut service = Service::placed();
        let mut value = json!({"orderId": ORDER, "status": status, "steps": []});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        service.take(&message(CONCLUDE, "c", &value));
        assert_eq!(answer(&service.take(&message(CONCLUDE, "again", &value)))["outcome"], "ok");
        service.order()
    };
    let shipment = json!({"shipmentId": "s", "trackingNumber": "BR1", "estimatedDate": "2026-11-27"});
    let shipped = ends("confirmed", json!({"shipment": shipment, "payment": {"status": "approved"}}));
    assert_eq!((shipped.status, shipped.shipment.unwrap().tracking_number.as_deref()), (Status::Shipped, Some("BR1")));
    let refunded = ends("cancelled", json!({"shipment": shipment, "payment": {"status": "Approved"}}));
    assert_eq!((refunded.status, refunded.shipment), (Status::Refunded, None));
    assert_eq!(ends("cancelled", json!({"payment": {"status": "declined"}})).status, Status::Cancelled);
    assert_eq!(ends("cancelled", json!({})).status, Status::Cancelled);
}

#[test]
fn what_an_earlier_release_wrote_is_still_read() {
    let old = r#"{"placed":{"orderId":"018f3f2a-0000-7000-8000-000000000001","customerId":"e081ad0f-f83e-4f81-b2d7-23655ac04b8a",
        "amountMinor":1050,"currency":"BRL","items":[{"id":"a","name":"day-one","amountMinor":20000,"quantity":1}],
        "createdAt":"2026-01-02T03:04:05.678Z"},"status":"confirmed","updatedAt":"2026-01-02T03:04:06.000Z",
        "steps":[{"step":"reserve","status":"done","attempts":1}]}"#;
    let kept: Kept = serde_json::from_str(old).unwrap();
    let order = kept.order().unwrap();
    assert!(!order.is_underway() && order.placed.customer.is_none() && order.changes.is_empty());
    let written = serde_json::to_value(&kept).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(old).unwrap(), "and is written as it was");
}

#[test]
fn whatever_is_kept_is_read_as_it_was_written() {
    let mut placed = Service::placed().order();
    placed.placed.delivery = Some(crate::order::delivery::Delivery { method: Method::Pickup, address: None });
    let series = Kept::Series(crate::invoice::Series { last: 7 });
    for kept in [placed.into(), series] {
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_value::<Kept>(value).unwrap(), kept);
    }
    assert!(serde_json::from_str::<Kept>("{}").is_err());
}
