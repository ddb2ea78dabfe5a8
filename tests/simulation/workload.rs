//! The external messages of a run: orders of every kind, as `POST /orders` places them, and results that operators
//! publish on `payment-results`.

use common::blob::{Blob, Payload};
use common::ids::OrderId;
use common::messages::{Headers, Outgoing, header};
use common::payments::PaymentMethod;
use common::time::Timestamp;
use common::topics;
use fastrand::Rng;
use inventory_service::entity::Stock;
use order_service::api::place_body::PlaceOrder;
use order_service::messages::{self, CANCEL, Cancel};
use order_service::order::limits::{Limits, Price};
use order_service::order::{Placed, Status};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hostile;
use crate::kafka::PARTITIONS;

/// The warehouse.
pub const WAREHOUSE: &str = "main";
/// The items with their initial stock: plenty, one, none.
const ITEMS: [(Uuid, u64); 3] = [(Uuid::from_u128(1), 1_000), (Uuid::from_u128(2), 1), (Uuid::from_u128(3), 0)];
const UNKNOWN_ITEM: Uuid = Uuid::from_u128(4);

fn limits() -> Limits {
    let currencies = vec!["BRL".to_owned()];
    let max_amount = "1000.00".to_owned();
    let payment_methods = PaymentMethod::ALL.to_vec();
    let max_items = 10;
    Limits { price: Price::Client, max_items, max_quantity: 100, max_text: 40, max_amount, currencies, payment_methods }
}

/// The warehouse's initial stock.
pub fn stock() -> Vec<Stock> {
    let stock = |(id, on_hand): &(Uuid, u64)| Stock {
        item_id: id.to_string(),
        name: format!("item {}", id.as_u128()),
        warehouse: WAREHOUSE.to_owned(),
        on_hand: *on_hand,
        ..Stock::default()
    };
    ITEMS.iter().map(stock).collect()
}

/// An order, and its final status if nothing is late. `None` if that depends on the sequence of messages.
pub struct Ordered {
    pub placed: Placed,
    pub expected: Option<Status>,
}

/// The external messages.
pub struct Workload {
    pub orders: Vec<Ordered>,
    /// Orders and results, the next one last.
    pub first: Vec<Outgoing>,
    /// Results that are published after all orders have ended.
    pub last: Vec<Outgoing>,
    /// The topics and ids of the hostile messages among them: each becomes a dead letter.
    pub hostile: Vec<(String, String)>,
}

impl Workload {
    /// Draws a workload. A punctual one has no published results.
    pub fn draw(rng: &mut Rng, punctual: bool, now: Timestamp) -> Self {
        let orders: Vec<Ordered> = (0..rng.u32(5..13)).map(|_| order(rng, now)).collect();
        let mut first: Vec<Outgoing> = orders.iter().map(|order| messages::place(&order.placed, None)).collect();
        let mut last = Vec::new();
        if !punctual {
            (0..rng.u32(0..10)).for_each(|_| first.push(published_result(rng, &orders)));
            (0..rng.u32(0..4)).for_each(|_| last.push(published_result(rng, &orders)));
        }
        let hostile: Vec<Outgoing> = (0..rng.usize(0..4)).map(|n| hostile::message(rng, n)).collect();
        let id = |message: &Outgoing| message.headers.get(header::ID).unwrap_or_default().to_owned();
        let hostile_ids = hostile.iter().map(|message| (message.topic.to_string(), id(message))).collect();
        first.extend(hostile);
        rng.shuffle(&mut first);
        if !punctual {
            (0..rng.u32(0..4)).for_each(|_| cancel(rng, &orders, &mut first, now));
        }
        Self { orders, first, last, hostile: hostile_ids }
    }
}

fn order(rng: &mut Rng, now: Timestamp) -> Ordered {
    let (cents, paid) = match rng.u8(0..9) {
        0 | 1 => (13, Status::PaymentNotCompleted),
        2 => (44, Status::PaymentNotCompleted),
        3 => (77, Status::Confirmed),
        4 => (99, Status::Confirmed),
        _ => (50, Status::Confirmed),
    };
    let [(plenty, _), (single, _), (gone, _)] = ITEMS;
    let (items, expected) = match rng.u8(0..12) {
        0 => (vec![(gone, 1)], Some(Status::Rejected)),
        1 => (vec![(plenty, 2), (UNKNOWN_ITEM, 1)], Some(Status::Rejected)),
        2..5 => (vec![(plenty, 1), (single, 1)], None),
        5 => (vec![(plenty, 1), (plenty, 2)], Some(paid)),
        _ => (vec![(plenty, rng.u32(1..4))], Some(paid)),
    };
    let line = |(id, quantity): &(Uuid, u32)| json!({"id": id, "name": "an item", "amount": 1.5, "quantity": quantity});
    let lines: Vec<_> = items.iter().map(line).collect();
    let units = rng.u32(1..500);
    // The customer abandons an action.
    let cents = if cents == 44 && units.is_multiple_of(2) { 33 } else { cents };
    let amount = format!("{units}.{cents}");
    let method = usize::try_from(units).ok().and_then(|units| PaymentMethod::ALL.get(units % 8));
    let choice = method.map(|method| format!(r#", "payment": {{"method": "{}", "token": "pm_1"}}"#, method.name()));
    let customer = random_id(rng);
    let (delivery, expected) = delivery(rng, expected);
    let more = delivery.map_or_else(String::new, |delivery| {
        format!(r#", "customer": {{"name": "Ana", "email": "ana@example.com"}}, "delivery": {delivery}"#)
    });
    let body = format!(
        r#"{{"customerId": "{customer}", "amount": {amount}, "items": {}{more}{}}}"#,
        json!(lines),
        choice.unwrap_or_default()
    );
    let body: PlaceOrder = serde_json::from_str(&body).unwrap();
    let placed = body.checked(&limits(), OrderId(random_id(rng)), now);
    Ordered { placed: placed.unwrap_or_else(|_| panic!("the order is rejected")), expected }
}

/// The delivery, if any, and the order's final status with it. The simulated carrier decides by the postal code.
fn delivery(rng: &mut Rng, expected: Option<Status>) -> (Option<Value>, Option<Status>) {
    let (method, postal_code, end) = match rng.u8(0..8) {
        0 => ("standard", "00000-000", Status::Refunded),
        1 => ("express", "01310-177", Status::Shipped),
        2 => ("pickup", "01310-100", Status::Shipped),
        // Delivered, late, lost, returned to the sender.
        3 => ("standard", ["01310-100", "01310-155", "01310-166", "01310-188"][rng.usize(0..4)], Status::Shipped),
        _ => return (None, expected),
    };
    let address =
        json!({"name": "Ana", "line1": "a street", "city": "a city", "postalCode": postal_code, "country": "BR"});
    let expected = expected.map(|end_without| if end_without == Status::Confirmed { end } else { end_without });
    (Some(json!({"method": method, "address": address})), expected)
}

fn random_id(rng: &mut Rng) -> Uuid {
    Uuid::from_u64_pair(rng.u64(..), rng.u64(..))
}

/// A customer cancels an order after placing it. The next message is last in `first`.
fn cancel(rng: &mut Rng, orders: &[Ordered], first: &mut Vec<Outgoing>, now: Timestamp) {
    let order_id = orders[rng.usize(0..orders.len())].placed.order_id;
    let id = order_id.to_string();
    let cancel = Cancel { order_id, why: "a mistake".to_owned() };
    let message = Outgoing::event(topics::ORDER_COMMANDS, &id, CANCEL, random_id(rng).to_string(), &id, now, &cancel);
    let placed = first.iter().position(|other| other.headers.get(header::SUBJECT) == Some(&*id)).unwrap();
    first.insert(rng.usize(0..=placed), message);
}

/// A result published by an operator: on any partition, without headers, with any key or none.
fn published_result(rng: &mut Rng, orders: &[Ordered]) -> Outgoing {
    let order = orders[rng.usize(0..orders.len())].placed.order_id;
    let order = if rng.u8(0..8) == 0 { OrderId(random_id(rng)) } else { order };
    let value = match rng.u8(0..12) {
        0 => Payload::Null,
        1 => Payload::Bytes(Blob(vec![0xff, 0x00, 0x7b])),
        2 => Payload::Bytes(format!(r#"{{"orderId": "{order}", "status": "perhaps"}}"#).into()),
        3 | 4 => Payload::Bytes(format!(r#"{{"orderId": "{order}", "status": " Approved "}}"#).into()),
        5 => Payload::Bytes(
            format!(r#"{{"orderId":"{order}","status":"approved","paymentId":"receipt of {order}"}}"#).into(),
        ),
        6..9 => {
            Payload::Bytes(format!(r#"{{"orderId":"{order}","status":"declined","reason":"by an operator"}}"#).into())
        }
        _ => Payload::Bytes(format!(r#"{{"orderId":"{order}","status":"approved"}}"#).into()),
    };
    let key = match rng.u8(0..3) {
        0 => Some(Blob::from("any key")),
        1 => Some(order.to_string().into()),
        _ => None,
    };
    let partition = Some(rng.i32(0..PARTITIONS));
    Outgoing {
        topic: topics::PAYMENT_RESULTS.into(),
        partition,
        key,
        headers: Headers::default(),
        value,
        parent_span: None,
    }
}
